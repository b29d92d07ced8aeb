// @ts-check
// Compiles the C files of this folder with a C compiler of the machine into one shared library with a variant of every
// kernel per instruction set: dist/native/<platform>-<arch>/. Optional: without it the WebAssembly build is used.
//   CC=clang node kernels/build-native.mjs [--out DIR] [--platform PLATFORM] [--target ARCH]

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sources, sourcesHash } from './sources.mjs';
import { libraryName, targetName, toolchain } from './toolchain.mjs';

/** Flags of each variant by architecture (process.arch); VW is the floats of its vectors. */
const VARIANTS = {
  x64: {
    avx512: [
      '-DVW=16',
      '-mfma',
      '-mavx512f',
      '-mavx512dq',
      '-mavx512bw',
      '-mavx512vl',
      '-mprefer-vector-width=512',
    ],
    avx2: ['-DVW=8', '-mavx2', '-mfma'],
    sse2: ['-DVW=4'],
  },
  arm64: { neon: ['-DVW=4'] },
};

const FLAGS = [
  '-std=c17',
  '-O3',
  // As for WebAssembly: a product and a sum are fused only where `madd` says so, and subnormals are numbers.
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  // Vector types wider than the baseline's are only passed between inlined functions.
  '-Wno-psabi',
];

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    platform: { type: 'string', default: process.platform },
    target: { type: 'string', default: process.arch },
  },
});
const target = { platform: values.platform, arch: values.target };
const variants = VARIANTS[/** @type {keyof typeof VARIANTS} */ (target.arch)];
const fileName = libraryName(target);
if (variants === undefined || fileName === null) {
  stop(
    `expected linux, darwin or win32 on x64 or arm64, got ${target.platform} on ${target.arch} — the WebAssembly build serves here`,
  );
}
const outDir = values.out ?? fileURLToPath(new URL(`../dist/native/${targetName(target)}/`, import.meta.url));
const { compile, link, libraries } = tools();
const work = mkdtempSync(join(tmpdir(), 'varpool-native-'));
try {
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(work, name), text);
  const objects = [];
  for (const [variant, flags] of Object.entries(variants)) {
    for (const name of Object.keys(sources).filter((file) => file.endsWith('.c') && file !== 'library.c'))
      objects.push(object(name, `${name}.${variant}.o`, [...flags, `-DVARIANT=${variant}`]));
  }
  objects.push(object('library.c', 'library.o', [`-DSOURCES="${sourcesHash}"`]));
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, fileName);
  run(link, ['-o', `${file}.new`, ...objects, ...libraries]);
  renameSync(`${file}.new`, file);
  console.error(`native: ${Object.keys(variants).join(' ')} → ${file}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Compiles one file. @param {string} name @param {string} to @param {string[]} flags */
function object(name, to, flags) {
  const pic = target.platform === 'win32' ? [] : ['-fPIC'];
  const file = join(work, to);
  run(compile, [...FLAGS, ...pic, ...flags, '-c', join(work, name), '-o', file]);
  return file;
}

function tools() {
  try {
    return toolchain(target);
  } catch (error) {
    return stop(/** @type {Error} */ (error).message);
  }
}

/** @param {string[]} command @param {string[]} args */
function run([program, ...first], args) {
  const { status } = spawnSync(program, [...first, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    rmSync(work, { recursive: true, force: true });
    stop(`expected ${program} to succeed, got exit status ${status} — see its message above`);
  }
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(`build:native: ${message}`);
  process.exit(2);
}
