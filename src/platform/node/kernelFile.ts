// Where the compiled kernels lie on disk, and reading them; building them is kernels/build.mjs.

import { readFile } from 'node:fs/promises';
import { BackendUnavailableError } from '../../errors.ts';
import { BUILD } from './threads.ts';

export type KernelFile = 'varpool.wasm' | 'varpool-emulated.wasm' | 'build.json';

/** Bytes of a file of dist/kernels; throws BackendUnavailableError where it is missing. */
export async function readKernelFile(name: KernelFile): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await (BUILD === null ? read(name) : readFile(new URL(`${BUILD}kernels/${name}`))));
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException;
    throw new BackendUnavailableError(
      `kernels: expected a readable ${path ?? name}, got ${code} — run npm run build, or install varpool again`,
      { cause },
    );
  }
}

/** Each by a literal URL where it is read, which bundlers and tracers follow. */
function read(name: KernelFile): Promise<Buffer> {
  switch (name) {
    case 'varpool.wasm':
      return readFile(new URL('../../kernels/varpool.wasm', import.meta.url));
    case 'varpool-emulated.wasm':
      return readFile(new URL('../../kernels/varpool-emulated.wasm', import.meta.url));
    default:
      return readFile(new URL('../../kernels/build.json', import.meta.url));
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
