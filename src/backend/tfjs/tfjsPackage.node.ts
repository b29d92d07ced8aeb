// Which TensorFlow.js is installed, and loading it into this thread: quiet, and on Node 23 and later with what tfjs-node
// misses there. Nothing here is imported until it is asked for; what is computed with it is tfjsGemm.ts.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireFrom } from '../optionalPackage.node.ts';
import type { Tfjs } from './tfjsGemm.ts';

/** A package that can multiply matrices; crosses to workers. */
export interface TfjsChoice {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/** Packages in the order they are looked for, fastest first, with the backend each is used through. */
const PACKAGES: Readonly<Record<string, { readonly backend: string; readonly means: string }>> = {
  '@tensorflow/tfjs-node': { backend: 'tensorflow', means: "TensorFlow's own kernels" },
  '@tensorflow/tfjs-backend-wasm': { backend: 'wasm', means: 'XNNPACK in WebAssembly' },
  '@tensorflow/tfjs': { backend: 'cpu', means: 'plain JavaScript, slow' },
};
const NAMES = Object.keys(PACKAGES);

/** What a loaded TensorFlow.js is asked besides what products need. */
interface LoadableTfjs extends Tfjs {
  enableProdMode(): void;
  setBackend(name: string): boolean | Promise<boolean>;
  ready(): Promise<void>;
}

/** What tfjs-backend-wasm wants to know before it starts. */
interface WasmSettings {
  setWasmPaths?(prefix: string): void;
  setThreadsCount?(threads: number): void;
}

/** One line about a choice, for people. */
export function describeTfjs({ name, version }: TfjsChoice): string {
  return `${name} ${version} (${PACKAGES[name].means})`;
}

/**
 * The package to use: the one VARPOOL_TFJS names (a package or a folder), else the first of PACKAGES that can be found from
 * varpool or from the working directory.
 */
export function findTfjs():
  | { readonly ok: true; readonly choice: TfjsChoice }
  | { readonly ok: false; readonly reason: string } {
  const wanted = process.env.VARPOOL_TFJS;
  for (const name of wanted === undefined || wanted === '' ? NAMES : [wanted]) {
    const choice = packageAt(name);
    if (choice === null) continue;
    if (Object.hasOwn(PACKAGES, choice.name)) return { ok: true, choice };
    return {
      ok: false,
      reason: `VARPOOL_TFJS: expected one of ${NAMES.join(', ')}, got ${choice.name} — name one of these`,
    };
  }
  return {
    ok: false,
    reason:
      wanted === undefined || wanted === ''
        ? `none of ${NAMES.join(', ')} is installed — npm install ${NAMES[0]}`
        : `no package at VARPOOL_TFJS=${wanted} — name ${NAMES[0]} or its folder`,
  };
}

function packageAt(wanted: string): TfjsChoice | null {
  const folder = existsSync(join(wanted, 'package.json')) ? resolve(wanted) : folderOf(wanted);
  if (folder === null) return null;
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as TfjsChoice;
  return { name, version, folder };
}

function folderOf(name: string): string | null {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href]) {
    try {
      return dirname(requireFrom(from).resolve(`${name}/package.json`));
    } catch {
      // Not there; the next place may have it.
    }
  }
  return null;
}

/**
 * One thread a worker, for the workers share the cores out already; and no news at start. Must precede the first load in this
 * process, and what the user has set stays. In a worker this has no effect: its environment is a copy.
 */
export function quietOneThread(): void {
  process.env.TF_NUM_INTRAOP_THREADS ??= '1';
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
}

/** Loads the package into this thread and makes its backend the current one. @throws whatever it throws when it cannot run */
export async function loadTfjs({ name, folder }: TfjsChoice): Promise<Tfjs> {
  const require = requireFrom(join(folder, 'package.json'));
  if (name === '@tensorflow/tfjs-node') restoreUtil(require('node:util'));
  const loaded = require(folder) as LoadableTfjs & WasmSettings;
  loaded.setWasmPaths?.(join(folder, 'dist/'));
  loaded.setThreadsCount?.(1);
  const tf =
    name === '@tensorflow/tfjs-backend-wasm' ? (require('@tensorflow/tfjs-core') as LoadableTfjs) : loaded;
  // It advertises otherwise, once in every thread.
  tf.enableProdMode();
  const { backend } = PACKAGES[name];
  if (!(await tf.setBackend(backend))) throw new Error(`its backend ${backend} does not start`);
  await tf.ready();
  return tf;
}

/** tfjs-node 4.22 calls what Node 23 removed from util. */
function restoreUtil(util: Record<string, unknown>): void {
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
