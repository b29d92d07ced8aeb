// Optimizers over many real steps against a float64 twin that is given the same gradients: adam and momentum SGD, on mu, rho and
// the learned noise scale.

import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import type { OptimizerSettings } from '../../src/core/optimizers/index.ts';
import { createOptimizer } from '../../src/core/optimizers/index.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { TrainingHarness, testNormals } from '../support/trainingHarness.ts';

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
});

const STEPS = 20;

function harness(optimizer: OptimizerSettings): TrainingHarness {
  const problem: TrainingProblem = {
    model: build({ inputSize: 3, hiddenSizes: [18], outputSize: 2, activation: 'tanh' }),
    likelihood: { kind: 'gaussian', scale: 'learned' },
    rowCount: 40,
    batchSize: 20,
    draws: 1,
    epochs: STEPS / 2,
    optimizer,
    schedule: { kind: 'cosine', finalFraction: 0.1 },
    klWeighting: 'uniform',
    seed: 'optimizers',
  };
  const made = new TrainingHarness(
    problem,
    wasmFactory,
    compiled,
    testNormals(120, 301),
    testNormals(80, 302),
  );
  for (const l of [0, 1]) {
    const { I, O } = made.memory.layout.layers[l];
    const values = (count: number, which: number, loc: number) =>
      Float64Array.from(testNormals(count, which), (value) => Math.fround(loc + 0.4 * value));
    made.put(made.memory.mu, l, { weight: values(I * O, 303 + l, 0), bias: values(O, 305 + l, 0) });
    made.put(made.memory.rho, l, { weight: values(I * O, 307 + l, -2), bias: values(O, 309 + l, -2) });
  }
  return made;
}

/** All values of a buffer, layer by layer. */
function all(h: TrainingHarness, buffer: number): number[] {
  return [0, 1].flatMap((l) => {
    const { weight, bias } = h.get(buffer, l);
    return [...weight, ...bias];
  });
}

const rateAt = (step: number) => 0.1 + (0.9 * (1 + Math.cos((Math.PI * step) / STEPS))) / 2;

/**
 * Gradient of each step, from a run of plain SGD steps that starts each time from the state the run under test has reached.
 */
function gradients(from: TrainingHarness, plain: TrainingHarness, step: number) {
  const { mu, rho } = from.memory;
  for (const l of [0, 1]) {
    plain.put(plain.memory.mu, l, from.get(mu, l));
    plain.put(plain.memory.rho, l, from.get(rho, l));
  }
  for (const k of [0, 1]) plain.point(k).set([from.point(k)[0], 0, 0]);
  plain.step.noiseScale.publish();
  // readyFor is cleared so that the step samples anew from the parameters just put.
  plain.arena.i32[plain.memory.control / 4 + 7] = 0;
  plain.run(step, step + 1);
  const [mMu, mRho] = plain.memory.moments;
  return [...all(plain, mMu), ...all(plain, mRho), plain.point(0)[1], plain.point(1)[1]];
}

const parameters = (h: TrainingHarness) => [
  ...all(h, h.memory.mu),
  ...all(h, h.memory.rho),
  h.point(0)[0],
  h.point(1)[0],
];

describe.each([
  { kind: 'adam', learningRate: 0.01 },
  { kind: 'adam', learningRate: 0.01, beta1: 0.8, beta2: 0.95, eps: 1e-3 },
  { kind: 'sgd', learningRate: 0.02, momentum: 0.9 },
  { kind: 'sgd', learningRate: 0.02 },
] as OptimizerSettings[])('%j', (spec) => {
  test('twenty steps of all parameters follow the published rule', () => {
    const run = harness(spec);
    const plain = harness({ kind: 'sgd', learningRate: 1e-9 });
    const start = parameters(run);
    const twin = Float64Array.from(start);
    const m = new Float64Array(twin.length);
    const v = new Float64Array(twin.length);
    for (let step = 0; step < STEPS; step++) {
      const gradient = gradients(run, plain, step);
      const rate = spec.learningRate * rateAt(step);
      for (let i = 0; i < twin.length; i++) {
        if (spec.kind === 'adam') {
          const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = spec;
          m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
          v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] ** 2;
          const mHat = m[i] / (1 - beta1 ** (step + 1));
          const vHat = v[i] / (1 - beta2 ** (step + 1));
          twin[i] -= (rate * mHat) / (Math.sqrt(vHat) + eps);
        } else if (spec.kind === 'sgd') {
          m[i] = (spec.momentum ?? 0) * m[i] + gradient[i];
          twin[i] -= rate * m[i];
        }
      }
      run.run(step, step + 1);
    }
    const got = parameters(run);
    let moved = 0;
    for (let i = 0; i < twin.length; i++) {
      // 20 roundings of a float32 of size up to 4 (2.4e-7 each), and of the moments (1e-6 of a step of .01).
      expect(Math.abs(got[i] - twin[i]), `parameter ${i}`).toBeLessThan(3e-6);
      moved = Math.max(moved, Math.abs(got[i] - start[i]));
    }
    expect(moved).toBeGreaterThan(0.01);
  });
});

describe('updatePoint', () => {
  test('is the rule of the kernels in float64, from moments that start at 0', () => {
    const point = Float64Array.of(2, 0, 0);
    createOptimizer({ kind: 'adam', learningRate: 1 }).updatePoint(point, 0, 3, 0, 0.1);
    // The first step of Adam is the learning rate, whatever the gradient's size.
    expect(point[0]).toBeCloseTo(1.9, 7);
    const sgd = Float64Array.of(9, 9, 9, 2, 1, 0);
    createOptimizer({ kind: 'sgd', learningRate: 1, momentum: 0.5 }).updatePoint(sgd, 3, 3, 4, 0.1);
    expect([...sgd]).toEqual([9, 9, 9, 2 - 0.1 * 3.5, 3.5, 0]);
  });
});
