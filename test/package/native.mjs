// @ts-check
// Packs varpool and the package of this machine's native kernels as a release would, installs them from a registry of its own
// into empty projects with no compiler in sight, and uses them: with the package, without it, and with ones that do not fit.
// Needs a C compiler to begin with. Run by `npm run check:native-package`.

import { strict as assert } from 'node:assert';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { libraryName, PACKAGED, targetName } from '../../kernels/toolchain.mjs';
import { digestsHere, findProgram, ROOT, requireBuild, run, step } from '../machines/support.mjs';
import { serveRegistry } from './registry.mjs';

const here = { platform: process.platform, arch: process.arch };
const NAME = `@varpool/native-${targetName(here)}`;
const FILE = String(libraryName(here));
const stranger = PACKAGED.find((target) => targetName(target) !== targetName(here)) ?? here;
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'varpool-native-package-')));
const release = join(folder, 'release');

/** A PATH with Node and a shell and nothing that compiles. */
function pathWithoutCompilers() {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['node', 'npm', 'npx', 'sh', 'env']) {
    const program = findProgram(name);
    if (program !== null) symlinkSync(realpathSync(program), join(bin, name));
  }
  return bin;
}

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Packs a folder of the release. @param {string} name */
async function pack(name) {
  const cwd = join(release, name);
  const [{ filename }] = JSON.parse(await run(['npm', 'pack', '--json', '--pack-destination', folder], cwd));
  return { manifest: readJson(join(cwd, 'package.json')), file: join(folder, filename) };
}

/** A project with varpool in it, its scope served by a registry. @param {string} name @param {string} tarball @param {string} url */
async function install(name, tarball, url) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  writeFileSync(join(project, '.npmrc'), `@varpool:registry=${url}\n`);
  await run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], project, {
    PATH: path,
  });
  return project;
}

/** What doctor says of a project's varpool. @param {string} project @param {Record<string, string>} [settings] */
async function doctor(project, settings = {}) {
  const command = [process.execPath, 'node_modules/varpool/dist/cli/main.js', 'doctor', '--json'];
  const text = await run(command, project, { PATH: path, ...settings });
  const said = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
  const state = said.backends.find((/** @type {{ name: string }} */ { name }) => name === 'native');
  return { auto: said.auto, native: said.native, reason: state.reason };
}

/** Digests of the small trainings by a project's varpool. @param {string} project @param {string} backend */
async function digests(project, backend) {
  const script = join(ROOT, 'test/machines/trainings.mjs');
  const dist = join(project, 'node_modules/varpool/dist');
  return JSON.parse(await run([process.execPath, script, dist, backend, '2'], project, { PATH: path }));
}

/** Holds that native code is refused for a reason and WebAssembly taken. @param {string} project @param {RegExp} why */
async function refused(project, why) {
  const { auto, native, reason } = await doctor(project);
  assert.deepEqual({ auto, native }, { auto: 'wasm', native: null });
  assert.match(reason, why);
  await assert.rejects(digests(project, 'native'), why);
}

/** The file a library would be replaced by, put in its place while something is done. @param {string} file @param {Uint8Array | string} content @param {() => Promise<void>} body */
async function replaced(file, content, body) {
  const before = readFileSync(file);
  writeFileSync(file, content);
  await body();
  writeFileSync(file, before);
}

const MUSL = `
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
  static float x[64] __attribute__((aligned(64)));
  for (int i = 0; i < 33; i++) x[16 + i] = i;
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) return printf("%s\\n", dlerror()), 1;
  const char *(*variants)(void) = dlsym(library, "varpool_variants");
  void (*sum)(char *, unsigned, unsigned, unsigned) = dlsym(library, argv[2]);
  if (!variants || !sum) return 2;
  sum((char *)x, 0, 64, 33);
  printf("%g of %s\\n", x[0], variants());
  return x[0] == 528 ? 0 : 3;
}
`;

/** The library in a process of another C library. @param {string} library @param {string} variant */
async function underMusl(library, variant) {
  writeFileSync(join(folder, 'musl.c'), MUSL);
  await run(['musl-gcc', '-O1', '-o', 'musl', 'musl.c'], folder);
  await run(['./musl', library, `sum_f32_${variant}`], folder);
}

