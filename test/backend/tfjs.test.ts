// The tfjs backend: which package it takes, what it says when there is none or it does not work, what it leaves behind in the
// process. That its product is right is the contract suite's business.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { GemmStart } from '../../src/backend/backend.ts';
import { tfjsOf } from '../../src/backend/tfjs/tfjs.node.ts';
import { type Tfjs, tfjsGemm } from '../../src/backend/tfjs/tfjsGemm.ts';
import { loadTfjs, type TfjsChoice } from '../../src/backend/tfjs/tfjsPackage.node.ts';
import { BackendUnavailableError } from '../../src/errors.ts';
import { nodeBackends, tfjsFactory } from '../../src/platform/node/backends.ts';
import { KernelMemory } from '../support/kernelMemory.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-tfjs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** A package that calls itself `name`, with this text as its module. */
function fakePackage(folder: string, name: string, code: string): TfjsChoice {
  const choice = { name, version: '4.22.0', folder: join(dir, folder) };
  mkdirSync(choice.folder, { recursive: true });
  writeFileSync(join(choice.folder, 'package.json'), JSON.stringify({ name, version: choice.version }));
  writeFileSync(join(choice.folder, 'index.js'), code);
  return choice;
}
/** A TensorFlow.js whose every product is `value`. */
const fakeTfjs = (value: string, before = '') => `
  ${before}
  const tensor = { dataSync: () => Float32Array.of(${value}), dispose() {} };
  module.exports = {
    enableProdMode() {}, setBackend: (name) => name === 'tensorflow' || name === 'cpu', ready: async () => {},
    tensor2d: () => tensor, matMul: () => tensor, memory: () => ({ numTensors: 0 }),
  };`;

describe('which package', () => {
  test('an installed one is found and said; it is not reproducible and auto leaves it alone', () => {
    expect(tfjsFactory.available()).toEqual({
      ok: true,
      note: expect.stringMatching(/^@tensorflow\/tfjs[a-z-]* 4\.\d+\.\d+ \(.+\)$/),
    });
    expect(tfjsFactory.reproducible).toBe(false);
    expect(nodeBackends.pick('tfjs').name).toBe('tfjs');
    expect(nodeBackends.named(nodeBackends.pick('auto').name).reproducible).toBe(true);
  });

  test('VARPOOL_TFJS names a package or a folder', () => {
    const { folder } = fakePackage('named', '@tensorflow/tfjs-node', fakeTfjs('11'));
    vi.stubEnv('VARPOOL_TFJS', folder);
    expect(tfjsFactory.available()).toEqual({
      ok: true,
      note: "@tensorflow/tfjs-node 4.22.0 (TensorFlow's own kernels)",
    });
    vi.stubEnv('VARPOOL_TFJS', '@tensorflow/tfjs');
    expect(tfjsFactory.available()).toMatchObject({ ok: true, note: expect.stringContaining('slow') });
  });

  test.each([
    ['@tensorflow/none', /^no package at VARPOOL_TFJS=@tensorflow\/none — /],
    ['zod', /^VARPOOL_TFJS: expected one of @tensorflow\/tfjs-node, .+, got zod — /],
  ])('VARPOOL_TFJS=%s is refused with the reason', async (name, reason) => {
    vi.stubEnv('VARPOOL_TFJS', name);
    expect(tfjsFactory.available()).toEqual({ ok: false, reason: expect.stringMatching(reason) });
    expect(() => nodeBackends.pick('tfjs')).toThrow(BackendUnavailableError);
    await expect(tfjsFactory.compile()).rejects.toThrow(BackendUnavailableError);
  });

  test.each([
    [
      'does not load',
      'throw new Error("no binding for this machine\\nand more")',
      'no binding for this machine',
    ],
    ['multiplies wrongly', fakeTfjs('12'), 'expected 1·3 + 2·4 to be 11, got 12'],
    ['ends its thread', 'process.exit(3)', 'exit code 3'],
  ])('one that %s is a BackendUnavailableError with the reason', async (what, code, reason) => {
    const { folder } = fakePackage(what, '@tensorflow/tfjs-node', code);
    vi.stubEnv('VARPOOL_TFJS', folder);
    await expect(tfjsFactory.compile()).rejects.toThrow(
      new BackendUnavailableError(
        `tfjs: expected @tensorflow/tfjs-node 4.22.0 (TensorFlow's own kernels) to run in a worker thread, got ${reason} — install it again, or name another by VARPOOL_TFJS`,
      ),
    );
  });

  test('one that works passes, and so once is enough', async () => {
    const { folder } = fakePackage('works', '@tensorflow/tfjs-node', fakeTfjs('11'));
    vi.stubEnv('VARPOOL_TFJS', folder);
    const compiled = await tfjsFactory.compile();
    expect(compiled).toMatchObject({ tfjs: { name: '@tensorflow/tfjs-node', folder } });
    expect(structuredClone(compiled)).toMatchObject({ tfjs: { folder } });
  });
});

