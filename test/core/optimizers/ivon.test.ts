// IVON: several steps against algorithm 1 in float64, exact resuming, the posterior of a linear regression, and what it refuses.

import { beforeAll, describe, expect, test } from 'vitest';
import { LANES } from '../../../src/backend/backend.ts';
import { build } from '../../../src/core/bayesian.ts';
import { createOptimizer } from '../../../src/core/optimizers/index.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../../src/node.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import { softplus } from '../../reference/negativeElbo.ts';
import { KernelMemory } from '../../support/kernelMemory.ts';
import { smallProblem, teamProblem } from '../../support/problems.ts';
import { testNormals } from '../../support/trainingHarness.ts';

describe('the kernel', () => {
  let memory: KernelMemory;
  beforeAll(async () => {
    memory = await KernelMemory.create(wasmFactory);
  });

  test.each([
    ['narrow', -5, true],
    ['wide', 1.5, false],
  ] as const)('follows algorithm 1 for twenty steps, %s', (_, initialRho, fused) => {
    memory.reset();
    const rows = 6;
    const n = rows * LANES;
    const [N, precision, beta1, beta2, rate] = [50, 1.7, 0.9, 0.95, 0.05];
    const delta = precision / N;
    const start = testNormals(n, 500);
    const [mu, rho, g, h] = [
      memory.floats(start),
      memory.floats(new Float32Array(n).fill(initialRho)),
      n,
      n,
    ].map((of, i) => (i < 2 ? of : memory.floats(of)));
    const gMu = memory.floats(n);
    const second = memory.floats(n);
    const scalars = memory.floats(16);
    const view = memory.arena.floats(scalars, 16);
    const optimizer = createOptimizer({ kind: 'ivon', learningRate: rate, beta1, beta2 });
    const twin = Array.from(start, (m) => ({ m, sigma: softplus(initialRho), g: 0, h: 0 }));
    for (const t of twin) t.h = 1 / (N * t.sigma ** 2) - delta;
    for (let step = 0; step < 20; step++) {
      // Gradients as of a curvature of about 2 at noise z, so that h moves far from where it starts.
      const z = testNormals(n, 510 + step);
      const gradient = Float32Array.from(z, (noise, i) => 2 * (twin[i].sigma * noise + twin[i].m - 0.3));
      const other = Float32Array.from(z, (noise, i) => (fused ? noise : gradient[i] * noise));
      memory.arena.floats(gMu, n).set(gradient);
      memory.arena.floats(second, n).set(other);
      optimizer.scalars(view, step, rate);
      view[0] = 1 / N;
      view[1] = delta;
      const at = { mu, rho, moments: [g, h], gMu, gSigma: second, noise: fused ? second : 0, scalars };
      expect(optimizer.update(memory.kernels, at, rows, LANES)).toBe(0);
      for (const [i, t] of twin.entries()) {
        const hHat = (fused ? gradient[i] * z[i] : other[i]) / t.sigma;
        t.g = beta1 * t.g + (1 - beta1) * gradient[i];
        t.h = beta2 * t.h + (1 - beta2) * hHat + (0.5 * (1 - beta2) ** 2 * (t.h - hHat) ** 2) / (t.h + delta);
        t.m -= (rate * (t.g / (1 - beta1 ** (step + 1)) + delta * t.m)) / (t.h + delta);
        t.sigma = 1 / Math.sqrt(N * (t.h + delta));
        expect(t.h + delta).toBeGreaterThan(0);
      }
    }
    const [gotMu, gotRho] = [mu, rho].map((at) => memory.read(at, n));
    for (const [i, t] of twin.entries()) {
      // Some ten roundings a step in the size of h; rho's own rounding is 4e-7 of sigma, and sigma enters the next curvature.
      expect(Math.abs(softplus(gotRho[i]) / t.sigma - 1), `sigma ${i}`).toBeLessThan(2e-5);
      expect(Math.abs(gotMu[i] - t.m), `mu ${i}`).toBeLessThan(2e-5 * (1 + Math.abs(t.m)));
    }
  });
});

