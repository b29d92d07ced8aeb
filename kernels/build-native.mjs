// @ts-check
// Compiles the C files of this folder with a C compiler of the machine into one shared library with a variant of every
// kernel per instruction set: dist/native/<platform>-<arch>/. Optional: without it the WebAssembly build is used.
//   CC=clang node kernels/build-native.mjs [--out DIR] [--target ARCH]

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folder, sources, sourcesHash } from './sources.mjs';

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
const EXTENSION = { linux: 'so', darwin: 'dylib', win32: 'dll' };

const { values } = parseArgs({
  options: { out: { type: 'string' }, target: { type: 'string', default: process.arch } },
});
const variants = VARIANTS[/** @type {keyof typeof VARIANTS} */ (values.target)];
const extension = EXTENSION[/** @type {keyof typeof EXTENSION} */ (process.platform)];
if (variants === undefined || extension === undefined) {
  stop(
    `expected linux, darwin or win32 on x64 or arm64, got ${process.platform} on ${values.target} — the WebAssembly build serves here`,
  );
}
const outDir =
  values.out ??
  fileURLToPath(new URL(`../dist/native/${process.platform}-${values.target}/`, import.meta.url));
const cc = findCompiler();
const work = mkdtempSync(join(tmpdir(), 'varpool-native-'));
try {
  const pic = process.platform === 'win32' ? [] : ['-fPIC'];
  const objects = [];
  for (const [variant, flags] of Object.entries(variants)) {
    for (const name of Object.keys(sources).filter((file) => file.endsWith('.c') && file !== 'library.c')) {
      const object = join(work, `${name}.${variant}.o`);
      run([...FLAGS, ...pic, ...flags, `-DVARIANT=${variant}`, '-c', join(folder, name), '-o', object]);
      objects.push(object);
    }
  }
  const library = join(work, 'library.o');
  run([...FLAGS, ...pic, `-DSOURCES="${sourcesHash}"`, '-c', join(folder, 'library.c'), '-o', library]);
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, `varpool.${extension}`);
  run(['-shared', '-o', `${file}.new`, ...objects, library]);
  renameSync(`${file}.new`, file);
  console.error(`native: ${Object.keys(variants).join(' ')} → ${file}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function findCompiler() {
  for (const candidate of process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang']) {
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return candidate;
    } catch {}
  }
  return stop(
    `expected a C compiler (${process.env.CC ?? 'cc, gcc or clang'}), got none — install one or use the WebAssembly build`,
  );
}

/** @param {string[]} args */
function run(args) {
  const { status } = spawnSync(cc, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    rmSync(work, { recursive: true, force: true });
    stop(`expected ${cc} to compile, got exit status ${status} — see its message above`);
  }
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(`build:native: ${message}`);
  process.exit(2);
}
