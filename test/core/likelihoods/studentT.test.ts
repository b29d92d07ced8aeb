// The Student-t likelihood apart from its kernel: mixtures of it against mpmath in 40 digits, its moments, how well calibrated data look,
// and the best constant prediction.

import { describe, expect, test } from 'vitest';
import { mixturePit } from '../../../src/core/calibration/coverage.ts';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import { mixtureNll } from '../../../src/core/metrics/gaussianMixture.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { MomentAccumulator } from '../../../src/core/predictive/moments.ts';
import { mixtureQuantiles } from '../../../src/core/predictive/quantiles.ts';
import type { StandardDistribution } from '../../../src/core/predictive/standardDistribution.ts';
import { PredictiveSummary } from '../../../src/core/predictive/summarize.ts';
import { build } from '../../../src/index.ts';
import { philox4x32 } from '../../../src/random/philox.ts';

const studentT = (df: number, scale: number | 'learned' = 'learned') =>
  createLikelihood({ kind: 'studentT', df, scale });
const noiseOf = (df: number) => studentT(df).noise as StandardDistribution;
const THREE = [-1, 0.5, 3];

describe('equal mixtures of t distributions around draws', () => {
  // draws, scale, df, target, cdf, −log density
  test.each([
    [THREE, 0.5, 4, -7, 7.139978977253199e-5, 10.065036311140005],
    [THREE, 0.5, 4, -0.5, 0.29073461450390825, 1.6729437631968247],
    [THREE, 0.5, 4, 0.6, 0.5207517219732148, 1.3609515294736414],
    [THREE, 0.5, 4, 40, 0.9999999189497958, 18.601122951707858],
    [THREE, 2, 1.5, -7, 0.049543466027767685, 4.645430678464382],
    [THREE, 2, 1.5, 2.25, 0.6617181716901325, 2.2961360444980334],
    [THREE, 2, 1.5, 40, 0.9956432771540691, 8.696693530435617],
    [[0.25], 0.75, 2.5, -0.5, 0.20203051363913674, 1.3177839350957916],
    [[0.25], 0.75, 2.5, 40, 0.9999648545799059, 13.023027238760346],
  ])('of %j, scale %d, df %d: PIT and NLL of %d', (draws, scale, df, target, pit, nll) => {
    const noise = noiseOf(df);
    expect(Math.abs(mixturePit(draws, [scale], [target], noise)[0] / pit - 1)).toBeLessThan(1e-14);
    expect(Math.abs(mixtureNll(draws, [scale], [target], undefined, noise)[0] / nll - 1)).toBeLessThan(1e-14);
  });

  test.each([
    [THREE, 0.5, 4, [-1.9158504980762383, -0.4495068744678064, 0.5204456037136479, 3.600812838065077]],
    [THREE, 2, 1.5, [-11.456136994654635, -0.9643562678410319, 0.7576407474444659, 8.667501968762744]],
    [[0.25], 0.75, 2.5, [-2.430991131502762, -0.19798080368923812, 0.25, 2.1686639606019518]],
  ])('of %j, scale %d, df %d: quantiles', (draws, scale, df, want) => {
    const out = new Float64Array(4);
    mixtureQuantiles(out, [0.025, 0.3, 0.5, 0.95], draws, scale, noiseOf(df));
    for (const [l, q] of out.entries()) expect(Math.abs(q - want[l])).toBeLessThan(1e-9 * scale);
  });

  test('quantiles have the cdf they were asked for, also where tails are of any weight and scales differ', () => {
    for (const df of [0.3, 1, 4, 300]) {
      const noise = noiseOf(df);
      const scales = [0.1, 1, 5];
      const levels = [0.001, 0.2, 0.5, 0.81, 0.9999];
      const out = new Float64Array(levels.length);
      mixtureQuantiles(out, levels, THREE, scales, noise);
      for (const [l, x] of out.entries()) {
        const cdf = THREE.reduce((sum, d, s) => sum + noise.cdf((x - d) / scales[s]), 0) / 3;
        expect(Math.abs(cdf - levels[l])).toBeLessThan(1e-7);
      }
    }
  });
});

