// AdamW: steps of Adam from means that have shrunk, in float64 and to the bit; sigma, moments and the noise scale as with Adam.

import { beforeAll, expect, test } from 'vitest';
import { LANES } from '../../../src/backend/backend.ts';
import { createOptimizer } from '../../../src/core/optimizers/index.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { createRuntime, posteriorDigest, type TrainOptions } from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { KernelMemory } from '../../support/kernelMemory.ts';
import { smallProblem, teamProblem } from '../../support/problems.ts';
import { testNormals } from '../../support/trainingHarness.ts';

let memory: KernelMemory;
beforeAll(async () => {
  memory = await KernelMemory.create(wasmFactory);
});

test.each([true, false])('twenty steps follow algorithm 2 in float64, with a sigma: %s', (withSigma) => {
  memory.reset();
  const rows = 3;
  const n = rows * LANES;
  const [beta1, beta2, eps, rate, weightDecay] = [0.8, 0.95, 1e-6, 0.05, 0.3];
  const start = testNormals(n, 600);
  const mu = memory.floats(start);
  const rho = memory.floats(new Float32Array(n).fill(-3));
  const moments = [n, n, n, n].map((size) => memory.floats(size));
  const [gMu, gSigma] = [n, n].map((size) => memory.floats(size));
  const scalars = memory.floats(16);
  const optimizer = createOptimizer({ kind: 'adamW', learningRate: rate, beta1, beta2, eps, weightDecay });
  const twin = Array.from(start, (value) => ({ value, m: 0, v: 0 }));
  for (let step = 0; step < 20; step++) {
    const gradient = testNormals(n, 610 + step);
    memory.arena.floats(gMu, n).set(gradient);
    optimizer.scalars(memory.arena.floats(scalars, 16), step, rate);
    const at = { mu, rho, moments, gMu, gSigma, noise: 0, scalars };
    if (withSigma) optimizer.update(memory.kernels, at, rows, LANES);
    else optimizer.updateMeans?.(memory.kernels, at, rows, LANES);
    for (const [i, p] of twin.entries()) {
      p.m = beta1 * p.m + (1 - beta1) * gradient[i];
      p.v = beta2 * p.v + (1 - beta2) * gradient[i] ** 2;
      const mHat = p.m / (1 - beta1 ** (step + 1));
      const vHat = p.v / (1 - beta2 ** (step + 1));
      p.value = p.value * (1 - rate * weightDecay) - (rate * mHat) / (Math.sqrt(vHat) + eps);
    }
  }
  const got = memory.read(mu, n);
  // Some five roundings a step, of numbers of about 1.
  for (const [i, { value }] of twin.entries()) expect(Math.abs(got[i] - value), `${i}`).toBeLessThan(2e-6);
});

const { model, data } = smallProblem('gaussian', 1);
const quiet = { onWarning: () => undefined, seed: 'adamW' };

test('without decay it is Adam to the bit, with it it is not, and sigma never decays', async () => {
  await using runtime = createRuntime({ workers: 1, ...quiet });
  const trained = (optimizer: TrainOptions['optimizer']) =>
    runtime.train(model, data, { epochs: 3, ...(optimizer === undefined ? {} : { optimizer }) });
  const plain = await trained('adam');
  expect(posteriorDigest(await trained({ kind: 'adamW', weightDecay: 0 }))).toBe(posteriorDigest(plain));
  const decayed = await trained({ kind: 'adamW', weightDecay: 5 });
  const size = (posterior: typeof plain) => posterior.layers[0].weight.mu.reduce((sum, m) => sum + m * m, 0);
  expect(size(decayed)).toBeLessThan(size(plain));
  const [a, b] = [plain, decayed].map(({ layers }) => layers[0].weight.rho.reduce((sum, r) => sum + r, 0));
  // rho would have lost 5 % of its size.
  expect(Math.abs(a / b - 1)).toBeLessThan(0.01);
});

test('the same bits for any number of workers and after a resume', async () => {
  const { model: wide, data: rows, options } = teamProblem(1);
  const settings = {
    ...options,
    optimizer: { kind: 'adamW', learningRate: 0.01, weightDecay: 0.1 },
  } as const;
  const states: TrainingState[] = [];
  const digests: string[] = [];
  for (const workers of [1, 3]) {
    await using runtime = createRuntime({ workers, ...quiet });
    const save = (state: TrainingState) => void states.push(structuredClone(state));
    digests.push(
      posteriorDigest(await runtime.train(wide, rows, { ...settings, checkpoint: { everySteps: 2, save } })),
    );
  }
  await using runtime = createRuntime({ workers: 2, ...quiet });
  digests.push(posteriorDigest(await runtime.train(wide, rows, { ...settings, resume: states[0] })));
  expect(new Set(digests).size).toBe(1);
});
