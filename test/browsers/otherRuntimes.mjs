// @ts-check
// Deno and Bun, from their npm packages: the golden set on the build for Node.

import { spawnSync } from 'node:child_process';
import { ROOT } from './support.mjs';

const PROGRAMS = { deno: ['deno@2', 'deno', 'run', '-A'], bun: ['bun@1', 'bun', 'run'] };

/**
 * Digests with WebAssembly for each number of workers, or why there are none.
 * @param {keyof typeof PROGRAMS} name
 * @param {readonly number[]} workers
 * @returns {{ missing: string } | { version: string, results: { workers: number, digests: Record<string, { posterior: string, predictions: string }> }[] }}
 */
export function digestsIn(name, workers) {
  const [spec, program, ...words] = PROGRAMS[name];
  const npx = ['--yes', '-p', spec, program];
  const run = (/** @type {string[]} */ args) =>
    spawnSync('npx', [...npx, ...args], { cwd: ROOT, encoding: 'utf8', timeout: 600_000 });
  const version = run(['--version']);
  if (version.status !== 0)
    return { missing: `its npm package does not run here: ${version.stderr.trim().split('\n').at(-1)}` };
  const { status, stdout, stderr } = run([
    ...words,
    'test/golden/digests.mjs',
    '--backend',
    'wasm',
    '--workers',
    `${workers}`,
    '--json',
  ]);
  if (status !== 0) throw new Error(`${name}: expected digests, got status ${status}\n${stderr}`);
  return {
    version: /\d+\.\d+(\.\d+)?/.exec(version.stdout)?.[0] ?? 'unknown',
    results: JSON.parse(stdout.trim().split('\n').at(-1) ?? '').results,
  };
}
