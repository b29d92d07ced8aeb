// Which posteriors make a mixture, which member gives which draw, and that members of different noise and units mix as one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { ensembleOf } from '../../../src/core/posteriors/ensembleOf.ts';
import { drawsOfMember, membersOf } from '../../../src/core/posteriors/mixture.ts';
import { interleave, type PredictiveChunk } from '../../../src/core/predictive/drawQuantiles.ts';
import { MomentAccumulator } from '../../../src/core/predictive/moments.ts';
import { PredictiveSummary, summarize } from '../../../src/core/predictive/summarize.ts';

function member(
  more: Partial<Posterior> & {
    kind?: 'categorical' | 'bernoulli' | 'gaussian';
    outputs?: number;
    inputs?: number;
  } = {},
): Posterior {
  const { kind = 'gaussian', outputs = 1, inputs = 2, ...rest } = more;
  const { model = build({ inputSize: inputs, hiddenSizes: [3], outputSize: outputs }) } = more;
  const zeros = (size: number) => ({ mu: new Float32Array(size), rho: new Float32Array(size) });
  return {
    model,
    likelihood: kind === 'gaussian' ? { kind, scale: 'learned' } : { kind },
    layers: model.layers.map(({ inputSize: I, outputSize: O }) => ({ weight: zeros(I * O), bias: zeros(O) })),
    noiseScale: kind === 'gaussian' ? new Float32Array(outputs).fill(0.5) : null,
    standardization: { features: null, targets: null },
    classNames: null,
    seed: 's',
    ...rest,
  };
}

describe('ensembleOf', () => {
  test('members keep their order, and an ensemble counts as its members', () => {
    const [a, b, c] = [member({ seed: 'a' }), member({ seed: 'b' }), member({ seed: 'c' })];
    const ensemble = ensembleOf([a, ensembleOf([b, c])]);
    expect(ensemble.members).toEqual([a, b, c]);
    expect(ensemble.model).toEqual({ inputSize: 2, outputSize: 1 });
    expect(membersOf(ensemble)).toBe(ensemble.members);
    expect(membersOf(a)).toEqual([a]);
  });

  test('hidden layers, seeds, noise and standardization may differ', () => {
    const model = build({ inputSize: 2, hiddenSizes: [], outputSize: 1 });
    const other = member({ seed: 'b', noiseScale: new Float32Array([2]), model });
    expect(ensembleOf([member(), other]).members).toHaveLength(2);
  });

  test.each([
    [[], /^ensembleOf: expected a list of at least one posterior, got an empty list — .+$/],
    [[member(), member({ inputs: 3 })], /expected inputSize 2 as in member 0, got 3 in member 1 — /],
    [[member(), member(), member({ outputs: 2 })], /expected outputSize 1 as in member 0, got 2 in member 2/],
    [
      [member(), member({ kind: 'bernoulli' })],
      /likelihood gaussian as in member 0, got bernoulli in member 1/,
    ],
    [
      [
        member({ likelihood: { kind: 'studentT', df: 4, scale: 'learned' } }),
        member({ likelihood: { kind: 'studentT', df: 4, scale: 2 } }),
        member({ likelihood: { kind: 'studentT', df: 5, scale: 'learned' } }),
      ],
      /likelihood studentT df 4 as in member 0, got studentT df 5 in member 2 — bring together/,
    ],
    [
      [
        member({ kind: 'categorical', outputs: 2, classNames: ['no', 'yes'] }),
        member({ kind: 'categorical', outputs: 2, classNames: ['yes', 'no'] }),
      ],
      /classNames \["no", "yes"\] as in member 0, got \["yes", "no"\] in member 1 — name the classes alike/,
    ],
  ])('refuses what does not answer the same question: %#', (posteriors, message) => {
    expect(() => ensembleOf(posteriors)).toThrow(message);
  });
});

test('a list with holes is refused where its first hole is', () => {
  expect(() => ensembleOf(new Array(3))).toThrow(
    'ensembleOf: posteriors[0]: expected a posterior, got nothing — pass what train or load gave',
  );
});

test('members share the draws in turn: each from its first, no two more than one apart', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), (draws, M) => {
      const counted = new Array<number>(M).fill(0);
      for (let s = 0; s < draws; s++) counted[s % M]++;
      expect(Array.from({ length: M }, (_, m) => drawsOfMember(draws, M, m))).toEqual(counted);
    }),
  );
});

