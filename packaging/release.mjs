// @ts-check
// Stages a release in release/: the main package with the packages of native kernels as its optional dependencies, of
// its own version exactly. Only the staged manifest names them, so a checkout installs what is published and no more.
//   node packaging/release.mjs [--out DIR] [--only linux-x64,…]

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { libraryName, PACKAGED, targetName } from '../kernels/toolchain.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const { values } = parseArgs({ options: { out: { type: 'string' }, only: { type: 'string' } } });
const out = values.out ?? join(ROOT, 'release');
const only = values.only?.split(',');
const targets = PACKAGED.filter((target) => only?.includes(targetName(target)) ?? true);
const main = readJson(join(ROOT, 'package.json'));
const { sources } = readJson(join(ROOT, 'dist/kernels/build.json'));

const unknown = only?.filter((name) => !PACKAGED.some((target) => targetName(target) === name)) ?? [];
const problems = [
  ...unknown.map((name) => `expected one of ${PACKAGED.map(targetName).join(', ')}, got ${name}`),
  ...targets.flatMap(problemsOf),
];
if (problems.length > 0) {
  for (const problem of problems) console.error(`release: ${problem}`);
  process.exit(2);
}

const staged = join(out, 'varpool');
rmSync(staged, { recursive: true, force: true });
for (const path of packedFiles()) {
  mkdirSync(dirname(join(staged, path)), { recursive: true });
  cpSync(join(ROOT, path), join(staged, path));
}
// What is staged is built: hooks that would build it, and the tools they need, stay behind.
const { scripts: _scripts, devDependencies: _devDependencies, ...manifest } = main;
for (const target of targets)
  manifest.optionalDependencies[`@varpool/native-${targetName(target)}`] = main.version;
writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.error(`release: varpool@${main.version} with ${targets.map(targetName).join(', ')} → ${staged}`);

/** What is wrong with the staged package of a target. @param {import('../kernels/toolchain.mjs').Target} target */
function problemsOf(target) {
  const name = targetName(target);
  const folder = join(out, `native-${name}`);
  const next = `node packaging/native.mjs --platform ${target.platform} --arch ${target.arch}`;
  if (!existsSync(join(folder, 'package.json'))) return [`expected ${folder}, got none — ${next}`];
  const found = readJson(join(folder, 'package.json'));
  if (found.version !== main.version)
    return [`${name}: expected version ${main.version}, got ${found.version} — ${next}`];
  const file = join(folder, String(libraryName(target)));
  if (!existsSync(file) || found.varpool?.sources !== sources || !readFileSync(file).includes(sources))
    return [`${name}: expected a library of the sources ${sources.slice(0, 12)}, got another — ${next}`];
  return [];
}

/** Paths of the files of the main package, as npm picks them. @returns {string[]} */
function packedFiles() {
  const windows = process.platform === 'win32';
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const text = execFileSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    shell: windows,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(text)[0].files.map((/** @type {{ path: string }} */ { path }) => path);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
