// The measuring itself, without a clock where that goes: what is said of samples, in which order they are taken, what a step is worth,
// and that the kernels that are timed do what they are named for.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { LANES } from '../../src/backend/backend.ts';
import { watchBeside } from '../../src/bench/beside.node.ts';
import {
  type KernelWork,
  kernelCost,
  prepareKernel,
  regionBytes,
  workName,
} from '../../src/bench/kernelWork.ts';
import { drawWork, parameterCount, stepWork } from '../../src/bench/networks.ts';
import { peaks, rooflineMs } from '../../src/bench/roofline.ts';
import { type Measurement, measureInTurn, type Sampler } from '../../src/bench/rounds.ts';
import { spread } from '../../src/bench/statistics.ts';
import { columns, time } from '../../src/bench/table.ts';
import { build } from '../../src/core/bayesian.ts';
import { parameterLayout } from '../../src/core/parameters.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { KernelCounter } from '../support/countingKernels.ts';

describe('spread', () => {
  test('of known values', () => {
    expect(spread([5, 1, 4, 2, 3])).toEqual({ median: 3, min: 1, max: 5, q1: 2, q3: 4, rounds: 5 });
    expect(spread([1, 2])).toMatchObject({ median: 1.5, q1: 1.25, q3: 1.75 });
    expect(spread([7])).toEqual({ median: 7, min: 7, max: 7, q1: 7, q3: 7, rounds: 1 });
  });

  test('is ordered, and does not depend on the order of the rounds', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const { min, q1, median, q3, max } = spread(values);
        expect(min <= q1 && q1 <= median && median <= q3 && q3 <= max).toBe(true);
        expect(spread([...values].reverse())).toEqual(spread(values));
      }),
    );
  });

  test('of nothing is refused', () => {
    expect(() => spread([])).toThrow(/^bench: expected at least one round, got none — /);
  });
});

function sampler(name: string, ms: () => number, seen: string[] = []): Sampler {
  const sample = async () => {
    seen.push(name);
    return { ms: ms() };
  };
  return { name, size: '', backend: 'b', workers: 1, work: { flops: 2e6, bytes: 1e6 }, sample };
}

test('samples are taken in turn, another one first in each round, the first round not counted', async () => {
  const seen: string[] = [];
  let now = 0;
  const samplers = ['a', 'b', 'c'].map((name) => sampler(name, () => ++now, seen));
  const measured = await measureInTurn(samplers, 2);
  expect(seen.join('')).toBe('abcbcacab');
  expect(measured.map(({ ms }) => [ms.min, ms.max])).toEqual([
    [6, 8],
    [4, 9],
    [5, 7],
  ]);
});

describe('roofline', () => {
  const measurement = (name: string, ms: number): Measurement => {
    return { sampler: sampler(name, () => ms), ms: spread([ms]), details: [] };
  };

  test('takes the best product and the best stream', () => {
    const found = peaks(
      [measurement('gemm', 2), measurement('gemm', 1)],
      [measurement('copy', 0.5), measurement('multiply', 0.25)],
    );
    expect(found).toEqual([{ backend: 'b', workers: 1, gflops: 2, gbs: 4 }]);
    // 4 GFLOP at 2 GFLOP/s, 2 GB at 4 GB/s.
    expect(rooflineMs({ flops: 4e9, bytes: 2e9 }, found[0])).toBeCloseTo(2500, 9);
  });
});

