// The Gaussian prior of a learned scale: what it learns against float64 and as a minimum of the KL, its updates against those of a Gaussian
// of the same scale, and a scale of the highest evidence that is known.

import { beforeAll, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import { createPrior, type PriorSpec } from '../../../src/core/priors/index.ts';
import type { TrainingProblem } from '../../../src/core/training/problem.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { createRuntime, diagnosePosterior, posteriorDigest } from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { softplus } from '../../reference/negativeElbo.ts';
import { randomParameters, TrainingHarness, testNormals } from '../../support/trainingHarness.ts';

const START = 0.6;
const STRENGTH = 2.5;
const PRIOR = { kind: 'learnedScale', scale: START, strength: STRENGTH } as const;
const [x, y] = [testNormals(40 * 3, 1), testNormals(40 * 2, 2)];

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
});

function harnessOf(prior: PriorSpec, optimizer: TrainingProblem['optimizer']): TrainingHarness {
  const problem: TrainingProblem = {
    model: build({ inputSize: 3, hiddenSizes: [21], outputSize: 2, prior }),
    likelihood: { kind: 'gaussian', scale: 0.5 },
    rowCount: 40,
    batchSize: 20,
    draws: 1,
    epochs: 3,
    optimizer,
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    seed: 'learned scale',
  };
  const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
  randomParameters(harness);
  return harness;
}

const ADAM = { kind: 'adam', learningRate: 0.01 } as const;
const scales = (harness: TrainingHarness) => harness.step.learned.values().map((values) => values?.[0] ?? 0);

/** Σ (mu² + sigma²) of layer l, and its weights. */
function moment(harness: TrainingHarness, l: number): { sum: number; count: number } {
  const { memory } = harness;
  const [mu, rho] = [memory.mu, memory.rho].map((at) => harness.get(at, l));
  let [sum, count] = [0, 0];
  for (const part of ['weight', 'bias'] as const) {
    mu[part].forEach((m, i) => {
      sum += m * m + softplus(rho[part][i]) ** 2;
      count++;
    });
  }
  return { sum, count };
}

test('after every step each layer has the scale that the weights of that layer give', () => {
  const harness = harnessOf(PRIOR, ADAM);
  for (let step = 0; step < 4; step++) {
    harness.run(step, step + 1);
    for (const [l, scale] of scales(harness).entries()) {
      const { sum, count } = moment(harness, l);
      const want = Math.sqrt((sum + STRENGTH * START ** 2) / (count + STRENGTH));
      // Sums of squares in float32: some six roundings a term and twenty additions.
      expect(Math.abs(scale / want - 1)).toBeLessThan(2e-6);
    }
    expect(scales(harness)[0]).not.toBe(scales(harness)[1]);
  }
});

test('that scale has the least KL of all, but for the strength of the start', () => {
  const prior = createPrior({ ...PRIOR, strength: 1e-9 });
  const weights = [
    [0.3, 0.1],
    [-0.7, 0.02],
    [0.05, 0.4],
  ];
  const values = new Float64Array([START]);
  const sum = weights.reduce((all, [mu, sigma]) => all + mu * mu + sigma * sigma, 0);
  prior.learned?.update(values, new Float64Array([sum]), weights.length);
  const kl = (scale: number) =>
    weights.reduce(
      (all, [mu, sigma]) =>
        all + (prior.learned?.at([scale]).elementKl(mu, sigma, Math.log(sigma)) ?? Number.NaN),
      0,
    );
  const h = 1e-4;
  expect(Math.abs(kl(values[0] + h) - kl(values[0] - h)) / (2 * h)).toBeLessThan(1e-6);
  expect(kl(values[0])).toBeLessThan(Math.min(kl(values[0] - 0.01), kl(values[0] + 0.01)));
});

test.each([ADAM, { kind: 'sgd', learningRate: 0.01, momentum: 0.5 }] as const)(
  'a step of $kind has the bits of a Gaussian prior of the scale before it',
  (optimizer) => {
    const learned = harnessOf(PRIOR, optimizer);
    const fixed = harnessOf({ kind: 'gaussian', sigma: START }, optimizer);
    learned.run(0, 1);
    fixed.run(0, 1);
    const { mu, points } = fixed.memory;
    const bytes = (harness: TrainingHarness) =>
      harness.arena.u8.slice(harness.memory.mu, harness.memory.mu + points - mu);
    expect(Buffer.compare(bytes(learned), bytes(fixed))).toBe(0);
    // And the next one has not.
    learned.run(1, 2);
    fixed.run(1, 2);
    expect(Buffer.compare(bytes(learned), bytes(fixed))).not.toBe(0);
  },
);

