// `npm run test:tfjs`: the tests of the tfjs backend on a real tfjs-node (made by setup.mjs) and on tfjs-backend-wasm, on this Node
// and on later ones, and the times of a product. Needs PyPI, npm and a C++ compiler: where one is missing it says
// `skipped: …` and succeeds. `--dir DIR` keeps what was installed for the next time.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CannotSetUp, setUpTfjsNode } from './setup.mjs';

const VITEST = 'node_modules/vitest/vitest.mjs';
const TESTS = ['test/backend/tfjs.test.ts', 'test/scheduler/tfjs.test.ts', 'test/cli/tfjs.test.ts'];
/** Versions with and without what tfjs-node misses in util; the package's own Node is tested first. */
const LATER_NODES = ['24', '26'];

const { values } = parseArgs({ options: { dir: { type: 'string' } } });
const dir = values.dir === undefined ? mkdtempSync(join(tmpdir(), 'varpool-tfjs-')) : resolve(values.dir);
let failed = false;

/** Runs a program under a title, with the package to test; a failure is noted and the rest still runs. */
function step(title, folder, command) {
  console.log(`\n=== ${title}`);
  const start = performance.now();
  const env = { ...process.env, VARPOOL_TFJS: folder };
  const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit', env });
  if (status !== 0) failed = true;
  console.log(
    `--- ${title}: ${status === 0 ? 'ok' : 'FAILED'}, ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
}

function contract(title, folder) {
  const only = ['test/backend/contract.test.ts', '-t', 'tfjs'];
  step(`contract: ${title}`, folder, [process.execPath, VITEST, 'run', '--maxWorkers=1', ...only]);
}

function trainings(title, folder, node = [process.execPath]) {
  step(`trainings and commands: ${title}`, folder, [...node, VITEST, 'run', '--maxWorkers=1', ...TESTS]);
}

/** The folder of tfjs-backend-wasm, installed from npm. */
function wasmPackage() {
  const home = join(dir, 'wasm');
  const folder = join(home, 'node_modules/@tensorflow/tfjs-backend-wasm');
  if (existsSync(folder)) return folder;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }');
  const names = ['@tensorflow/tfjs-backend-wasm@4.22.0', '@tensorflow/tfjs-core@4.22.0'];
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    execFileSync('npm', ['install', ...options, ...names], { cwd: home, stdio: 'pipe' });
  } catch (error) {
    throw new CannotSetUp(`npm install failed: ${String(error.stderr).split('\n')[0]}`);
  }
  return folder;
}

/** The package, or null with the reason said. */
function orSkipped(what, make) {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof CannotSetUp)) throw error;
    console.log(`skipped: ${what}: ${error.message}`);
    return null;
  }
}

try {
  const node = orSkipped('tfjs-node', () => setUpTfjsNode(join(dir, 'node'), console.log).package);
  const wasm = orSkipped('tfjs-backend-wasm', wasmPackage);
  for (const [name, folder] of [
    ['tfjs-node', node],
    ['tfjs-backend-wasm', wasm],
  ]) {
    if (folder === null) continue;
    contract(`${name}, Node ${process.version}`, folder);
    trainings(`${name}, Node ${process.version}`, folder);
  }
  if (node !== null) {
    for (const version of LATER_NODES)
      trainings(`tfjs-node, Node ${version}`, node, ['npx', '--yes', '-p', `node@${version}`, 'node']);
  }
  // A process each: all copies of TensorFlow.js in a thread share one engine.
  const one = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
  Object.assign(process.env, one);
  for (const folder of [node, wasm]) {
    if (folder !== null) step('times of a product', folder, [process.execPath, 'test/tfjs/gemmTimes.mjs']);
  }
} finally {
  if (values.dir === undefined) rmSync(dir, { recursive: true, force: true });
}
if (failed) process.exitCode = 1;
