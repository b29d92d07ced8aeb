// The contract suite's own instrument: it must see what it is there to see.

import { beforeAll, expect, test } from 'vitest';
import type { BackendFactory, Kernels } from '../../src/backend/backend.ts';
import { referenceFactory } from '../../src/backend/reference.ts';
import { KernelPair, rowRanges } from '../support/kernelPair.ts';

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
