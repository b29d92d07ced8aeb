// Counts that vary more than a Poisson distribution lets them: rates and dispersion are found again, and predictions, quantiles, scores,
// files, sessions, states and ensembles have the dispersion.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import {
  build,
  createRuntime,
  ensembleOf,
  load,
  openSession,
  type Posterior,
  posteriorDigest,
  save,
  type TrainOptions,
} from '../../../src/index.ts';
import { negativeBinomialCdf } from '../../../src/math/negativeBinomial.ts';
import { nodeBackends } from '../../../src/platform/node/backends.ts';
import { philox4x32 } from '../../../src/random/philox.ts';
import { smallProblem } from '../../support/problems.ts';

const quiet = { seed: 'negativeBinomial', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet });
const dir = mkdtempSync(join(tmpdir(), 'varpool-negative-binomial-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  return Promise.all([one.close(), three.close()]);
});

/** Mass by its textbook form, Γ's ratio as a product. */
function logMass(n: number, mean: number, dispersion: number): number {
  const r = 1 / dispersion;
  let log = r * Math.log(r / (r + mean)) + n * Math.log(mean / (r + mean));
  for (let j = 0; j < n; j++) log += Math.log((r + j) / (j + 1));
  return log;
}

function uniforms(count: number, key: number): number[] {
  const words = new Uint32Array(4);
  return Array.from({ length: count }, (_, i) => {
    philox4x32([i, 0, 0, 0], [key, 78], words);
    return (words[0] + 0.5) / 2 ** 32;
  });
}

const DISPERSION = 0.6;
const rateOf = (x: number) => Math.exp(1.5 + 0.7 * x);
function rowsOf(N: number, key: number) {
  const x = Array.from({ length: N }, (_, i) => (4 * i) / (N - 1) - 2);
  const y = uniforms(N, key).map((u, i) => {
    let [n, below] = [0, Math.exp(logMass(0, rateOf(x[i]), DISPERSION))];
    while (below < u) below += Math.exp(logMass(++n, rateOf(x[i]), DISPERSION));
    return n;
  });
  return { x: x.map((v) => [v]), y };
}

describe('counts of a known dispersion', () => {
  const train = rowsOf(500, 1);
  const fresh = rowsOf(1000, 2);
  const options: TrainOptions = {
    epochs: 120,
    batchSize: 100,
    optimizer: { kind: 'adam', learningRate: 0.01 },
  };
  const model = build({ inputSize: 1, hiddenSizes: [12], outputSize: 1, activation: 'tanh' });
  let posterior: Posterior;
  let report = { nll: Number.NaN };
  beforeAll(async () => {
    const run = three.train(model, train, { ...options, likelihood: 'negativeBinomial' });
    for await (const next of run) report = next;
    posterior = await run;
  });

  test('give rates and dispersion back, and the nll of the truth', async () => {
    const [dispersion] = posterior.noiseScale as Float32Array;
    // The standard error of a dispersion from 500 counts is some 0.06.
    expect(Math.abs(dispersion - DISPERSION)).toBeLessThan(0.2);
    const grid = [-1.5, 0, 1.5];
    const { mean, aleatoric } = await one.predict(
      posterior,
      grid.map((x) => [x]),
    );
    for (const [i, x] of grid.entries()) {
      expect(Math.abs(mean[i] / rateOf(x) - 1), `rate at ${x}`).toBeLessThan(0.25);
      expect(aleatoric[i] / (mean[i] + dispersion * mean[i] ** 2)).toBeGreaterThan(1);
      expect(aleatoric[i] / (mean[i] + dispersion * mean[i] ** 2)).toBeLessThan(1.1);
    }
    const truth =
      fresh.y.reduce((sum, n, i) => sum - logMass(n, rateOf(fresh.x[i][0]), DISPERSION), 0) / 1000;
    const found = await one.evaluate(posterior, fresh);
    expect(Math.abs(found.nll - truth)).toBeLessThan(0.03);
    expect(found.coverage90 as number).toBeGreaterThan(0.87);
    // The reports of training have log(n!) as well.
    const trained = await one.evaluate(posterior, train);
    expect(Math.abs(report.nll - trained.nll)).toBeLessThan(0.05);

    const poisson = await three.train(model, train, { ...options, likelihood: 'poisson' });
    const other = await one.evaluate(poisson, fresh);
    expect(other.nll - found.nll).toBeGreaterThan(0.3);
    expect(other.coverage90 as number).toBeLessThan(0.8);
  });

  test('a fixed dispersion stays what it is', async () => {
    const likelihood = { kind: 'negativeBinomial', dispersion: 0.25 } as const;
    const fixed = await one.train(model, train, { ...options, epochs: 5, likelihood });
    expect([...(fixed.noiseScale as Float32Array)]).toEqual([0.25]);
  });
});

const { model, data, options } = smallProblem('negativeBinomial', 2);
const asked = { draws: 24, quantiles: [0.05, 0.5, 0.9] };

