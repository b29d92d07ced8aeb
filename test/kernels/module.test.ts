// The compiled modules: each exports the contract and nothing else, brings no data, fuses what it should, and is what its stamp says.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { KERNELS } from '../../src/backend/backend.ts';
import { wasmModule } from '../../src/backend/wasm.ts';
import { BackendUnavailableError } from '../../src/errors.ts';
import { wasmFactory, wasmFactoryOf } from '../../src/platform/node/backends.ts';
import { kernelBuild, readKernelFile } from '../../src/platform/node/kernelFile.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WASM = `${ROOT}dist/kernels/varpool.wasm`;

const NAMES = { fused: 'varpool.wasm', emulated: 'varpool-emulated.wasm' } as const;
const KINDS = ['fused', 'emulated'] as const;

const modules = {} as Record<
  (typeof KINDS)[number],
  { bytes: Uint8Array<ArrayBuffer>; module: WebAssembly.Module }
>;
let module: WebAssembly.Module;
beforeAll(async () => {
  for (const kind of KINDS) {
    modules[kind] = {
      bytes: await readKernelFile(NAMES[kind]),
      module: (await wasmFactoryOf(kind).compile()) as WebAssembly.Module,
    };
  }
  module = modules.emulated.module;
});

/** Section ids of a module, read by the format's definition (WebAssembly core specification §5.5.2). */
function sections(wasm: Uint8Array): number[] {
  const ids: number[] = [];
  let at = 8;
  while (at < wasm.length) {
    ids.push(wasm[at++]);
    let size = 0;
    let shift = 0;
    do {
      size += (wasm[at] & 0x7f) * 2 ** shift;
      shift += 7;
    } while (wasm[at++] & 0x80);
    at += size;
  }
  return ids;
}

test.each(KINDS)('%s has code but no data segment, no table of elements and no start function', (kind) => {
  const ids = sections(modules[kind].bytes);
  expect(ids).toContain(10); // code
  for (const [section, id] of Object.entries({ data: 11, dataCount: 12, element: 9, start: 8 }))
    expect(ids, section).not.toContain(id);
});

test.each(KINDS)(
  '%s imports one memory, exports the kernels, the list of them and the stack pointer',
  (kind) => {
    const { module } = modules[kind];
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    expect(
      WebAssembly.Module.exports(module)
        .map(({ kind, name }) => `${kind} ${name}`)
        .sort(),
    ).toEqual(
      [
        'global __stack_pointer',
        'function run_calls',
        ...Object.keys(KERNELS).map((name) => `function ${name}`),
      ].sort(),
    );
  },
);

test.each(KINDS)('%s adds a product to a sum in one rounding', (kind) => {
  // (1 + 2^-12)² − (1 + 2^-11) is 2^-24 with one rounding and 0 with two.
  const layout = new ArenaLayout(1);
  const [out, a, b] = ['out', 'a', 'b'].map((name) => layout.reserve(name, 1024));
  const arena = Arena.allocate(layout);
  const kernels = wasmFactory.create(arena, modules[kind].module, 0);
  arena.f32[out / 4] = -(1 + 2 ** -11);
  arena.f32[a / 4] = arena.f32[b / 4] = 1 + 2 ** -12;
  kernels.gemm_f32(out, 1, a, 1, 0, b, 1, 1, 1, 1, 1, 0);
  expect(arena.f32[out / 4]).toBe(2 ** -24);
});

test('the module in use is the fused one where the engine fuses', async () => {
  // Every engine this is tested on does, on every CPU of the last ten years.
  expect(wasmModule()).toBe('fused');
  const inUse = (await wasmFactory.compile()) as WebAssembly.Module;
  const arena = Arena.allocate(new ArenaLayout(1));
  expect(() => wasmFactory.create(arena, inUse, 0)).not.toThrow();
});

test('build.json tells the hashes of the module in use', async () => {
  const build = await kernelBuild();
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
  const { bytes } = modules.fused;
  expect(build.wasm).toBe(sha256(bytes));
  expect(build.emulated).toBe(sha256(modules.emulated.bytes));
  expect(build.sources).toMatch(/^[0-9a-f]{64}$/);
  expect(build.bytes).toBe(bytes.length);
});

test('building again without a change does nothing, without loading the compiler', () => {
  const before = statSync(WASM);
  const run = spawnSync(process.execPath, ['kernels/build.mjs'], { cwd: ROOT, encoding: 'utf8' });
  expect([run.status, run.stdout, run.stderr]).toEqual([0, '', '']);
  expect(statSync(WASM).mtimeMs).toBe(before.mtimeMs);
  expect(readFileSync(WASM).equals(modules.fused.bytes)).toBe(true);
});

describe('wasmFactory', () => {
  const layout = new ArenaLayout(2);
  layout.reserve('all', 4096);
  const arena = Arena.allocate(layout);

  test('says what is wrong with its arguments', () => {
    for (const thread of [-1, 2, 0.5])
      expect(() => wasmFactory.create(arena, module, thread)).toThrow(
        /^wasm: expected a thread from 0 to 1, got .+ — /,
      );
    for (const code of [undefined, null, {}])
      expect(() => wasmFactory.create(arena, code, 0)).toThrow(
        /^wasm: expected a WebAssembly.Module, got .+ — /,
      );
  });

  test('a missing file is an unavailable backend, by name', async () => {
    const reading = readKernelFile('none.wasm' as never);
    await expect(reading).rejects.toThrow(BackendUnavailableError);
    await expect(reading).rejects.toThrow(
      /^kernels: expected a readable .*dist.kernels.none\.wasm, got ENOENT — /,
    );
  });

  test('two threads of one module compute in one memory', () => {
    const [first, second] = [0, 1].map((thread) => wasmFactory.create(arena, module, thread));
    const at = 65_536 * 3;
    arena.floats(at, 64).fill(1);
    first.sum_f32(at + 1024, at, 64);
    second.sum_f32(at + 1088, at, 64);
    expect([arena.f32[(at + 1024) / 4], arena.f32[(at + 1088) / 4]]).toEqual([64, 64]);
    // The kernels' stacks are the two pages below; page 0 is unused.
    expect(arena.u8.subarray(0, 65_536).every((byte) => byte === 0)).toBe(true);
  });
});
