// The contract suite's own instrument: it must see what it is there to see.

import { beforeAll, describe, expect, test } from 'vitest';
import type { BackendFactory, Kernels } from '../../src/backend/backend.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { KernelPair, panelRanges, rowRanges } from '../support/kernelPair.ts';

/** The reference with another multiply_f32. */
function spoiled(
  multiply: (good: Kernels, ...args: Parameters<Kernels['multiply_f32']>) => void,
): Promise<KernelPair> {
  const factory: BackendFactory = {
    ...referenceFactory,
    create(arena, compiled, thread) {
      const good = referenceFactory.create(arena, compiled, thread);
      return { ...good, multiply_f32: (...args) => multiply(good, ...args) };
    },
  };
  return KernelPair.create(factory);
}
const multiply = (pair: KernelPair, rows: number, ranges = rowRanges(pair.slot(0), rows)) => {
  pair.fill('ordinary', 1);
  pair.run('multiply_f32', [pair.slot(0), pair.slot(1), pair.slot(2), rows], ranges);
};

let good: KernelPair;
beforeAll(async () => {
  good = await KernelPair.create(referenceFactory);
});

test('equal backends pass', () => multiply(good, 3));

test('a write outside the output is seen, after it and within its rows', () => {
  expect(() => multiply(good, 3, rowRanges(good.slot(0), 2))).toThrow(/written outside/);
  expect(() => multiply(good, 3, rowRanges(good.slot(0), 3, 15))).toThrow(/written outside/);
});

test('a write that only the other backend makes is seen', async () => {
  const longer = await spoiled((kernels, out, a, b, rows) => kernels.multiply_f32(out, a, b, rows + 1));
  expect(() => multiply(longer, 3)).toThrow(/written outside/);
});

test('a wrong result, a missing one and another sign of zero are seen', async () => {
  const wrong = await spoiled((kernels, out, a, b, rows) => kernels.multiply_f32(out, a, b + 64, rows));
  expect(() => multiply(wrong, 3)).toThrow(/expected .+, got .+/);
  const missing = await spoiled((kernels, out, a, b, rows) => kernels.multiply_f32(out, a, b, rows - 1));
  expect(() => multiply(missing, 3)).toThrow(/expected .+, got .+/);
  const sum = await spoiled(() => {});
  sum.fill(0);
  sum.f32.fill(-1, sum.slot(1) / 4, sum.slot(1) / 4 + 16);
  expect(() =>
    sum.run('multiply_f32', [sum.slot(0), sum.slot(1), sum.slot(2), 1], rowRanges(sum.slot(0), 1)),
  ).toThrow(/expected 0, got 0/);
});

describe('a product by a backend that is not reproducible', () => {
  type Gemm = Kernels['gemm_f32'];
  const spoiledGemm = (gemm: (good: Kernels, args: Parameters<Gemm>, f32: Float32Array) => void) => {
    const factory: BackendFactory = {
      ...referenceFactory,
      reproducible: false,
      create(arena, compiled, thread) {
        const good = referenceFactory.create(arena, compiled, thread);
        return { ...good, gemm_f32: (...args) => gemm(good, args, arena.f32) };
      },
    };
    return KernelPair.create(factory);
  };
  const product = (pair: KernelPair) => {
    pair.fill('ordinary', 3);
    const [out, a, b] = [pair.slot(0), pair.slot(1), pair.slot(5)];
    pair.run('gemm_f32', [out, 7, a, 7, 0, b, 20, 7, 2, 20, 0, 0], panelRanges(out, 7, 7, 2));
  };
  const plus = (error: number) => (good: Kernels, args: Parameters<Gemm>, f32: Float32Array) => {
    good.gemm_f32(...args);
    f32[args[0] / 4 + 5] += error;
  };

  test('may differ by its rounding', async () => {
    product(await spoiledGemm(plus(1e-6)));
  });

  test.each([
    ['an error above its rounding', plus(1e-3)],
    ['a NaN', plus(Number.NaN)],
    ['a product left out', (good, args) => good.gemm_f32(...(args.with(9, 19) as Parameters<Gemm>))],
    ['nothing written', () => {}],
  ] as Array<[string, (good: Kernels, args: Parameters<Gemm>, f32: Float32Array) => void]>)(
    '%s is seen',
    async (_, gemm) => {
      const pair = await spoiledGemm(gemm);
      expect(() => product(pair)).toThrow(/expected .+, got .+/);
    },
  );
});
