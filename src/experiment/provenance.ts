// Where a run was made: the package's version, the kernels' build, and the machine.

import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { ConfigError } from '../errors.ts';
import { oneLine } from './configProblems.ts';
import { readTextFile } from './fileProblems.ts';
import { parseStrictJson } from './strictJson.ts';

const LIMIT_BYTES = 1_048_576;

let version: string | undefined;

/** Version of this package, as it was when it was first asked for: the files may be replaced while a training runs. */
export function varpoolVersion(): string {
  version ??= readVersion();
  return version;
}

function readVersion(): string {
  // Two folders up from src/experiment and from dist/experiment alike.
  const path = fileURLToPath(new URL('../../package.json', import.meta.url));
  return readJson(
    path,
    'the package.json of varpool',
    z.object({ version: z.string() }),
    'install varpool again',
  ).version;
}

/** What was built of kernels/: SHA-256 in hex of the sources (with flags and compiler) and of the module made of them. */
export interface KernelBuild {
  readonly sources: string;
  readonly wasm: string;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * Reads the build.json that the build leaves beside the compiled kernels.
 * @throws ConfigError, in one line, when it is missing or damaged
 */
export function readKernelBuild(path: string): KernelBuild {
  return readJson(
    path,
    'the record of the kernel build',
    z.object({ sources: sha256, wasm: sha256 }),
    'run npm run build',
  );
}

/** The machine and Node, as a manifest tells them. */
export interface Platform {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly cpu: string;
  readonly cores: number;
}

export function currentPlatform(): Platform {
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
  };
}

function readJson<Schema extends z.ZodType>(
  path: string,
  expected: string,
  schema: Schema,
  next: string,
): z.output<Schema> {
  const text = readTextFile(path, expected, LIMIT_BYTES, ConfigError);
  const value = parseStrictJson(Buffer.from(text), 64, path, ConfigError);
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new ConfigError(oneLine(`${path}: expected ${expected}, got something else — ${next}`));
  return parsed.data;
}
