// Counts: mixtures of Poisson distributions against sums, baseline against a search, and rates that are found again with their scores,
// in predictions, quantiles, evaluations, ensembles, files and sessions.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import { countNll, countPit, countQuantiles } from '../../../src/core/metrics/countMixture.ts';
import { loadPosterior, posteriorDigest, savePosterior } from '../../../src/experiment/posterior/saved.ts';
import { build, createRuntime, openSession } from '../../../src/index.ts';
import { logFactorial, poissonCdf, poissonLogMass } from '../../../src/math/poisson.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const counts = { logMass: poissonLogMass, cdf: poissonCdf };
const MEANS = [0.4, 3, 11.5];
const mass = (n: number) => MEANS.reduce((sum, mean) => sum + Math.exp(poissonLogMass(n, mean)) / 3, 0);

describe('mixtures', () => {
  test('nll, place in the cdf and quantiles are those of sums of masses', () => {
    let below = 0;
    const out = new Float64Array(5);
    const levels = [1e-9, 0.05, 0.5, 0.95, 0.999];
    const want = new Float64Array(5).fill(-1);
    for (let n = 0; n < 60; n++) {
      expect(countNll(MEANS, [], [n], 1, counts)[0]).toBeCloseTo(-Math.log(mass(n)), 9);
      expect(countPit(MEANS, [], [n], counts)[0]).toBeCloseTo(below + mass(n) / 2, 11);
      below += mass(n);
      for (const [l, level] of levels.entries()) if (want[l] < 0 && below >= level) want[l] = n;
    }
    countQuantiles(out, levels, MEANS, [], counts);
    expect([...out]).toEqual([...want]);
    countQuantiles(out, [1], MEANS, [], counts);
    expect(out[0]).toBe(Infinity);
  });

  test('outputs of a row multiply, draws are averaged', () => {
    // [draws 2, rows 1, outputs 2]
    const nll = countNll([1, 2, 3, 4], [], [2, 5], 2, counts);
    const p = (n: number, mean: number) => Math.exp(poissonLogMass(n, mean));
    expect(nll[0]).toBeCloseTo(-Math.log((p(2, 1) * p(5, 2) + p(2, 3) * p(5, 4)) / 2), 12);
  });
});

test('the baseline is that of the best constant rate, and the constant is what the loss leaves out', () => {
  const { baselineNll, constantNll } = createLikelihood({ kind: 'poisson' });
  const y = Float32Array.of(0, 3, 1, 7, 4, 0);
  const of = (rate: number) => y.reduce((sum, n) => sum + rate - n * Math.log(rate), 0) / y.length;
  const best = baselineNll(y, 1);
  expect(best).toBeCloseTo(of(2.5), 12);
  expect(best).toBeLessThan(Math.min(of(2.49), of(2.51)));
  expect(constantNll?.(y, 1)).toBeCloseTo(y.reduce((sum, n) => sum + logFactorial(n), 0) / 6, 12);
  expect(constantNll?.(y, 2)).toBeCloseTo((y.reduce((sum, n) => sum + logFactorial(n), 0) / 6) * 2, 12);
  expect(baselineNll(Float32Array.of(0, 0), 1)).toBe(0);
});

/** Counts of rate exp(1 + 0.8·x), each the quantile of a uniform number. */
const N = 400;
const x = testNormals(N, 700);
const rates = Float64Array.from(x, (v) => Math.exp(1 + 0.8 * v));
const uniforms = testNormals(N, 701).map((z) => 0.5 * (1 + Math.tanh(0.8 * z)));
const y = Float64Array.from(rates, (rate, r) => {
  let n = 0;
  while (poissonCdf(n, rate) < Math.min(0.999, uniforms[r])) n++;
  return n;
});
const data = { x: { data: x, shape: [N, 1] }, y };
const options = {
  likelihood: 'poisson',
  epochs: 60,
  optimizer: { kind: 'adam', learningRate: 0.01 },
} as const;
const model = build({ inputSize: 1, hiddenSizes: [16], outputSize: 1, activation: 'tanh' });
const scratch = mkdtempSync(join(tmpdir(), 'varpool-poisson-'));
afterAll(() => rmSync(scratch, { recursive: true }));

test('rates are found again; reports, predictions, evaluation, file and session agree', async () => {
  await using runtime = createRuntime({ workers: 2, seed: 'poisson', onWarning: () => undefined });
  const run = runtime.train(model, data, options);
  let report = { nll: Number.NaN };
  for await (const next of run) report = next;
  const posterior = await run;
  const prediction = await runtime.predict(posterior, data.x, { draws: 50, quantiles: [0.05, 0.5, 0.95] });
  let apart = 0;
  for (let r = 0; r < N; r++) apart += Math.abs(prediction.mean[r] / rates[r] - 1) / N;
  expect(apart).toBeLessThan(0.2);
  // The variance of a count is its mean; the law of total variance adds that of the rates.
  for (let r = 0; r < N; r += 37) {
    expect(Math.abs(prediction.aleatoric[r] / prediction.mean[r] - 1)).toBeLessThan(1e-6);
    expect(prediction.variance[r]).toBeCloseTo(prediction.aleatoric[r] + prediction.epistemic[r], 10);
    const q = prediction.quantiles?.map(({ values }) => values[r]) ?? [];
    expect(q.every(Number.isInteger)).toBe(true);
    expect(q[0] <= q[1] && q[1] <= q[2]).toBe(true);
  }
  const evaluation = await runtime.evaluate(posterior, data, { draws: 50 });
  const truth = y.reduce((sum, n, r) => sum - poissonLogMass(n, rates[r]), 0) / N;
  expect(Math.abs(evaluation.nll - truth)).toBeLessThan(0.05);
  // With log(n!), which the loss of a step leaves out.
  expect(Math.abs(report.nll - evaluation.nll)).toBeLessThan(0.05);
  expect(evaluation.coverage90 as number).toBeGreaterThan(0.8);

  const path = join(scratch, 'posterior.safetensors');
  savePosterior(path, posterior);
  const again = loadPosterior(path);
  expect(posteriorDigest(again)).toBe(posteriorDigest(posterior));
  await using session = await openSession(again);
  const alone = await session.predict(
    { data: x.slice(0, 3), shape: [3, 1] },
    { draws: 50, quantiles: [0.5] },
  );
  expect([...alone.mean]).toEqual([...prediction.mean.slice(0, 3)]);
  expect([...(alone.quantiles?.[0].values ?? [])]).toEqual([
    ...(prediction.quantiles?.[1].values.slice(0, 3) ?? []),
  ]);

  const ensemble = await runtime.trainEnsemble(model, data, { ...options, members: 2, epochs: 5 });
  const both = await runtime.evaluate(ensemble, data, { draws: 20 });
  expect(Number.isFinite(both.nll)).toBe(true);
});

test('targets that are no counts are refused', async () => {
  await using runtime = createRuntime({ workers: 1 });
  for (const [bad, got] of [
    [-1, '-1'],
    [2.5, '2.5'],
  ] as const)
    await expect(runtime.train(model, { x: [[0], [1]], y: [[1], [bad]] }, options)).rejects.toThrow(
      `train: expected counts, whole numbers from 0 to 16777216, got ${got} in row 1 of y — clean the targets`,
    );
});
