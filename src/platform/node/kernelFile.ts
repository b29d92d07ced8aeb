// Where the compiled kernels lie on disk, and reading them; building them is kernels/build.mjs.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BackendUnavailableError } from '../../errors.ts';
import { BUILD } from './threads.ts';

/** Each in a literal URL, which bundlers follow. */
const FILES = {
  'varpool.wasm': () => new URL('../../kernels/varpool.wasm', import.meta.url),
  'varpool-emulated.wasm': () => new URL('../../kernels/varpool-emulated.wasm', import.meta.url),
  'build.json': () => new URL('../../kernels/build.json', import.meta.url),
};

export type KernelFile = keyof typeof FILES;

/** Bytes of a file of dist/kernels; throws BackendUnavailableError where it is missing. */
export async function readKernelFile(name: KernelFile): Promise<Uint8Array<ArrayBuffer>> {
  const path = fileURLToPath(BUILD === null ? FILES[name]() : `${BUILD}kernels/${name}`);
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new BackendUnavailableError(
      `kernels: expected a readable ${path}, got ${(cause as NodeJS.ErrnoException).code} — run npm run build, or install varpool again`,
      { cause },
    );
  }
}

/**
 * SHA-256 (hex) of the kernels' sources with compiler and flags, and of the module: the kernel build hash of
 * a manifest.
 */
export interface KernelBuild {
  readonly sources: string;
  readonly wasm: string;
  /** Of the module for engines without a fused multiply-add. */
  readonly emulated: string;
  readonly bytes: number;
}

/** What kernels/build.mjs noted of the module in use. */
export async function kernelBuild(): Promise<KernelBuild> {
  return JSON.parse(new TextDecoder().decode(await readKernelFile('build.json'))) as KernelBuild;
}
