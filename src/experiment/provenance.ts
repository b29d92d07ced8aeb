// Where a run was made: the package's version, the kernels' build, and the machine.

import { existsSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { requireFrom } from '../backend/optionalPackage.node.ts';
import { ConfigError } from '../errors.ts';
import { readTextFile } from '../files/fileProblems.ts';
import { parseStrictJson } from '../files/text/strictJson.ts';
import { oneLine } from '../messages.ts';
import { cpuFeatures } from './cpuFeatures.ts';

const LIMIT_BYTES = 1_048_576;

/** Version of this package, as it was when it was first asked for: the files may be replaced while a training runs. */
export function varpoolVersion(): string {
  return ownPackage().version;
}

/**
 * Versions of what varpool runs with, by name: V8, and each package of its own package.json that is installed.
 * @throws ConfigError, in one line, when a package.json is damaged
 */
export function packageVersions(): Record<string, string> {
  const { dependencies, optionalDependencies } = ownPackage();
  const versions: Record<string, string> = { v8: process.versions.v8 };
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies }).sort()) {
    // Not by import: a package need not export its package.json.
    const folders = requireFrom(import.meta.url).resolve.paths(name) ?? [];
    const path = folders.map((folder) => join(folder, name, 'package.json')).find(existsSync);
    if (path !== undefined) versions[name] = readPackage(path).version;
  }
  return versions;
}

const packageSchema = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
});

let own: z.output<typeof packageSchema> | undefined;

function ownPackage(): z.output<typeof packageSchema> {
  // Two folders up from src/experiment and from dist/experiment alike.
  own ??= readPackage(fileURLToPath(new URL('../../package.json', import.meta.url)));
  return own;
}

function readPackage(path: string): z.output<typeof packageSchema> {
  return readJson(
    path,
    'the package.json of varpool or of a package it needs',
    packageSchema,
    'install varpool again',
  );
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
  /** Vector instruction sets; empty where the system does not tell. */
  readonly features: string[];
}

export function currentPlatform(): Platform {
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    features: cpuFeatures(),
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