describe('the process', () => {
  const THREADS = ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'];

  test.each([
    [undefined, '1'],
    ['5', '5'],
  ])('threads set to %s are %s afterwards', async (before, after) => {
    for (const name of THREADS) vi.stubEnv(name, before);
    await tfjsFactory.compile();
    expect(THREADS.map((name) => process.env[name])).toEqual([after, after]);
  });

  test('tfjs-node gets back what Node 23 took from util, and nothing else is touched', async () => {
    const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
    const { isNullOrUndefined, isArray } = util;
    const uses = `const util = require('node:util');
      const seen = [undefined, null, 0].map((value) => util.isNullOrUndefined(value)).concat(util.isArray([]), util.isArray({}));`;
    const choice = fakePackage('shim', '@tensorflow/tfjs-node', fakeTfjs('...seen', uses));
    try {
      delete util.isNullOrUndefined;
      delete util.isArray;
      await loadTfjs(fakePackage('other', '@tensorflow/tfjs', fakeTfjs('0')));
      expect(util.isNullOrUndefined).toBeUndefined();
      const tf = await loadTfjs(choice);
      const tensor = tf.tensor2d(new Float32Array(0), [0, 0], 'float32');
      expect([...(tensor.dataSync() as Float32Array)]).toEqual([1, 1, 0, 1, 0]);
    } finally {
      Object.assign(util, { isNullOrUndefined, isArray });
    }
  });

  test('a thread that did not load TensorFlow.js has every kernel but the product', async () => {
    vi.stubEnv('VARPOOL_TFJS', fakePackage('never loaded', '@tensorflow/tfjs', fakeTfjs('11')).folder);
    const { arena, start } = await KernelMemory.create(nodeBackends.named('reference'));
    const kernels = tfjsFactory.create(arena, await tfjsFactory.compile(), 0);
    kernels.sum_f32(start, start, 0);
    expect(() => kernels.gemm_f32(start, 1, start, 1, 0, start, 1, 1, 1, 1, GemmStart.zero, 0)).toThrow(
      /await load\(compiled\) first/,
    );
  });
});

describe('tensors', () => {
  let memory: KernelMemory;
  let tf: Tfjs;
  beforeAll(async () => {
    memory = await KernelMemory.create(tfjsFactory);
    tf = tfjsOf(await tfjsFactory.compile())!;
  });
  const multiply = (gemm = memory.kernels.gemm_f32, m = 5, k = 18) => {
    memory.reset();
    const [a, b] = [memory.panels(m, k, (r, c) => r - c), memory.panels(k, 32, (r, c) => r + c)];
    const [out, bias] = [memory.floats(m * 32), memory.panels(m, 16, () => 1)];
    for (const start of [0, 1, 2] as const) gemm(out, m, a, m, 0, b, k, m, 2, k, start, bias);
  };

  test('none is left over, however often it multiplies', () => {
    multiply();
    const before = tf.memory().numTensors;
    for (let i = 0; i < 50; i++) multiply(undefined, 1 + (i % 20), i);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('none is left over when TensorFlow.js throws', () => {
    const before = tf.memory().numTensors;
    const broken: Tfjs = {
      tensor2d: (...args) => tf.tensor2d(...args),
      memory: () => tf.memory(),
      matMul() {
        throw new Error('out of memory');
      },
    };
    expect(() => multiply(tfjsGemm(broken, memory.arena))).toThrow('out of memory');
    expect(tf.memory().numTensors).toBe(before);
  });

  test('data that begins in the middle of a buffer is read from there', () => {
    const odd: Tfjs = {
      tensor2d: (...args) => tf.tensor2d(...args),
      memory: () => tf.memory(),
      matMul(a, b) {
        const product = tf.matMul(a, b);
        const shifted = (values: Float32Array) => {
          const moved = new Float32Array(values.length + 1);
          moved.set(values, 1);
          return moved.subarray(1);
        };
        return {
          dataSync: () => shifted(product.dataSync() as Float32Array),
          dispose: () => product.dispose(),
        };
      },
    };
    memory.reset();
    const [a, b, out] = [
      memory.panels(3, 2, (r, c) => r + c),
      memory.panels(2, 16, (r, c) => r * c),
      memory.floats(48),
    ];
    tfjsGemm(odd, memory.arena)(out, 3, a, 3, 0, b, 2, 3, 1, 2, GemmStart.zero, 0);
    for (let r = 0; r < 3; r++)
      for (let c = 0; c < 16; c++) expect(memory.get(out, 3, r, c)).toBe((r + 1) * c);
  });
});
