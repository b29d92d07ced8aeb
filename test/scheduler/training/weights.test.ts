// Weights of rows and of classes: a weight of 2 is a row that is given twice, for every likelihood; a weight of 1 changes no bit.

import { afterAll, describe, expect, test } from 'vitest';
import type { LIKELIHOODS } from '../../../src/core/likelihoods/index.ts';
import { weightedTargets } from '../../../src/core/training/rowWeights.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { build, createRuntime, type Posterior, posteriorDigest } from '../../../src/index.ts';
import { softplus } from '../../../src/math/float64.ts';
import type { TrainingData, TrainOptions } from '../../../src/runtime/options.ts';
import { teamProblem } from '../../support/problems.ts';

const quiet = { seed: 'weights', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet });
afterAll(() => Promise.all([one.close(), three.close()]));

const N = 40;
const x = Array.from({ length: N }, (_, r) => [Math.sin(3 * r), Math.cos(5 * r)]);
const weights = Array.from({ length: N }, (_, r) => [1, 2, 3, 1, 0][r % 5]);
/** Each row as often as its weight says. */
const twice = <T>(rows: readonly T[]): T[] =>
  rows.flatMap((row, r) => Array.from({ length: weights[r] }, () => row));

const TARGETS: Record<keyof typeof LIKELIHOODS, { readonly y: number[][]; readonly outputs: number }> = {
  categorical: { y: x.map((_, r) => [r % 3]), outputs: 3 },
  bernoulli: { y: x.map((_, r) => [r % 2, r % 3 === 0 ? 1 : 0]), outputs: 2 },
  gaussian: { y: x.map(([a, b]) => [a + b, 2 * a]), outputs: 2 },
  heteroscedastic: { y: x.map(([a, b]) => [a + b, 2 * a]), outputs: 4 },
  negativeBinomial: { y: x.map((_, r) => [(r % 7) ** 2]), outputs: 1 },
  poisson: { y: x.map((_, r) => [r % 7]), outputs: 1 },
  studentT: { y: x.map(([a, b], r) => [a - b + (r === 7 ? 9 : 0)]), outputs: 1 },
};

/** All numbers of a posterior. */
function numbersOf({ layers, noiseScale }: Posterior): number[] {
  return [...layers.flatMap(({ weight, bias }) => [weight, bias]), { scale: noiseScale ?? [] }].flatMap(
    (tensors) => Object.values(tensors).flatMap((values) => [...values]),
  );
}

async function fitted(data: TrainingData, outputs: number, options: TrainOptions) {
  const model = build({ inputSize: 2, hiddenSizes: [8], outputSize: outputs });
  const run = one.train(model, data, options);
  const reports = [];
  for await (const report of run) reports.push(report);
  return { numbers: numbersOf(await run), reports };
}

