// @ts-check
// Compiles the C files of this folder to dist/kernels/varpool.wasm with a clang that is itself WebAssembly,
// so that no compiler is needed on the machine. Does nothing when sources, flags and compiler are those of
// the last build.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256, sources, sourcesHash } from './sources.mjs';

const outDir = fileURLToPath(new URL('../dist/kernels/', import.meta.url));
const wasmFile = join(outDir, 'varpool.wasm');
const stampFile = join(outDir, 'build.json');

const FLAGS = [
  '--target=wasm32',
  '-std=c17',
  '-O3',
  '-msimd128',
  '-matomics',
  '-mbulk-memory',
  // The bits are the contract: a product is rounded before it is added, on every target.
  '-ffp-contract=off',
  '-ffreestanding',
  '-nostdlib',
  '-fno-ident',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wl,--no-entry',
  '-Wl,--import-memory',
  '-Wl,--shared-memory',
  '-Wl,--max-memory=4294967296',
  // Each thread's instance is given a stack of its own in the arena.
  '-Wl,--export=__stack_pointer',
];

/** @param {string} file */
function readOrNull(file) {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}

/**
 * Ids of the sections of a module, in order.
 * @param {Uint8Array} wasm
 */
function sectionIds(wasm) {
  const ids = [];
  for (let at = 8; at < wasm.length; ) {
    ids.push(wasm[at++]);
    let size = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7)
      size += ((byte = wasm[at++]) & 0x7f) * 2 ** shift;
    at += size;
  }
  return ids;
}

async function compile() {
  const { commands, Exit, runLLVM } = await import('@yowasp/clang');
  // Loads the compiler without the progress lines it would print.
  await runLLVM(undefined, {}, { fetchProgress: () => {} });
  const log = /** @type {Uint8Array[]} */ ([]);
  const keep = (/** @type {Uint8Array | null} */ bytes) => void (bytes && log.push(bytes.slice()));
  const text = () => Buffer.concat(log).toString();
  let tree;
  try {
    const inputs = Object.keys(sources).filter((name) => name.endsWith('.c'));
    tree = await commands.clang([...FLAGS, ...inputs, '-o', 'varpool.wasm'], sources, {
      stdout: keep,
      stderr: keep,
    });
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    throw new Error(
      `kernels: expected clang to succeed, got exit status ${error.code} — mend this:\n${text()}`,
    );
  }
  const wasm = tree?.['varpool.wasm'];
  if (!(wasm instanceof Uint8Array))
    throw new Error(`kernels: expected a module, got none — mend this:\n${text()}`);
  // A data segment would be written at the same address by every thread's instance, into memory others
  // compute in.
  if (sectionIds(wasm).includes(11)) {
    throw new Error('kernels: expected no data segment, got one — keep constants in code, no static tables');
  }
  mkdirSync(outDir, { recursive: true });
  const stamp = { build: buildHash, sources: sourcesHash, wasm: sha256(wasm), bytes: wasm.length };
  // Written aside and renamed: a test that runs beside a build sees the old module or the new one.
  for (const [file, data] of [
    [wasmFile, wasm],
    [stampFile, `${JSON.stringify(stamp, null, 2)}\n`],
  ]) {
    writeFileSync(`${file}.${process.pid}`, data);
    renameSync(`${file}.${process.pid}`, String(file));
  }
  console.error(`kernels: ${wasm.length} bytes, sha256 ${stamp.wasm.slice(0, 12)}…`);
}

const compiler = readFileSync(new URL('../node_modules/@yowasp/clang/package.json', import.meta.url), 'utf8');
const buildHash = sha256(JSON.stringify([sources, FLAGS, JSON.parse(compiler).version]));

const built = readOrNull(wasmFile);
const last = JSON.parse(readOrNull(stampFile)?.toString() || 'null');
if (!built || last?.build !== buildHash || last.wasm !== sha256(built)) await compile();