const data = { x: { data: x, shape: [40, 3] }, y: { data: y, shape: [40, 2] } };

test('the KL of a report is that of the posterior and the scales it is given with', async () => {
  await using runtime = createRuntime({ workers: 2, seed: 'learned' });
  const model = build({ inputSize: 3, hiddenSizes: [21], outputSize: 2, prior: PRIOR });
  const run = runtime.train(model, data, { epochs: 3, batchSize: 16 });
  let kl = Number.NaN;
  for await (const report of run) kl = report.kl;
  const posterior = await run;
  expect(posterior.layers.map(({ prior }) => prior?.length)).toEqual([1, 1]);
  // Logarithms of a diagnosis come from tables good to 1e-5.
  expect(Math.abs(diagnosePosterior(posterior).all.kl / (40 * kl) - 1)).toBeLessThan(1e-4);
});

test('the best epoch is kept with its scales, also by a training that was resumed', async () => {
  await using runtime = createRuntime({ workers: 1, seed: 'learned' });
  const model = build({ inputSize: 3, hiddenSizes: [21], outputSize: 2, prior: PRIOR });
  const states: TrainingState[] = [];
  const options = { epochs: 6, batchSize: 20, validation: data, select: 'best' } as const;
  const save = (state: TrainingState) => void states.push(structuredClone(state));
  const whole = await runtime.train(model, data, { ...options, checkpoint: { everySteps: 5, save } });
  expect(states).toHaveLength(2);
  const names = states[1].tensors.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['layers.1.prior.scale', 'extra.best.layers.1.prior']));
  const again = await runtime.train(model, data, { ...options, resume: states[1] });
  expect(posteriorDigest(again)).toBe(posteriorDigest(whole));
  expect(again.layers[1].prior).toEqual(whole.layers[1].prior);
});

test('the scale of the highest evidence is found where it is known', async () => {
  // Columns of a Hadamard matrix are orthogonal, so the posterior is q: sigma² = 1/(N/noise² + 1/scale²), mu = sigma²·N/noise²·estimate.
  const [N, I, noiseScale] = [16, 8, 0.5];
  const parity = (bits: number): number => (bits === 0 ? 0 : (bits & 1) ^ parity(bits >> 1));
  const X = Float32Array.from({ length: N * I }, (_, n) => 1 - 2 * parity(Math.floor(n / I) & ((n % I) + 1)));
  const truth = testNormals(I, 3).map((w) => 0.4 * w);
  const noise = testNormals(N, 4);
  const targets = Float32Array.from({ length: N }, (_, r) =>
    truth.reduce((sum, w, i) => sum + w * X[r * I + i], noiseScale * noise[r]),
  );
  const estimates = Array.from({ length: I + 1 }, (_, i) =>
    targets.reduce((sum, t, r) => sum + (t * (i === I ? 1 : X[r * I + i])) / N, 0),
  );
  let scale = START;
  for (let step = 0; step < 2000; step++) {
    const variance = 1 / (N / noiseScale ** 2 + 1 / scale ** 2);
    const sum = estimates.reduce((all, w) => all + ((variance * N * w) / noiseScale ** 2) ** 2 + variance, 0);
    scale = Math.sqrt((sum + STRENGTH * START ** 2) / (I + 1 + STRENGTH));
  }
  await using runtime = createRuntime({ workers: 1, seed: 'evidence', onWarning: () => undefined });
  const posterior = await runtime.train(
    build({ inputSize: I, hiddenSizes: [], outputSize: 1, prior: PRIOR }),
    { x: { data: X, shape: [N, I] }, y: targets },
    {
      likelihood: { kind: 'gaussian', scale: noiseScale },
      standardize: 'none',
      epochs: 4000,
      batchSize: N,
      draws: 8,
      initialRho: -2.5,
      optimizer: { kind: 'adam', learningRate: 0.01 },
      schedule: { kind: 'cosine' },
    },
  );
  expect(Math.abs(scale / START - 1)).toBeGreaterThan(0.1);
  // What is left is the noise of the last steps' gradients.
  expect(Math.abs((posterior.layers[0].prior?.[0] ?? 0) / scale - 1)).toBeLessThan(0.01);
});
