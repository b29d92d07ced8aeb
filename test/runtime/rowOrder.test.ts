// Shuffles have addresses: the rows of a step follow from seed, step and sizes, and they are the rows that a training takes,
// whatever was gathered ahead and wherever the training was cut.

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import { type TrainingProblem, totalSteps } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { epochRows, stepRows } from '../../src/runtime/rowOrder.ts';
import { TrainingHarness, testNormals } from '../support/trainingHarness.ts';

const sizes = fc
  .integer({ min: 1, max: 40 })
  .chain((rows) => fc.record({ rows: fc.constant(rows), batchSize: fc.integer({ min: 1, max: rows }) }));

describe('epochRows and stepRows', () => {
  // By Philox words at steps 0 and 1 of the purpose `order` through a Fisher–Yates from the end.
  test('known answers', () => {
    expect([...epochRows('order', 1, 8)]).toEqual([3, 5, 4, 2, 6, 1, 0, 7]);
    expect([...epochRows('order', 2, 8)]).toEqual([0, 6, 1, 3, 5, 4, 2, 7]);
    expect([...stepRows('order', 3, 8, 3)]).toEqual([0, 7]);
  });

  test('an epoch is each row once, cut into its steps in order; 7 and "7" are one seed', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.string(),
        fc.integer({ min: 1, max: 500 }),
        ({ rows, batchSize }, seed, epoch) => {
          const order = epochRows(seed, epoch, rows);
          expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
          const perEpoch = Math.ceil(rows / batchSize);
          const steps = Array.from({ length: perEpoch }, (_, i) =>
            stepRows(seed, (epoch - 1) * perEpoch + i + 1, rows, batchSize),
          );
          expect(steps.flatMap((step) => [...step])).toEqual([...order]);
          expect(steps.slice(0, -1).every((step) => step.length === batchSize)).toBe(true);
        },
      ),
    );
    expect(epochRows(7, 3, 20)).toEqual(epochRows('7', 3, 20));
    expect(epochRows(7, 3, 20)).not.toEqual(epochRows(7, 4, 20));
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses %d', (bad) => {
    expect(() => epochRows('s', bad, 3)).toThrow(/^epochRows: epoch: expected a positive integer, got/);
    expect(() => epochRows('s', 1, bad)).toThrow(/^epochRows: rows: expected/);
    expect(() => stepRows('s', bad, 3, 1)).toThrow(/^stepRows: step: expected/);
    expect(() => stepRows('s', 1, 3, bad)).toThrow(/^stepRows: batchSize: expected/);
  });
});

describe('a training', () => {
  let compiled: unknown;
  beforeAll(async () => {
    compiled = await wasmFactory.compile();
  });

  /**
   * Row r has a weight of its own: a linear model of one-hot rows. Under a prior without force its mu moves in exactly those steps that
   * see row r.
   */
  function witness(rows: number, batchSize: number, epochs: number, seed: string): TrainingHarness {
    const problem: TrainingProblem = {
      model: {
        ...build({ inputSize: rows, hiddenSizes: [], outputSize: 1 }),
        prior: { kind: 'gaussian', sigma: 1e15 },
      },
      likelihood: { kind: 'gaussian', scale: 1 },
      rowCount: rows,
      batchSize,
      draws: 1,
      epochs,
      optimizer: { kind: 'sgd', learningRate: 0.1 },
      schedule: { kind: 'constant' },
      klWeighting: 'uniform',
      seed,
    };
    const x = Float32Array.from({ length: rows * rows }, (_, i) => (i % (rows + 1) === 0 ? 1 : 0));
    const harness = new TrainingHarness(problem, wasmFactory, compiled, x, testNormals(rows, 11));
    const fill = (value: number) => ({
      weight: new Float64Array(rows).fill(value),
      bias: Float64Array.of(value),
    });
    harness.put(harness.memory.mu, 0, fill(0.5));
    harness.put(harness.memory.rho, 0, fill(-5));
    return harness;
  }

  /** Rows seen by steps from … to − 1 (from 0). */
  function seen(harness: TrainingHarness, from: number, to: number): number[] {
    const before = harness.get(harness.memory.mu, 0).weight;
    harness.run(from, to);
    const after = harness.get(harness.memory.mu, 0).weight;
    return [...after.keys()].filter((row) => after[row] !== before[row]);
  }

  test('takes the rows of stepRows: step by step, in longer stretches, and begun in the middle', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 1, max: 3 }),
        fc.string({ maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 5 }),
        fc.nat(),
        ({ rows, batchSize }, epochs, seed, cuts, place) => {
          const going = witness(rows, batchSize, epochs, seed);
          const steps = totalSteps(going.problem);
          const expected = (from: number, to: number) => {
            const all = new Set<number>();
            for (let s = from; s < to; s++)
              for (const row of stepRows(seed, s + 1, rows, batchSize)) all.add(row);
            return [...all].sort((a, b) => a - b);
          };
          for (let at = 0, i = 0; at < steps; i++) {
            const to = Math.min(steps, at + (cuts[i] ?? 1));
            expect(seen(going, at, to)).toEqual(expected(at, to));
            at = to;
          }
          const middle = place % steps;
          expect(seen(witness(rows, batchSize, epochs, seed), middle, middle + 1)).toEqual(
            expected(middle, middle + 1),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