/** Holds a prediction and an evaluation to the mixture of the draws by the textbook mass. */
async function expectMixture(posterior: Parameters<typeof one.predict>[0]) {
  const prediction = await one.predict(posterior, data.x, asked);
  const draws: { values: Float64Array; dispersion: Float64Array }[] = [];
  for await (const { values, noiseScale } of one.draws(posterior, data.x, { draws: 24 }))
    draws.push({ values, dispersion: noiseScale as Float64Array });
  const mean = (of: (draw: (typeof draws)[0]) => number) => draws.reduce((sum, d) => sum + of(d), 0) / 24;
  const y = (data.y as { data: Float32Array }).data;
  let nll = 0;
  for (let r = 0; r < prediction.rows; r++) {
    const mass = mean(({ values, dispersion }) =>
      [0, 1].reduce((p, k) => p * Math.exp(logMass(y[2 * r + k], values[2 * r + k], dispersion[k])), 1),
    );
    nll -= Math.log(mass) / prediction.rows;
  }
  for (let i = 0; i < prediction.mean.length; i++) {
    const k = i % 2;
    const noise = mean(({ values, dispersion: d }) => values[i] + d[k] * values[i] ** 2);
    expect(prediction.aleatoric[i] / noise).toBeCloseTo(1, 5);
    for (const { level, values: q } of prediction.quantiles ?? []) {
      const at = (n: number) => mean(({ values, dispersion: d }) => negativeBinomialCdf(n, values[i], d[k]));
      expect(at(q[i])).toBeGreaterThanOrEqual(level);
      expect(at(q[i] - 1)).toBeLessThan(level);
    }
  }
  const evaluation = await one.evaluate(posterior, data, { draws: 24 });
  expect(evaluation.nll).toBeCloseTo(nll, 7);
}

describe('two targets', () => {
  let posterior: Posterior;
  const states: TrainingState[] = [];
  const likelihood = { kind: 'negativeBinomial', dispersion: 'learned' } as const;
  beforeAll(async () => {
    const checkpoint = { everySteps: 11, save: (state: TrainingState) => void states.push(state) };
    posterior = await one.train(model, data, { ...options, checkpoint });
  });

  test('have a dispersion each, and mix over draws and members', async () => {
    expect(posterior.likelihood).toEqual(likelihood);
    expect(new Set(posterior.noiseScale).size).toBe(2);
    await expectMixture(posterior);
    const second = await one.train(model, data, { ...options, epochs: 6, seed: 'second' });
    await expectMixture(ensembleOf([posterior, second]));
  });

  test('a state of any step resumes to the same bits, on any number of workers and backend', async () => {
    const digest = posteriorDigest(posterior);
    expect(states.length).toBeGreaterThan(3);
    for (const resume of states)
      expect(posteriorDigest(await three.train(model, data, { ...options, resume }))).toBe(digest);
    const short = { ...options, epochs: 1 };
    const want = posteriorDigest(await one.train(model, data, short));
    const others = nodeBackends.names.filter((name) => {
      const { reproducible, available } = nodeBackends.named(name);
      return name !== 'wasm' && reproducible && available().ok;
    });
    expect(others).toContain('reference');
    for (const backend of others) {
      await using other = createRuntime({ ...quiet, workers: 2, backend });
      expect(posteriorDigest(await other.train(model, data, short)), backend).toBe(want);
    }
  });

  test('a file and a session predict the same bits', async () => {
    const path = join(dir, 'one.safetensors');
    await save(path, posterior);
    const loaded = await load(path);
    expect(loaded.likelihood).toEqual(likelihood);
    const want = await one.predict(posterior, data.x, asked);
    expect(await three.predict(loaded, data.x, asked)).toEqual(want);
    await using session = await openSession(loaded, { backend: 'wasm' });
    expect(await session.predict(data.x, asked)).toEqual(want);
  });
});

describe('baselineNll', () => {
  const y = Float32Array.of(0, 3, 1, 7, 4, 0, 12, 30);
  const constant = y.reduce((sum, n) => {
    for (let j = 2; j <= n; j++) sum += Math.log(j);
    return sum;
  }, 0);
  const of = (mean: number, dispersion: number) =>
    (y.reduce((sum, n) => sum - logMass(n, mean, dispersion), 0) - constant) / y.length;

  test('no mean and dispersion, the same for all rows, have a lower nll', () => {
    const { baselineNll, constantNll } = createLikelihood({
      kind: 'negativeBinomial',
      dispersion: 'learned',
    });
    let least = Infinity;
    for (let mean = 5; mean < 10; mean += 0.125)
      for (let log = -4; log < 3; log += 0.01) least = Math.min(least, of(mean, Math.exp(log)));
    expect(baselineNll(y, 1)).toBeLessThanOrEqual(least + 1e-12);
    expect(least - baselineNll(y, 1)).toBeLessThan(1e-4);
    expect(constantNll?.(y, 1)).toBeCloseTo(constant / y.length, 10);
    const fixed = createLikelihood({ kind: 'negativeBinomial', dispersion: 0.3 });
    expect(fixed.baselineNll(y, 1)).toBeCloseTo(of(57 / 8, 0.3), 10);
  });

  test('counts that vary less than those of a Poisson distribution have its baseline', () => {
    const even = Float32Array.of(4, 4, 5, 5);
    const { baselineNll } = createLikelihood({ kind: 'negativeBinomial', dispersion: 'learned' });
    expect(baselineNll(even, 1)).toBe(createLikelihood({ kind: 'poisson' }).baselineNll(even, 1));
    expect(baselineNll(Float32Array.of(0, 0), 1)).toBe(0);
  });
});

test('options and targets are checked', async () => {
  const attempt = async (likelihood: unknown, y: number[] = [1, 2]) =>
    one.train(build({ inputSize: 1, hiddenSizes: [], outputSize: 1 }), { x: [[0], [1]], y }, {
      likelihood,
      epochs: 1,
    } as TrainOptions);
  await expect(attempt({ kind: 'negativeBinomial', dispersion: 0 })).rejects.toThrow(
    'likelihood.dispersion: expected learned or a dispersion above 0, got 0',
  );
  await expect(attempt('negativeBinomial', [1, 2.5])).rejects.toThrow('expected counts, whole numbers');
});