describe.each(Object.entries(TARGETS))('%s', (kind, { y, outputs }) => {
  // The noise of a weight does not depend on the rows: full batches of both tables have the same gradient, but for roundings.
  const options = {
    likelihood: kind as keyof typeof LIKELIHOODS,
    standardize: 'none',
    epochs: 8,
    draws: 2,
    optimizer: { kind: 'sgd', learningRate: 0.05 },
    diagnostics: { every: 1 },
  } satisfies TrainOptions;

  test('full batches of weighted rows are those of rows given as often', async () => {
    const weighted = await fitted({ x, y, weights }, outputs, { ...options, batchSize: N });
    const all = twice(x);
    const repeated = await fitted({ x: all, y: twice(y) }, outputs, { ...options, batchSize: all.length });
    const plain = await fitted({ x, y }, outputs, { ...options, batchSize: N });
    weighted.numbers.forEach((value, i) => {
      expect(Math.abs(value - repeated.numbers[i]), `number ${i}`).toBeLessThan(2e-6 * (1 + Math.abs(value)));
    });
    expect(
      Math.max(...weighted.numbers.map((value, i) => Math.abs(value - plain.numbers[i]))),
    ).toBeGreaterThan(1e-3);
    weighted.reports.forEach((report, e) => {
      const other = repeated.reports[e];
      expect(report.nll).toBeCloseTo(other.nll, 5);
      expect(report.kl).toBeCloseTo(other.kl, 5);
      expect(report.diagnostics?.baselineNll).toBeCloseTo(other.diagnostics?.baselineNll as number, 3);
    });
  });

  test('weights of 1 change no bit, in minibatches', async () => {
    const small = { ...options, batchSize: 16, epochs: 3 };
    const plain = await fitted({ x, y }, outputs, small);
    const ones = await fitted({ x, y, weights: x.map(() => 1) }, outputs, small);
    expect(ones.numbers).toEqual(plain.numbers);
    expect(ones.reports.map(({ elbo }) => elbo)).toEqual(plain.reports.map(({ elbo }) => elbo));
  });

  test('minibatches of weighted rows add up to the full batch', async () => {
    // All draws of a point are one network; nothing moves, so the epoch's nll is that of all rows.
    const still = {
      ...options,
      posterior: 'point',
      draws: 1,
      epochs: 1,
      optimizer: { kind: 'sgd', learningRate: 1e-30 },
    } satisfies TrainOptions;
    const of = async (batchSize: number) => {
      const { reports } = await fitted({ x, y, weights }, outputs, { ...still, batchSize });
      return reports[0].nll;
    };
    expect(await of(7)).toBeCloseTo(await of(N), 5);
  });
});

describe('bits', () => {
  const { model, data, options } = teamProblem(1);
  const rows = (data.y as ArrayLike<number>).length;
  const uneven = Array.from({ length: rows }, (_, r) => 0.25 + (r % 7));

  test('1 and 3 workers, and a training that was resumed, give one digest', async () => {
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 3, save: (state: TrainingState) => void states.push(state) };
    const given = { ...data, weights: uneven };
    const whole = posteriorDigest(await one.train(model, given, { ...options, checkpoint }));
    const { posterior, team } = await three.train(model, given, options).result;
    expect(team).toBe(3);
    expect(posteriorDigest(posterior)).toBe(whole);
    expect(posteriorDigest(await three.train(model, given, { ...options, resume: states[0] }))).toBe(whole);
    expect(posteriorDigest(await one.train(model, data, options))).not.toBe(whole);
  });

  test('a state of rows with other weights is refused', async () => {
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 3, save: (state: TrainingState) => void states.push(state) };
    await one.train(model, { ...data, weights: uneven }, { ...options, checkpoint });
    // The same sum, so that the problem is the same but for the weights themselves.
    const swapped = [uneven[1], uneven[0], ...uneven.slice(2)];
    const resume = states[0];
    await expect(one.train(model, { ...data, weights: swapped }, { ...options, resume })).rejects.toThrow(
      /data/,
    );
    await expect(one.train(model, data, { ...options, resume })).rejects.toThrow();
  });
});

test('a linear regression with weights ends at its exact posterior', async () => {
  // One feature that is orthogonal to the ones under the weights: the posterior factorizes.
  const at = Array.from({ length: 32 }, (_, r) => (r % 2 === 0 ? 1 : -1));
  const own = at.map((_, r) => 1 + (Math.floor(r / 2) % 3));
  const target = at.map((value, r) => Math.fround(0.7 * value - 0.3 + 0.4 * Math.sin(9 * r)));
  const SCALE = 0.5;
  const sum = (of: (r: number) => number) => at.reduce((all, _, r) => all + own[r] * of(r), 0);
  const precision = 1 + sum(() => 1) / SCALE ** 2;
  const mean = {
    weight: sum((r) => at[r] * target[r]) / SCALE ** 2 / precision,
    bias: sum((r) => target[r]) / SCALE ** 2 / precision,
  };
  const posterior = await one.train(
    build({ inputSize: 1, hiddenSizes: [], outputSize: 1 }),
    { x: at, y: target, weights: own },
    {
      likelihood: { kind: 'gaussian', scale: SCALE },
      standardize: 'none',
      epochs: 3000,
      batchSize: 32,
      draws: 8,
      initialRho: -1,
      optimizer: { kind: 'adam', learningRate: 0.02 },
      schedule: { kind: 'cosine', finalFraction: 0 },
    },
  );
  const [layer] = posterior.layers;
  const sd = 1 / Math.sqrt(precision);
  for (const name of ['weight', 'bias'] as const) {
    const { mu, rho } = layer[name];
    expect(Math.abs(mu[0] - mean[name]) / sd, name).toBeLessThan(0.1);
    expect(Math.abs(softplus(rho[0]) / sd - 1), name).toBeLessThan(0.03);
  }
});

