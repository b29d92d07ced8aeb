// @ts-check
// Compiles the C files of this folder to dist/kernels/ with a clang that is itself WebAssembly, so that no compiler is
// needed on the machine: varpool.wasm for engines whose relaxed madd is fused, varpool-emulated.wasm for the others.
// Does nothing when sources, flags and compiler are those of the last build.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256, sources, sourcesHash } from './sources.mjs';

const outDir = fileURLToPath(new URL('../dist/kernels/', import.meta.url));
/** Flags of each module beyond FLAGS, by file name. */
const MODULES = { 'varpool.wasm': ['-mrelaxed-simd'], 'varpool-emulated.wasm': [] };

const FLAGS = [
  '--target=wasm32',
  '-std=c17',
  '-O3',
  '-msimd128',
  '-matomics',
  '-mbulk-memory',
  // The bits are the contract: a product and a sum are fused only where `madd` says so, on every target.
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

/** @returns {Promise<Record<string, Uint8Array>>} modules by file name */
async function compile() {
  const { commands, Exit, runLLVM } = await import('@yowasp/clang');
  // Loads the compiler without the progress lines it would print.
  await runLLVM(undefined, {}, { fetchProgress: () => {} });
  const log = /** @type {Uint8Array[]} */ ([]);
  const keep = (/** @type {Uint8Array | null} */ bytes) => void (bytes && log.push(bytes.slice()));
  const text = () => Buffer.concat(log).toString();
  const inputs = Object.keys(sources).filter((name) => name.endsWith('.c'));
  const modules = /** @type {Record<string, Uint8Array>} */ ({});
  for (const [name, flags] of Object.entries(MODULES)) {
    let tree;
    try {
      tree = await commands.clang([...FLAGS, ...flags, ...inputs, '-o', name], sources, {
        stdout: keep,
        stderr: keep,
      });
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      throw new Error(
        `kernels: expected clang to succeed, got exit status ${error.code} — mend this:\n${text()}`,
      );
    }
    const wasm = tree?.[name];
    if (!(wasm instanceof Uint8Array))
      throw new Error(`kernels: expected a module, got none — mend this:\n${text()}`);
    // A data segment would be written at the same address by every thread's instance, into memory others
    // compute in.
    if (sectionIds(wasm).includes(11)) {
      throw new Error(
        'kernels: expected no data segment, got one — keep constants in code, no static tables',
      );
    }
    modules[name] = wasm;
  }
  return modules;
}

/** @param {Record<string, Uint8Array>} modules */
function write(modules) {
  mkdirSync(outDir, { recursive: true });
  const wasm = modules['varpool.wasm'];
  const stamp = {
    build: buildHash,
    sources: sourcesHash,
    wasm: sha256(wasm),
    emulated: sha256(modules['varpool-emulated.wasm']),
    bytes: wasm.length,
  };
  // Written aside and renamed: a test that runs beside a build sees the old module or the new one.
  for (const [name, data] of Object.entries({
    ...modules,
    'build.json': `${JSON.stringify(stamp, null, 2)}\n`,
  })) {
    const file = join(outDir, name);
    writeFileSync(`${file}.${process.pid}`, data);
    renameSync(`${file}.${process.pid}`, file);
  }
  console.error(`kernels: ${wasm.length} bytes, sha256 ${stamp.wasm.slice(0, 12)}…`);
}

const compiler = readFileSync(new URL('../node_modules/@yowasp/clang/package.json', import.meta.url), 'utf8');
const buildHash = sha256(JSON.stringify([sources, FLAGS, MODULES, JSON.parse(compiler).version]));

const last = JSON.parse(readOrNull(join(outDir, 'build.json'))?.toString() || 'null');
/** @param {string} name @param {string} hash */
const isBuilt = (name, hash) => sha256(readOrNull(join(outDir, name)) ?? '') === hash;
const upToDate =
  last?.build === buildHash &&
  isBuilt('varpool.wasm', last.wasm) &&
  isBuilt('varpool-emulated.wasm', last.emulated);
if (!upToDate) write(await compile());
