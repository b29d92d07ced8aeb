// @ts-check
// What the tests on other machines share: running programs and telling how it went, this checkout's build to be tested, a copy
// of it to be taken there, and the digests that must come back.

import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourcesHash } from '../../kernels/sources.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LIMIT_MILLISECONDS = 1_800_000;

/** The environment without settings of varpool, with these instead. @param {Record<string, string>} settings */
function environment(settings) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('VARPOOL_'));
  return { ...Object.fromEntries(kept), ...settings };
}

/**
 * What a program prints; fails with all of it where the program does.
 * @param {readonly string[]} command @param {string} cwd @param {Record<string, string>} [settings]
 * @returns {Promise<string>}
 */
export function run([program, ...args], cwd, settings = {}) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, {
      cwd,
      env: environment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MILLISECONDS);
    let [out, all] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      all += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      all += text;
    });
    child.on('error', failed);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) done(out);
      else
        failed(
          new Error(
            `expected \`${[program, ...args].join(' ')}\` to succeed, got ${signal ?? `exit status ${status}`}:\n${all.slice(-4000)}`,
          ),
        );
    });
  });
}

/** Does something, says so, and how long it took. @template T @param {string} what @param {() => Promise<T>} body @returns {Promise<T>} */
export async function step(what, body) {
  const start = performance.now();
  const result = await body();
  console.log(`  ok  ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  return result;
}

/**
 * Runs jobs a few at a time; all are waited for, then the first failure is thrown.
 * @param {number} lanes @param {readonly (() => Promise<unknown>)[]} jobs
 */
export async function inLanes(lanes, jobs) {
  const waiting = [...jobs];
  const lane = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Full path of the first of these programs, or null. @param {readonly string[]} names */
export function findProgram(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter))
      if (existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

/** Holds that dist/ is built from these sources. */
export function requireBuild() {
  const stamp = join(ROOT, 'dist/kernels/build.json');
  const built = existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')).sources : null;
  assert.equal(built, sourcesHash, 'dist/: expected the kernels of this checkout — run npm run build');
}

/** Copies into a folder what runs and what tests it, without native code and dependencies. @param {string} to */
export function copyCheckout(to) {
  mkdirSync(to, { recursive: true });
  const files = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'vitest.config.ts',
    'kernels',
    'src',
    'test',
    'examples',
  ];
  for (const name of files) cpSync(join(ROOT, name), join(to, name), { recursive: true });
  const native = join(ROOT, 'dist/native');
  cpSync(join(ROOT, 'dist'), join(to, 'dist'), { recursive: true, filter: (path) => path !== native });
}

/** The digests that trainings.mjs prints on this machine, in WebAssembly. */
export async function digestsHere() {
  const { backend, ...digests } = JSON.parse(
    await run(
      [process.execPath, join(ROOT, 'test/machines/trainings.mjs'), join(ROOT, 'dist'), 'wasm', '1'],
      ROOT,
    ),
  );
  assert.equal(backend, 'wasm');
  assert(Object.keys(digests).length > 4, 'trainings.mjs: expected digests, got few');
  return digests;
}
