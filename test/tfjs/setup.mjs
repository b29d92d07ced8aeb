// Makes a folder with a working @tensorflow/tfjs-node: `node test/tfjs/setup.mjs --dir DIR`. Its own installer wants
// libtensorflow from a host that may not be reachable; PyPI's wheel of tensorflow-cpu holds the same C library.
// `test/tfjs/run.mjs` and the comparison with peers in bench/ use it. Exit 0: DIR is ready; 3: it cannot be made here.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const TFJS = '4.22.0';
/** The library version tfjs-node's installer looks for; a later one of the same C interface serves as well. */
const EXPECTED = '2.9.1';
const WHEEL = {
  name: 'tensorflow_cpu',
  version: '2.15.1',
  python: '3.11',
  platform: 'manylinux2014_x86_64',
  sha256: '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
};
/** What of the wheel is needed to build and run the binding. */
const MEMBERS = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/',
  'tensorflow/include/tsl/c/',
  'tensorflow/include/tsl/platform/',
];

/** Why tfjs-node cannot be set up on this machine: no fault of the project. */
export class CannotSetUp extends Error {}

/**
 * Sets up tfjs-node in a folder, or finds it there already.
 * @returns {{ package: string, tfjs: string, tensorflow: string }} the package's folder and what is in it
 * @throws CannotSetUp naming what is missing
 */
export function setUpTfjsNode(dir, say = (line) => console.error(line)) {
  const folder = join(resolve(dir), 'node_modules/@tensorflow/tfjs-node');
  const found = { package: folder, tfjs: TFJS, tensorflow: WHEEL.version };
  const done = join(resolve(dir), 'ready.json');
  if (existsSync(done) && readFileSync(done, 'utf8') === JSON.stringify(found)) {
    say(`tfjs-node ${TFJS} is in ${dir} already`);
    return found;
  }
  checkMachine();
  rmSync(done, { force: true });
  mkdirSync(dir, { recursive: true });
  const log = join(dir, 'setup.log');
  writeFileSync(log, '');
  const timed = (what, work) => {
    const start = performance.now();
    work();
    say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  };
  timed(`packages of tfjs-node ${TFJS}`, () => installPackages(dir, log));
  timed(`libtensorflow ${WHEEL.version} from its wheel`, () => unpackLibrary(dir, folder, log));
  timed('binding built', () => buildBinding(folder, log));
  timed('binding tried', () => tryBinding(folder, log));
  writeFileSync(done, JSON.stringify(found));
  return found;
}

function checkMachine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new CannotSetUp(
      `the wheel with libtensorflow is for linux x64, this is ${process.platform} ${process.arch}`,
    );
  }
  for (const [program, args] of [
    ['python3', ['-m', 'pip', '--version']],
    ['make', ['--version']],
    [process.env.CXX ?? 'g++', ['--version']],
  ]) {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
    } catch {
      throw new CannotSetUp(`${[program, ...args].join(' ')} does not run`);
    }
  }
}

/** The packages without their install scripts, which would download. */
function installPackages(dir, log) {
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'varpool-with-tfjs-node', private: true }));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', ...options, `@tensorflow/tfjs-node@${TFJS}`], { cwd: dir, log });
}

function unpackLibrary(dir, folder, log) {
  const download = join(dir, 'wheel');
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download);
  const { name, version, python, platform, sha256 } = WHEEL;
  const wanted = join(download, 'requirements.txt');
  writeFileSync(wanted, `${name}==${version} --hash=sha256:${sha256}\n`);
  const target = ['--python-version', python, '--platform', platform, '--only-binary=:all:', '--no-deps'];
  run('python3', ['-m', 'pip', 'download', '--quiet', '-d', download, ...target, '-r', wanted], { log });
  const unpack = [
    'import sys, zipfile, glob',
    'wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])',
    'wheel.extractall(sys.argv[1], [n for n in wheel.namelist() if n.startswith(tuple(sys.argv[2:]))])',
  ].join('\n');
  run('python3', ['-c', unpack, download, ...MEMBERS], { log });
  const deps = join(folder, 'deps');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, 'lib'), { recursive: true });
  run('mv', [join(download, 'tensorflow/include'), join(deps, 'include')], { log });
  for (const [file, names] of [
    // The first name is the library's own, which the binding asks the loader for.
    ['libtensorflow_cc.so.2', [`libtensorflow.so.${EXPECTED}`, 'libtensorflow.so.2', 'libtensorflow.so']],
    [
      'libtensorflow_framework.so.2',
      [`libtensorflow_framework.so.${EXPECTED}`, 'libtensorflow_framework.so'],
    ],
  ]) {
    run('mv', [join(download, 'tensorflow', file), join(deps, 'lib', file)], { log });
    for (const name of names) symlinkSync(file, join(deps, 'lib', name));
  }
  rmSync(download, { recursive: true, force: true });
}

function buildBinding(folder, log) {
  const env = { ...process.env };
  const prefix = nodeHeaders();
  if (prefix !== null) env.npm_config_nodedir = prefix;
  run('npm', ['run', '--silent', 'build-addon-from-source'], { cwd: folder, env, log });
}

/** Where this Node's own headers are, so that node-gyp need not download them; null where they are not. */
function nodeHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const file = join(prefix, 'include/node/node_version.h');
  if (!existsSync(file)) return null;
  const [major] = process.versions.node.split('.');
  return new RegExp(`#define NODE_MAJOR_VERSION ${major}\\b`).test(readFileSync(file, 'utf8'))
    ? prefix
    : null;
}

function tryBinding(folder, log) {
  const code = [
    'const util = require("node:util");',
    'util.isNullOrUndefined ??= (value) => value === null || value === undefined;',
    `const tf = require(${JSON.stringify(folder)});`,
    'const [x] = tf.matMul([[1, 2]], [[3], [4]]).dataSync();',
    'if (tf.getBackend() !== "tensorflow" || x !== 11) throw new Error(tf.getBackend() + " " + x);',
  ].join('\n');
  run(process.execPath, ['-e', code], { log });
}

/** Runs a program with its output in the log; its last words are the reason when it fails. */
function run(program, args, { cwd, env, log }) {
  const out = openSync(log, 'a');
  try {
    execFileSync(program, args, { cwd, env, stdio: ['ignore', out, out] });
  } catch {
    const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    throw new CannotSetUp(`${program} ${args[0]} failed: ${last.slice(0, 200)} (all of it in ${log})`);
  } finally {
    closeSync(out);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { dir: { type: 'string' } } });
  if (values.dir === undefined) {
    console.error('setup: expected --dir DIR, got none — name a folder that git ignores');
    process.exit(2);
  }
  try {
    console.log(JSON.stringify(setUpTfjsNode(values.dir)));
  } catch (error) {
    if (!(error instanceof CannotSetUp)) throw error;
    console.log(`skipped: ${error.message}`);
    process.exitCode = 3;
  }
}