describe('the standard distribution', () => {
  test.each([0.1, 1, 2.5, 4, 30, 1000])(
    'df %d: energy, density, cdf and quantile are of one distribution',
    (df) => {
      const noise = noiseOf(df);
      // In the lower half: near 1 a probability has not the digits for it.
      for (const z of [-30, -12, -2, -1.9, -0.7, -0.1, 0]) {
        const density = Math.exp(-(noise.energy(z) + noise.logNormalizer));
        expect(Math.abs(noise.pdf(z) / density - 1)).toBeLessThan(1e-13);
        expect(Math.abs(noise.quantile(noise.cdf(z)) - z)).toBeLessThanOrEqual(
          1e-11 * Math.abs(z) * (1 + 1 / df),
        );
        const h = 1e-4;
        const slope = (noise.cdf(z + h) - noise.cdf(z - h)) / (2 * h);
        expect(Math.abs(slope - density)).toBeLessThan(1e-8);
      }
    },
  );

  test('its variance is that of its quantiles where there is one, and Infinity up to df 2', () => {
    for (const df of [5, 12, 400]) {
      // E z² as the mean over equally likely quantiles; its tails are cut off at half a part in n, where z² is at most n^(2/df).
      const n = 400_000;
      const { quantile, variance } = noiseOf(df);
      let sum = 0;
      for (let i = 0; i < n / 2; i += 20) sum += 20 * quantile((i + 10) / n) ** 2;
      expect(Math.abs((2 * sum) / n / variance - 1)).toBeLessThan(df === 5 ? 0.02 : 1e-3);
      expect(variance).toBe(df / (df - 2));
    }
    for (const df of [0.1, 1, 2]) expect(noiseOf(df).variance).toBe(Infinity);
  });
});

test.each([
  [4, 0.5 * 0.5 * 2],
  [1.5, Infinity],
])(
  'df %d: aleatoric variance is scale²·df/(df − 2) in the units of the data, also in mixtures',
  (df, own) => {
    const posterior: Posterior = {
      model: build({ inputSize: 1, hiddenSizes: [], outputSize: 1 }),
      likelihood: { kind: 'studentT', df, scale: 'learned' },
      layers: [],
      noiseScale: Float32Array.of(0.5),
      standardization: { features: null, targets: { loc: Float64Array.of(7), scale: Float64Array.of(10) } },
      classNames: null,
      seed: 's',
    };
    const draws = new MomentAccumulator(1);
    for (const [s, value] of [1, 3].entries()) draws.add(0, s, 1, value, 0);
    const summary = new PredictiveSummary(1, 1);
    for (let member = 1; member <= 2; member++) {
      summary.add(posterior, 2, draws, null);
      const { mean, epistemic, aleatoric, variance, predictiveEntropy } = summary.prediction();
      expect([mean[0], epistemic[0]]).toEqual([27, 100]);
      expect(aleatoric[0]).toBe(100 * own);
      expect(variance[0]).toBe(100 + 100 * own);
      expect(predictiveEntropy).toBeNull();
    }
  },
);

/** Uniform numbers by address, the same on every engine. */
function uniforms(count: number, key: number): number[] {
  const words = new Uint32Array(4);
  return Array.from({ length: count }, (_, i) => {
    philox4x32([i, 0, 0, 0], [key, 77], words);
    return (words[0] + 0.5) / 2 ** 32;
  });
}