test('interleave puts draw floor(s / M) of member s mod M at s, with its noise', () => {
  const chunk = (name: number, draws: number): PredictiveChunk => ({
    firstRow: 4,
    rows: 2,
    draws,
    outputs: 1,
    values: Float64Array.from({ length: draws * 2 }, (_, i) => 100 * name + 10 * Math.floor(i / 2) + (i % 2)),
    noise: new Float64Array(draws).fill(name),
    shape: null,
    counts: null,
  });
  const mixed = interleave([chunk(1, 2), chunk(2, 2), chunk(3, 1)]);
  expect([...mixed.values]).toEqual([100, 101, 200, 201, 300, 301, 110, 111, 210, 211]);
  expect([...mixed.noise]).toEqual([1, 2, 3, 1, 2]);
  expect(mixed).toMatchObject({ firstRow: 4, rows: 2, draws: 5, outputs: 1 });
});

/** Moments of draws[s][i] as the predictor leaves them. */
function moments(draws: readonly (readonly number[])[]): MomentAccumulator {
  const size = draws[0].length;
  const into = new MomentAccumulator(size);
  for (const [s, values] of draws.entries()) for (let i = 0; i < size; i++) into.add(i, s, 1, values[i], 0);
  return into;
}

const numbers = fc.double({ min: -3, max: 3, noNaN: true });

describe('PredictiveSummary', () => {
  test('members of their own noise and units mix by the law of total variance', () => {
    const part = fc.record({
      draws: fc.array(fc.tuple(numbers, numbers), { minLength: 1, maxLength: 6 }),
      noise: fc.double({ min: 0.1, max: 2, noNaN: true }),
      loc: fc.double({ min: -5, max: 5, noNaN: true }),
      scale: fc.double({ min: 0.1, max: 4, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const summary = new PredictiveSummary(2, 1);
        for (const { draws, noise, loc, scale } of parts) {
          const targets = { loc: Float64Array.of(loc), scale: Float64Array.of(scale) };
          const own = member({
            noiseScale: Float32Array.of(noise),
            standardization: { features: null, targets },
          });
          summary.add(own, draws.length, moments(draws), null);
        }
        const prediction = summary.prediction();
        for (const row of [0, 1]) {
          // By hand over all draws, each in the data's units.
          const means = parts.flatMap(({ draws, loc, scale }) =>
            draws.map((draw) => loc + scale * draw[row]),
          );
          const noises = parts.flatMap(({ draws, noise, scale }) =>
            draws.map(() => (Math.fround(noise) * scale) ** 2),
          );
          const average = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
          const mean = average(means);
          const epistemic = average(means.map((value) => (value - mean) ** 2));
          expect(Math.abs(prediction.mean[row] - mean)).toBeLessThan(1e-5 * (1 + Math.abs(mean)));
          expect(Math.abs(prediction.epistemic[row] - epistemic)).toBeLessThan(1e-5 * (1 + epistemic));
          expect(Math.abs(prediction.aleatoric[row] - average(noises))).toBeLessThan(
            1e-5 * (1 + average(noises)),
          );
          expect(prediction.draws).toBe(means.length);
        }
      }),
    );
  });

  test('entropies of classes: of the averaged probabilities, and on average over all draws', () => {
    const own = member({ kind: 'categorical', outputs: 2 });
    const [sure, torn] = [
      [[1, 0]],
      [
        [0, 1],
        [0.5, 0.5],
      ],
    ];
    const summary = new PredictiveSummary(1, 2);
    summary.add(own, 1, moments(sure), moments([[0]]));
    summary.add(own, 2, moments(torn), moments([[0], [Math.LN2]]));
    const { mean, predictiveEntropy, expectedEntropy, mutualInformation, aleatoric } = summary.prediction();
    expect([...mean]).toEqual([0.5, 0.5]);
    expect(predictiveEntropy![0]).toBeCloseTo(Math.LN2, 6);
    expect(expectedEntropy![0]).toBeCloseTo(Math.LN2 / 3, 6);
    expect(mutualInformation![0]).toBeCloseTo((2 * Math.LN2) / 3, 6);
    // E[p(1 − p)] over the three draws.
    expect(aleatoric[0]).toBeCloseTo(0.25 / 3, 6);
  });

  test('one member is what it is alone', () => {
    const draws = [
      [0.3, -1.2],
      [0.1, 0.7],
      [-2, 0.9],
    ];
    const targets = { loc: Float64Array.of(3.3), scale: Float64Array.of(0.7) };
    const own = member({ standardization: { features: null, targets } });
    const summary = new PredictiveSummary(2, 1);
    summary.add(own, 3, moments(draws), null);
    expect(summary.prediction()).toEqual(summarize(own, 2, 3, moments(draws), null));
  });
});