let path = '';
let registry = await serveRegistry([]);
try {
  console.log(`native package: ${NAME}, from the compiler to a training`);
  requireBuild();
  path = pathWithoutCompilers();
  const own = join(release, `native-${targetName(here)}`);
  await step('build and package', () => run([process.execPath, 'packaging/native.mjs', '--out', own], ROOT));
  const library = readFileSync(join(own, FILE));
  if (process.platform === 'linux') assert(!library.includes('libc.so'), 'the library names a C library');

  // A package for another kind of machine: npm must leave it alone.
  const other = join(release, `native-${targetName(stranger)}`);
  cpSync(own, other, { recursive: true });
  copyFileSync(join(own, FILE), join(other, String(libraryName(stranger))));
  const manifest = {
    ...readJson(join(own, 'package.json')),
    name: `@varpool/native-${targetName(stranger)}`,
  };
  writeFileSync(
    join(other, 'package.json'),
    JSON.stringify({ ...manifest, os: [stranger.platform], cpu: [stranger.arch] }),
  );

  const staging = [process.execPath, 'packaging/release.mjs', '--out', release];
  await assert.rejects(run(staging, ROOT), /expected .* got none — node packaging\/native\.mjs --platform/);
  await run([...staging, '--only', `${targetName(here)},${targetName(stranger)}`], ROOT);
  const [main, ...natives] = await step('pack', () =>
    Promise.all(['varpool', `native-${targetName(here)}`, `native-${targetName(stranger)}`].map(pack)),
  );
  for (const { manifest: packed } of [main, ...natives])
    assert.equal(packed.scripts, undefined, `${packed.name}: expected no scripts`);

  const without = await step('npm install, where the registry has no native packages', () =>
    install('without', main.file, registry.url),
  );
  assert(registry.asked.includes(`/${NAME}`), 'npm did not ask for the native package');
  assert(!existsSync(join(without, 'node_modules', NAME)));
  const wanted = await digestsHere();
  await step('WebAssembly serves, and doctor says why', async () => {
    const { auto, native, reason } = await doctor(without);
    assert.deepEqual({ auto, native }, { auto: 'wasm', native: null });
    assert.match(reason, RegExp(`optional package ${NAME}@.* is not installed`));
    assert.deepEqual(await digests(without, 'auto'), { backend: 'wasm', ...wanted });
  });
  registry.close();

  registry = await serveRegistry(natives);
  const project = await step('npm install, where it has them', () =>
    install('with', main.file, registry.url),
  );
  const installed = join(project, 'node_modules', NAME);
  assert.deepEqual(
    readdirSync(dirname(installed)),
    [`native-${targetName(here)}`],
    'only what fits is installed',
  );
  const found = await step('native kernels from the package, with the bits of WebAssembly', async () => {
    const { auto, native } = await doctor(project);
    assert.equal(auto, 'native');
    assert.deepEqual(
      { origin: native.origin, path: native.path },
      { origin: 'package', path: join(installed, FILE) },
    );
    assert.deepEqual(await digests(project, 'auto'), { backend: 'native', ...wanted });
    return native;
  });
  await step('VARPOOL_NATIVE_LIBRARY comes first', async () => {
    const named = join(own, FILE);
    const { native } = await doctor(project, { VARPOOL_NATIVE_LIBRARY: named });
    assert.deepEqual({ origin: native.origin, path: native.path }, { origin: 'environment', path: named });
  });
  await step('a package of another version, of other sources, or damaged is refused', async () => {
    const packageJson = join(installed, 'package.json');
    const older = JSON.stringify({ ...readJson(packageJson), version: '0.0.1' });
    await replaced(packageJson, older, () =>
      refused(project, /native-\S+: expected version \S+, got 0\.0\.1 — npm install/),
    );
    const { sources } = readJson(join(project, 'node_modules/varpool/dist/kernels/build.json'));
    const binary = join(installed, FILE);
    const alien = Buffer.from(library.toString('latin1').replace(sources, 'f'.repeat(64)), 'latin1');
    await replaced(binary, alien, () =>
      refused(project, /was built from other kernel sources, ffffffffffff where/),
    );
    await replaced(binary, 'not a library\n', () => refused(project, /varpool\.\w+: ./));
    assert.equal((await doctor(project)).auto, 'native');
  });
  await step('without koffi, WebAssembly serves', async () => {
    rmSync(join(project, 'node_modules/@koromix'), { recursive: true });
    await refused(project, /optional package @koromix\/koffi-\S+ is not installed/);
  });
  if (process.platform === 'linux' && findProgram('musl-gcc') !== null)
    await step('the same library beside musl', () => underMusl(join(own, FILE), found.variant));
} finally {
  registry.close();
  rmSync(folder, { recursive: true, force: true });
}
