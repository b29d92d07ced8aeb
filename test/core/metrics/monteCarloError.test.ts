// The Monte Carlo error of an nll against the error that many sets of draws really have, and where it has to be large.

import { describe, expect, it } from 'vitest';
import { evaluationWarnings } from '../../../src/core/metrics/evaluationWarnings.ts';
import { mixtureNll } from '../../../src/core/metrics/gaussianMixture.ts';
import {
  binaryVariance,
  classVariance,
  MonteCarloTally,
  monteCarloBound,
} from '../../../src/core/metrics/monteCarloError.ts';
import { testNormals } from '../../support/trainingHarness.ts';

/** nll and its error for S draws of two numbers a and b that all rows share: row r predicts a + b·x_r, its target is y_r. */
function measured(S: number, scale: number, which: number, rows = 40) {
  const noise = testNormals(2 * S, which);
  const x = (r: number) => (2 * r) / rows - 1;
  const draws = Float64Array.from({ length: S * rows }, (_, i) => {
    const s = Math.floor(i / rows);
    return 0.3 * (noise[2 * s] + noise[2 * s + 1] * x(i % rows));
  });
  const targets = Float64Array.from({ length: rows }, (_, r) => 0.1 * x(r) + 0.2 * Math.cos(7 * r));
  const tally = new MonteCarloTally(rows, S);
  const nll = mixtureNll(draws, [scale], targets, (r, exponents, logSum) => tally.add(r, exponents, logSum));
  return { nll: nll.reduce((a, b) => a + b) / rows, error: tally.error(), variance: tally.relativeVariance };
}

describe('the error of a regression', () => {
  it.each([
    [25, 0.5],
    [100, 0.5],
    [100, 0.2],
    [400, 0.2],
  ])('with %i draws and noise %f is the root mean square of what repetitions show', (S, scale) => {
    const truth = measured(20_000, scale, 1).nll;
    const runs = Array.from({ length: 200 }, (_, i) => measured(S, scale, 100 + i));
    const square = runs.reduce((sum, { nll }) => sum + (nll - truth) ** 2, 0) / runs.length;
    const told = runs.reduce((sum, { error }) => sum + error ** 2, 0) / runs.length;
    // The mean of 200 squares of about normal errors has a relative standard error of sqrt(2/200) = 10 %; first order is good to some more.
    expect(told / square).toBeGreaterThan(0.6);
    expect(told / square).toBeLessThan(1.5);
  });

  it('falls with the draws, and is above 0.1 where single draws decide rows', () => {
    const at = (S: number) => measured(S, 0.01, 3).error;
    expect(at(20)).toBeGreaterThan(0.1);
    expect(at(20_000)).toBeLessThan(at(20) / 3);
  });

  it('is that of one row by the textbook, and 0 for one draw', () => {
    const tally = new MonteCarloTally(1, 3);
    const p = [0.2, 0.3, 0.7];
    tally.add(0, Float64Array.from(p, Math.log), Math.log(1.2));
    // mean 0.4, sample variance 0.07: v = 0.07/3/0.16.
    const v = 0.07 / 3 / 0.16;
    expect(tally.relativeVariance[0]).toBeCloseTo(v, 14);
    expect(tally.error()).toBeCloseTo(Math.sqrt(v + (v / 2) ** 2), 14);
    const one = new MonteCarloTally(1, 1);
    one.add(0, Float64Array.of(-5), -5);
    expect([one.error(), one.relativeVariance[0]]).toEqual([0, 0]);
  });
});

describe('the bound of classes', () => {
  const draws = [
    [0.2, 0.8],
    [0.3, 0.7],
    [0.7, 0.3],
  ];
  const mean = [0.4, 0.6];
  const epistemic = [0, 1].map((k) => draws.reduce((sum, p) => sum + (p[k] - mean[k]) ** 2, 0) / 3);
  const v = 0.07 / 3 / 0.16;

  it('has the relative variance of each label’s probability', () => {
    expect(classVariance(mean, epistemic, [0], 3)[0]).toBeCloseTo(v, 14);
    expect(classVariance([...mean, ...mean], [...epistemic, ...epistemic], [0, 1], 3)[1]).toBeCloseTo(
      0.07 / 3 / 0.36,
      14,
    );
    expect(classVariance([0, 1], [0, 0], [0], 3)[0]).toBe(1);
    expect(classVariance(mean, epistemic, [0], 1)[0]).toBe(0);
  });

  it('takes the outputs of a row together, whichever way targets go', () => {
    const [both] = binaryVariance([0.4, 0.4], [epistemic[0], epistemic[0]], [1, 0], 2, 3);
    expect(both).toBeCloseTo((Math.sqrt(v) + Math.sqrt(0.07 / 3 / 0.36)) ** 2, 14);
  });

  it('is the error where all rows go together, and above it where they do not', () => {
    const { error, variance } = measured(100, 0.2, 5);
    expect(monteCarloBound(variance)).toBeGreaterThan(error);
    const same = new MonteCarloTally(4, 3);
    for (let r = 0; r < 4; r++) same.add(r, Float64Array.from([0.2, 0.3, 0.7], Math.log), Math.log(1.2));
    expect(monteCarloBound(same.relativeVariance)).toBeCloseTo(same.error(), 14);
  });
});

it('is reported where it matters, with the next step', () => {
  const at = (nll: number, nllMonteCarloError: number) =>
    evaluationWarnings({ rows: 10, draws: 100, nll, nllMonteCarloError }, 'rows');
  expect(at(1.557, 0.31)).toEqual([
    'the NLL of 1.557 averages 100 draws, too few: it may be off by 0.31 nats per row or more, mostly upwards — set prediction.draws (or --draws) to 1000 and compare',
  ]);
  expect(at(0.1, 0.011)).toHaveLength(1);
  expect(at(0.1, 0.009)).toEqual([]);
  expect(at(3, 0.04)).toEqual([]);
  expect(evaluationWarnings({ rows: 10, draws: 1, nll: 3 }, 'rows')).toEqual([]);
});
