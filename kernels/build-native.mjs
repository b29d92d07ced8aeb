// @ts-check
// Compiles the C files of this folder with a C compiler of the machine into one shared library with a variant of every
// kernel per instruction set: dist/native/<platform>-<arch>/. Optional: without it the WebAssembly build is used.
//   CC=clang node kernels/build-native.mjs [--out DIR] [--platform PLATFORM] [--target ARCH]
// With --if-possible, as every build runs it, it does nothing where the library is that of these sources, and where none can be made it
// says so once, in a line.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sha256, sources, sourcesHash } from './sources.mjs';
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
    'if-possible': { type: 'boolean', default: false },
  },
});
const optional = values['if-possible'];
const target = { platform: values.platform, arch: values.target };
const variants = VARIANTS[/** @type {keyof typeof VARIANTS} */ (target.arch)];
const fileName = libraryName(target);
const outDir = values.out ?? fileURLToPath(new URL(`../dist/native/${targetName(target)}/`, import.meta.url));
/** What the last build that was optional came to: a library, or the reason why there is none. */
const stampFile = join(outDir, 'build.json');
const buildHash = sha256(JSON.stringify([sources, FLAGS, VARIANTS, process.env.CC ?? null]));

/** Why no library can be made. */
class Impossible extends Error {}

if (!optional || !isSettled()) {
  try {
    await build();
    if (optional || values.out === undefined) stamp(null);
  } catch (error) {
    if (!(error instanceof Impossible)) throw error;
    if (!optional) {
      console.error(`build:native: ${error.message}`);
      process.exit(2);
    }
    stamp(error.message.split('\n')[0]);
    console.error(`native: not built, so WebAssembly computes: ${error.message.split('\n')[0]}`);
  }
}

async function build() {
  if (variants === undefined || fileName === null) {
    throw new Impossible(
      `expected linux, darwin or win32 on x64 or arm64, got ${target.platform} on ${target.arch} — the WebAssembly build serves here`,
    );
  }
  const { compile, link, libraries } = tools();
  const work = mkdtempSync(join(tmpdir(), 'varpool-native-'));
  try {
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(work, name), text);
    const files = Object.keys(sources).filter((file) => file.endsWith('.c') && file !== 'library.c');
    /** @type {[string, string, string[]][]} */
    const jobs = Object.entries(variants).flatMap(([variant, flags]) =>
      files.map(
        (name) =>
          /** @type {[string, string, string[]]} */ ([
            name,
            `${name}.${variant}.o`,
            [...flags, `-DVARIANT=${variant}`],
          ]),
      ),
    );
    jobs.push(['library.c', 'library.o', [`-DSOURCES="${sourcesHash}"`]]);
    const pic = target.platform === 'win32' ? [] : ['-fPIC'];
    const objects = jobs.map(([, to]) => join(work, to));
    const lane = async () => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
        const [name, to, flags] = job;
        await run(compile, [...FLAGS, ...pic, ...flags, '-c', join(work, name), '-o', join(work, to)]);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, lane));
    mkdirSync(outDir, { recursive: true });
    const file = join(outDir, fileName);
    const aside = `${file}.${process.pid}`;
    await run(link, ['-o', aside, ...objects, ...libraries]);
    renameSync(aside, file);
    console.error(`native: ${Object.keys(variants).join(' ')} → ${file}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whether the library is that of these sources, or it is known that there can be none. */
function isSettled() {
  try {
    const { build, refused } = JSON.parse(readFileSync(stampFile, 'utf8'));
    if (build !== buildHash) return false;
    return refused === null ? existsSync(join(outDir, fileName ?? '')) : refused === refusal();
  } catch {
    return false;
  }
}

/** The reason why no compiler can be called, null where one can. */
function refusal() {
  try {
    tools();
    return null;
  } catch (error) {
    return /** @type {Error} */ (error).message.split('\n')[0];
  }
}

/** @param {string | null} refused */
function stamp(refused) {
  mkdirSync(outDir, { recursive: true });
  writeFileSync(`${stampFile}.${process.pid}`, `${JSON.stringify({ build: buildHash, refused }, null, 2)}\n`);
  renameSync(`${stampFile}.${process.pid}`, stampFile);
}

function tools() {
  try {
    return toolchain(target);
  } catch (error) {
    throw new Impossible(/** @type {Error} */ (error).message);
  }
}

/** Runs a command; what it prints is told where it fails. @param {string[]} command @param {string[]} args */
async function run([program, ...first], args) {
  const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
  const status = await new Promise((resolve) => child.on('error', resolve).on('close', resolve));
  if (status !== 0) {
    const next = optional ? 'npm run build:native shows its message' : `its message:\n${text}`;
    throw new Impossible(`expected ${program} to succeed, got exit status ${status} — ${next}`);
  }
  if (!optional && text !== '') console.error(text);
}
