// The best constant prediction: entropies of frequencies, and for a gaussian what no other mean and scale improves on.

import { expect, test } from 'vitest';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import type { LikelihoodSpec } from '../../../src/core/model.ts';

const baselineNll = (likelihood: LikelihoodSpec, targets: Int32Array | Float32Array, K: number) =>
  createLikelihood(likelihood).baselineNll(targets, K);

test('labels: the entropy of their frequencies', () => {
  const nll = baselineNll({ kind: 'categorical' }, Int32Array.of(0, 0, 1, 3), 5);
  expect(nll).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(4), 12);
  expect(baselineNll({ kind: 'categorical' }, Int32Array.of(2, 2), 3)).toBe(0);
});

test('bernoulli: the sum of the entropies of the outputs', () => {
  const nll = baselineNll({ kind: 'bernoulli' }, Float32Array.of(1, 0, 0, 0, 0, 0, 0, 1), 2);
  const h = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  expect(nll).toBeCloseTo(h(0.25) + h(0.25), 12);
});

test('gaussian: no mean and scale, the same for all rows, have a lower nll', () => {
  const y = Float32Array.of(-1, 0.5, 2, 4, 4.5);
  const of = (mean: number, scale: number) =>
    y.reduce(
      (sum, v) => sum + 0.5 * Math.log(2 * Math.PI) + Math.log(scale) + (v - mean) ** 2 / (2 * scale ** 2),
      0,
    ) / y.length;
  const learned = baselineNll({ kind: 'gaussian', scale: 'learned' }, y, 1);
  const mean = y.reduce((a, b) => a + b) / 5;
  const deviation = Math.sqrt(y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 5);
  expect(learned).toBeCloseTo(of(mean, deviation), 9);
  for (const [dm, ds] of [
    [0.01, 1],
    [-0.01, 1],
    [0, 1.01],
    [0, 0.99],
  ])
    expect(of(mean + dm, deviation * ds)).toBeGreaterThan(learned);
  expect(baselineNll({ kind: 'gaussian', scale: 0.7 }, y, 1)).toBeCloseTo(of(mean, 0.7), 9);
  const two = Float32Array.from([...y].flatMap((v) => [v, 10 * v]));
  expect(baselineNll({ kind: 'gaussian', scale: 'learned' }, two, 2)).toBeCloseTo(
    2 * learned + Math.log(10),
    6,
  );
});
