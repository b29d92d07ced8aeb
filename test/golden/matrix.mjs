// @ts-check
// The golden set on every Node, backend and number of workers, as a table of digests; fails when any differs from digests.json:
//   npm run test:matrix -- [--node 20,24] [--backend wasm] [--update] [--golden FILE]
// --update writes digests.json anew, which takes a kernel epoch above the one in it.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KERNEL_EPOCH } from '../../dist/backend/kernelEpoch.js';
import { nativeVariants } from '../../dist/backend/native.node.js';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const WORKERS = '1,2,3';
/** Lets the engine see a CPU without fused multiply-add, so that it gets the module which works it out: right, and slow. */
const UNFUSED = process.arch === 'x64' ? ['--no-enable-fma3'] : null;

/** @typedef {{ name: string, backend: string, workers: string, variant?: string, flags?: string[] }} Choice */
/** @typedef {{ posterior: string, predictions: string }} Digests */
/** @typedef {{ kernelEpoch: number, digests: Record<string, Digests> }} Golden */
/** @typedef {{ workers: number, digests: Record<string, Digests> }} Result */

/**
 * What a program with arguments prints, started with the words of `launcher` before it.
 * @param {readonly string[]} launcher
 * @param {readonly string[]} args
 */
function output(launcher, args, env = process.env) {
  const [program, ...words] = [...launcher, ...args];
  const ended = spawnSync(program, words, { encoding: 'utf8', env, shell: false });
  if (ended.error !== undefined) throw ended.error;
  if (ended.status !== 0)
    throw new Error(
      `${[program, ...words].join(' ')}: expected status 0, got ${ended.status}\n${ended.stderr}`,
    );
  return ended.stdout.trim();
}

/**
 * The command of a Node of this major version: the one that runs here, or one that npx brings.
 * @param {string} major
 */
function launcher(major) {
  if (process.versions.node.startsWith(`${major}.`)) return [process.execPath];
  const npx = ['npx', '--yes', '-p', `node@${major}`];
  // Once through npx to have it, then without: npx takes longer to start than the trainings to run.
  return [output(npx, ['node', '-p', 'process.execPath'])];
}

/** @type {Choice} */
const WASM = { name: 'wasm', backend: 'wasm', workers: WORKERS };

/**
 * Backends by what the table calls them, each variant of the native kernels for itself; only those of the name `only` if it is given.
 * @param {string | undefined} only
 */
function backends(only) {
  const native = nativeVariants().map((variant) => ({
    name: `native ${variant}`,
    backend: 'native',
    workers: WORKERS,
    variant,
  }));
  const unfused = UNFUSED === null ? [] : [{ ...WASM, name: 'wasm, no FMA', workers: '2', flags: UNFUSED }];
  return [WASM, ...unfused, ...native].filter(({ backend }) => only === undefined || backend === only);
}

/**
 * @param {readonly string[]} node
 * @param {Choice} choice
 * @returns {{ kernelEpoch: number, node: string, arch: string, results: Result[] }}
 */
function measure(node, { backend, workers, variant, flags = [] }) {
  const env = { ...process.env, ...(variant === undefined ? {} : { VARPOOL_NATIVE_VARIANT: variant }) };
  const args = [...flags, path('digests.mjs'), '--backend', backend, '--workers', workers, '--json'];
  return JSON.parse(output(node, args, env));
}

/**
 * Names of what differs from the golden digests.
 * @param {Result} result
 * @param {Golden} golden
 */
function differing({ digests }, golden) {
  return Object.keys(golden.digests).flatMap((name) =>
    /** @type {const} */ (['posterior', 'predictions'])
      .filter((what) => digests[name]?.[what] !== golden.digests[name][what])
      .map((what) => `${name} ${what}`),
  );
}

/** @param {Golden} golden @param {string[]} nodes @param {string | undefined} only a backend */
function printMatrix(golden, nodes, only) {
  const names = Object.keys(golden.digests);
  const short = (/** @type {Digests | undefined} */ d) =>
    d === undefined ? 'none'.padEnd(21) : `${d.posterior.slice(0, 10)}/${d.predictions.slice(0, 10)}`;
  console.log(`kernel epoch ${KERNEL_EPOCH}; posteriorDigest/predictions, the first ten digits of each\n`);
  const row = (/** @type {string[]} */ cells) => console.log(cells.join('  ').trimEnd());
  const heads = names.map((name) => name.padEnd(21));
  row(['Node'.padEnd(8), 'arch', 'backend'.padEnd(14), 'workers', ...heads]);
  row([
    'golden'.padEnd(8),
    '    ',
    ''.padEnd(14),
    '       ',
    ...names.map((name) => short(golden.digests[name])),
  ]);
  let cells = 0;
  let bad = 0;
  for (const major of nodes) {
    const node = launcher(major);
    for (const choice of backends(only)) {
      const { node: version, arch, results } = measure(node, choice);
      for (const result of results) {
        const wrong = differing(result, golden);
        cells++;
        if (wrong.length > 0) bad++;
        row([
          version.padEnd(8),
          arch.padEnd(4),
          choice.name.padEnd(14),
          `${result.workers}`.padEnd(7),
          ...names.map((name) => short(result.digests[name])),
          wrong.length === 0 ? 'same' : `DIFFERS: ${wrong.join(', ')}`,
        ]);
      }
    }
  }
  console.log(
    bad === 0 && cells > 0
      ? `\n${cells} of ${cells} the same`
      : `\nmatrix: expected the digests of digests.json in all ${cells} rows, got others in ${bad} — a bug, or a change of kernels that needs an epoch of its own`,
  );
  return bad === 0 && cells > 0;
}

/** @param {string} file @param {Golden} old */
function update(file, old) {
  if (KERNEL_EPOCH <= old.kernelEpoch) {
    throw new Error(
      `digests.json: expected a kernel epoch above ${old.kernelEpoch}, got ${KERNEL_EPOCH} — raise it in src/backend/kernelEpoch.ts, build, and say why in CHANGELOG.md (for an epoch that is in no version yet, check out the digests of the one before)`,
    );
  }
  const [{ digests }] = measure([process.execPath], WASM).results;
  const kept = Object.entries(digests).map(([name, { posterior, predictions }]) => [
    name,
    { posterior, predictions },
  ]);
  /** @type {Golden} */
  const golden = { kernelEpoch: KERNEL_EPOCH, digests: Object.fromEntries(kept) };
  writeFileSync(file, `${JSON.stringify(golden, null, 2)}\n`);
  return golden;
}

try {
  const { values } = parseArgs({
    options: {
      node: { type: 'string', default: '20,22,24,26' },
      backend: { type: 'string' },
      update: { type: 'boolean', default: false },
      golden: { type: 'string', default: path('digests.json') },
    },
  });
  /** @type {Golden} */
  let golden = JSON.parse(readFileSync(values.golden, 'utf8'));
  if (values.update) golden = update(values.golden, golden);
  if (golden.kernelEpoch !== KERNEL_EPOCH) {
    throw new Error(
      `digests.json: expected the digests of kernel epoch ${KERNEL_EPOCH}, got those of ${golden.kernelEpoch} — run npm run test:matrix -- --update`,
    );
  }
  if (!printMatrix(golden, values.node.split(','), values.backend)) process.exitCode = 1;
} catch (error) {
  console.error(`matrix: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