test('targets drawn from the mixture are calibrated under it and not under a gaussian of its scale', () => {
  const n = 4000;
  const [df, scale] = [3, 0.6];
  const { noise } = studentT(df);
  const [which, place] = [uniforms(n, 1), uniforms(n, 2)];
  const targets = place.map(
    (p, i) => THREE[Math.floor(which[i] * 3)] + scale * (noise as StandardDistribution).quantile(p),
  );
  const draws = THREE.flatMap((d) => targets.map(() => d));
  const of = (shape: StandardDistribution | undefined) => {
    const pit = mixturePit(draws, [scale], targets, shape);
    const mean = pit.reduce((a, b) => a + b) / n;
    const square = pit.reduce((sum, p) => sum + (p - 0.5) ** 2, 0) / n;
    const inside = pit.filter((p) => p >= 0.05 && p <= 0.95).length / n;
    // Uniform numbers: variance 1/12, Var (p − ½)² = 1/180, Var of the share 0.09.
    return [
      (mean - 0.5) / Math.sqrt(1 / 12 / n),
      (square - 1 / 12) / Math.sqrt(1 / 180 / n),
      (inside - 0.9) / Math.sqrt(0.09 / n),
    ];
  };
  for (const z of of(noise ?? undefined)) expect(Math.abs(z)).toBeLessThan(4);
  expect(of(undefined)[2]).toBeLessThan(-5);
  // The mean nll estimates the entropy −∫ f·log f, which the midpoints of 40,000 steps of asinh(x) give to 1e-6.
  const nllOf = (x: readonly number[]) =>
    mixtureNll(
      THREE.flatMap((d) => x.map(() => d)),
      [scale],
      x,
      undefined,
      noise ?? undefined,
    );
  const places = Array.from({ length: 40_000 }, (_, i) => (i + 0.5) / 1000 - 20);
  const entropy = nllOf(places.map(Math.sinh)).reduce(
    (sum, value, i) => sum + (Math.exp(-value) * value * Math.cosh(places[i])) / 1000,
    0,
  );
  const nll = nllOf(targets);
  const mean = nll.reduce((a, b) => a + b) / n;
  const sd = Math.sqrt(nll.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
  expect(sd).toBeGreaterThan(0.1);
  expect(Math.abs(mean - entropy) / (sd / Math.sqrt(n))).toBeLessThan(4);
});

describe('baselineNll', () => {
  const y = Float32Array.of(-1, 0.5, 2, 4, 4.5, 60, 1.1, 2.2);
  const of = (df: number, center: number, scale: number) => {
    const { energy, logNormalizer } = noiseOf(df);
    return (
      y.reduce((sum, v) => sum + energy((v - center) / scale) + Math.log(scale) + logNormalizer, 0) / y.length
    );
  };
  /** The least nll on a grid of centers and scales, refined five times. */
  const least = (df: number, fixed: number | null) => {
    let [center, scale, step] = [2, fixed ?? 2, 0.5];
    for (let round = 0; round < 60; round++) {
      let best = [of(df, center, scale), center, scale];
      for (const c of [center - step, center, center + step])
        for (const s of fixed === null ? [scale / (1 + step), scale, scale * (1 + step)] : [fixed])
          if (of(df, c, s) < best[0]) best = [of(df, c, s), c, s];
      if (best[1] === center && best[2] === scale) step /= 2;
      [, center, scale] = best;
    }
    return of(df, center, scale);
  };

  test.each([1, 2.5, 4, 100])('df %d: no center and scale, the same for all rows, have a lower nll', (df) => {
    expect(studentT(df).baselineNll(y, 1)).toBeCloseTo(least(df, null), 9);
    expect(studentT(df, 0.8).baselineNll(y, 1)).toBeCloseTo(least(df, 0.8), 9);
    const two = Float32Array.from([...y].flatMap((v) => [v, 10 * v]));
    expect(studentT(df).baselineNll(two, 2)).toBeCloseTo(2 * least(df, null) + Math.log(10), 6);
  });

  test('is −Infinity where a share of df/(df + 1) of the targets is equal, and a number below that', () => {
    expect(studentT(4).baselineNll(Float32Array.of(1, 1, 1, 1, 9), 1)).toBe(-Infinity);
    expect(studentT(4).baselineNll(Float32Array.of(2, 2, 2), 1)).toBe(-Infinity);
    expect(studentT(4).baselineNll(Float32Array.of(1, 1, 1, 8, 9), 1)).toBeGreaterThan(-5);
    expect(studentT(4, 0.5).baselineNll(Float32Array.of(2, 2, 2), 1)).toBeCloseTo(
      Math.log(0.5) + noiseOf(4).logNormalizer,
      12,
    );
  });
});