test('a point moves by the mean gradient', () => {
  const point = Float64Array.of(2, 0, 0);
  const optimizer = createOptimizer({ kind: 'ivon', learningRate: 1 });
  optimizer.updatePoint(point, 0, 3, 0, 0.1);
  expect(point[0]).toBeCloseTo(2 - 0.1 * 3, 12);
  optimizer.updatePoint(point, 0, 1, 1, 0.1);
  expect(point[0]).toBeCloseTo(1.7 - (0.1 * (0.9 * 3 + 1)) / 1.9, 12);
});

const quiet = { seed: 'ivon', onWarning: () => undefined } as const;

test('any number of workers and the state of any step give the same bits', async () => {
  await using one = createRuntime({ workers: 1, ...quiet });
  await using three = createRuntime({ workers: 3, ...quiet });
  const { model, data, options } = teamProblem(1);
  const more: TrainOptions = { ...options, optimizer: 'ivon', klWeighting: 'uniform' };
  const states: TrainingState[] = [];
  const save = (state: TrainingState) => void states.push(state);
  const digest = posteriorDigest(
    await one.train(model, data, { ...more, checkpoint: { everySteps: 1, save } }),
  );
  expect(posteriorDigest(await three.train(model, data, more))).toBe(digest);
  expect(states).toHaveLength(5);
  for (const resume of states)
    expect(posteriorDigest(await three.train(model, data, { ...more, resume }))).toBe(digest);
});

test('refuses what it cannot train, before training', async () => {
  await using runtime = createRuntime({ workers: 1, ...quiet });
  const { model, data, options } = smallProblem('gaussian', 1);
  const laplace = { ...model, prior: { kind: 'laplace', scale: 1 } } as const;
  const train = async (of: typeof model, more: TrainOptions) => {
    await runtime.train(of, data, { ...options, optimizer: 'ivon', ...more });
  };
  await expect(train(laplace, {})).rejects.toThrow(
    'train: optimizer: expected Gaussian priors for ivon, got laplace — give every layer a Gaussian prior, or train with another optimizer',
  );
  await expect(train(model, { klWeighting: 'blundell' })).rejects.toThrow(
    /^train: klWeighting: expected for ivon .+ — use uniform$/,
  );
});

test('a linear regression ends at the exact mean-field posterior', async () => {
  const [N, I, noiseScale, scale] = [64, 4, 0.5, 0.8];
  // Walsh functions: ±1, every two columns orthogonal over 64 rows, and to the bias's ones.
  const design = (r: number, i: number) => (i === I || !((r >> [0, 2, 3, 5][i]) & 1) ? 1 : -1);
  const noise = testNormals(N, 200);
  const truth = [0.9, -0.6, 0.2, 1.1, -0.4];
  const y = Float32Array.from({ length: N }, (_, r) =>
    truth.reduce((sum, w, i) => sum + w * design(r, i), noiseScale * noise[r]),
  );
  const x = Float32Array.from({ length: N * I }, (_, n) => design(Math.floor(n / I), n % I));
  await using runtime = createRuntime({ workers: 1, ...quiet });
  const posterior = await runtime.train(
    build({ inputSize: I, hiddenSizes: [], outputSize: 1, priorSigma: scale }),
    { x: { data: x, shape: [N, I] }, y },
    {
      likelihood: { kind: 'gaussian', scale: noiseScale },
      standardize: 'none',
      epochs: 6000,
      batchSize: N,
      draws: 8,
      initialRho: -1,
      optimizer: { kind: 'ivon', learningRate: 0.05 },
      schedule: { kind: 'cosine', finalFraction: 0 },
    },
  );
  const precision = N / noiseScale ** 2 + 1 / scale ** 2;
  const exact = 1 / Math.sqrt(precision);
  const [{ weight, bias }] = posterior.layers;
  const [mu, rho] = [
    [...weight.mu, ...bias.mu],
    [...weight.rho, ...bias.rho],
  ];
  for (let i = 0; i <= I; i++) {
    const mean = y.reduce((sum, value, r) => sum + value * design(r, i), 0) / noiseScale ** 2 / precision;
    // As in linearRegression.test.ts. h is a mean of some 2000 steps of 8 draws, each within a few times h: 1 % of sigma.
    expect(Math.abs(mu[i] - mean) / exact, `mu ${i}`).toBeLessThan(0.1);
    expect(Math.abs(softplus(rho[i]) / exact - 1), `sigma ${i}`).toBeLessThan(0.05);
  }
});