describe('classWeights', () => {
  const y = x.map((_, r) => (r % 5 === 0 ? 1 : 0));
  const classNames = ['no', 'yes'];
  const options = { likelihood: 'categorical', epochs: 3, batchSize: 16 } satisfies TrainOptions;
  const digest = async (data: TrainingData, more: TrainOptions = {}) => {
    const model = build({ inputSize: 2, hiddenSizes: [8], outputSize: 2 });
    return posteriorDigest(await one.train(model, data, { ...options, ...more }));
  };

  test('are weights of the rows of each class, times those of the rows', async () => {
    const wanted = await digest({ x, y, weights: y.map((k, r) => (k === 1 ? 4 : 1) * weights[r]) });
    expect(await digest({ x, y, weights, classNames }, { classWeights: { yes: 4 } })).toBe(wanted);
    expect(await digest({ x, y, weights }, { classWeights: { 1: 4, 0: 1 } })).toBe(wanted);
    const named = { x, y, weights, classNames: ['toString', 'valueOf'] };
    expect(await digest(named, { classWeights: { valueOf: 4 } }), 'names that every object has').toBe(wanted);
  });

  test('balanced lets all classes count the same in all', async () => {
    // 8 of 40 rows are of class 1.
    const wanted = await digest({ x, y, weights: y.map((k) => (k === 1 ? 40 / 16 : 40 / 64)) });
    expect(await digest({ x, y }, { classWeights: 'balanced' })).toBe(wanted);
  });

  test.each<[TrainOptions, TrainingData['weights'], string]>([
    [
      { classWeights: { yess: 2 } },
      undefined,
      'train: classWeights: expected classes no or yes, got "yess" — did you mean yes?',
    ],
    [
      { classWeights: { yes: 0, no: 0 } },
      undefined,
      'train: classWeights: expected weights with a finite sum above 0, got a sum of 0 — give some rows a weight above 0',
    ],
    [
      { classWeights: 'balanced', likelihood: 'gaussian' },
      undefined,
      'train: classWeights: expected one class a row, got gaussian — leave it out, or weigh rows with weights',
    ],
    [
      {},
      [1, 2],
      'train: weights: expected 40 numbers, as many as rows of x, got 2 — pass one weight per row',
    ],
    [
      {},
      y.map(() => -1),
      'train: weights: expected finite numbers of at least 0, got -1 in row 0 — leave the row out, or correct its weight',
    ],
    [
      {},
      y.map(() => 0),
      'train: weights: expected weights with a finite sum above 0, got a sum of 0 — give some rows a weight above 0',
    ],
  ])('%j with %j is refused', async (more, own, message) => {
    const outputs = more.likelihood === 'gaussian' ? 1 : 2;
    const model = build({ inputSize: 2, hiddenSizes: [4], outputSize: outputs });
    const run = one.train(model, { x, y, classNames, weights: own }, { ...options, ...more });
    await expect(run).rejects.toThrow(message);
  });
});

test('a weighted table stands for one in which rows repeat', () => {
  const targets = Float32Array.of(1, 10, 2, 20, 3, 30);
  const table = weightedTargets(targets, 2, Float32Array.of(0.5, 1.5, 1));
  expect(table).toHaveLength(2 * 3 * 1024);
  const count = (value: number) => table.filter((_, i) => i % 2 === 0 && table[i] === value).length;
  expect([count(1), count(2), count(3)]).toEqual([512, 1536, 1024]);
  expect(table.at(-1)).toBe(30);
});