describe('the work of a network', () => {
  const big = { sizes: [784, 1200, 1200, 10], batchSize: 128 };

  test('products: forward, dW, and dx but for the first layer', () => {
    const [a, b, c] = [784 * 1200, 1200 * 1200, 1200 * 10];
    expect(stepWork(big).gemmFlops).toBe(2 * 128 * (2 * a + 3 * b + 3 * c));
    expect(drawWork(big).gemmFlops).toBe(2 * 128 * (a + b + c));
  });

  test('bytes: at least the state once in and once out', () => {
    const P = parameterCount(big);
    expect(P).toBe(785 * 1200 + 1201 * 1200 + 1201 * 10);
    expect(stepWork(big).bytes).toBeGreaterThan(48 * P);
    expect(stepWork(big).bytes).toBeLessThan(80 * P);
  });

  test('a further draw costs its products and its weights, but no further update', () => {
    const [one, two, three] = [1, 2, 3].map((draws) => stepWork({ ...big, draws }));
    expect(two.gemmFlops).toBe(2 * one.gemmFlops);
    expect(three.flops - two.flops).toBe(two.flops - one.flops);
    expect(two.bytes).toBeLessThan(1.5 * one.bytes);
  });

  test('counts the parameters that the model has', () => {
    const model = build({ inputSize: 13, hiddenSizes: [50, 7], outputSize: 3 });
    expect(parameterCount({ sizes: [13, 50, 7, 3], batchSize: 1 })).toBe(parameterLayout(model).count);
  });
});

describe('kernels that are timed', () => {
  const works: KernelWork[] = [
    { kind: 'gemm', m: 5, n: 32, k: 20, transposeA: false },
    { kind: 'gemm', m: 18, n: 16, k: 7, transposeA: true },
    ...(['normals', 'perturb', 'optimizer', 'multiply', 'copy'] as const).map((kind) => {
      return { kind, rows: 12 };
    }),
  ];

  test.each(works.map((work) => [`${work.kind} ${workName(work)}`, work] as const))(
    '%s stays within its region and keeps numbers finite',
    async (_name, work) => {
      const layout = new ArenaLayout(1);
      const base = layout.reserve('operands', regionBytes(work));
      const guard = layout.reserve('guard', 4096);
      const arena = Arena.allocate(layout);
      arena.floats(guard, 1024).fill(7);
      const kernels = wasmFactory.create(arena, await wasmFactory.compile(), 0);
      const call = prepareKernel(work, kernels, arena, base);
      for (let i = 0; i < 100; i++) call();
      expect(arena.floats(guard, 1024).every((value) => value === 7)).toBe(true);
      const floats = arena.floats(base, Math.floor(regionBytes(work) / 4));
      expect(floats.every(Number.isFinite)).toBe(true);
      expect(floats.some((value) => value !== 0)).toBe(true);
      // No operand becomes so small that arithmetic with it takes another time.
      expect(floats.every((value) => value === 0 || Math.abs(value) > 1e-30)).toBe(true);
    },
  );

  test.each(works)('$kind costs what its one call costs', (work) => {
    const layout = new ArenaLayout(1);
    const base = layout.reserve('operands', regionBytes(work));
    const arena = Arena.allocate(layout);
    const counter = new KernelCounter();
    prepareKernel(work, counter.kernels, arena, base)();
    const counts = Object.values(counter.take());
    expect(counts.map(({ calls }) => calls)).toEqual([1]);
    const { flops, bytes } = kernelCost(work);
    expect(counts[0].bytes).toBe(bytes);
    // The identity is no operation.
    expect(counts[0].flops).toBe(work.kind === 'copy' ? work.rows * LANES : flops);
  });
});

test('what ran beside is reported, as far as the system shows it', () => {
  const stop = watchBeside();
  for (const until = performance.now() + 60; performance.now() < until; );
  const { load, otherCores, seconds } = stop();
  expect(load.before.length).toBe(3);
  expect(seconds).toBeGreaterThan(0.05);
  if (otherCores !== null) expect(otherCores).toBeGreaterThanOrEqual(0);
});

test('tables align', () => {
  expect(
    columns(
      [
        ['name', 'ms'],
        ['a', '10'],
        ['long name', '1'],
      ],
      1,
    ),
  ).toBe('  name       ms\n  a          10\n  long name   1\n');
  expect([time(1500), time(12.34), time(0.05), time(0.00014)]).toEqual([
    '1.50 s',
    '12.3 ms',
    '50.0 µs',
    '0.14 µs',
  ]);
});
