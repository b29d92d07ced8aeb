// One Brier score: a problem of two outcomes scores the same as one Bernoulli output and as two classes.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Prediction } from '../../../src/core/predictive/prediction.ts';
import { evaluateDiscrete } from '../../../src/scheduler/prediction/evaluate.ts';

function predicted(mean: readonly number[], outputs: number): Prediction {
  const zeros = new Float64Array(mean.length);
  return {
    rows: mean.length / outputs,
    outputs,
    draws: 1,
    mean: Float64Array.from(mean),
    variance: zeros,
    aleatoric: zeros,
    epistemic: zeros,
    predictiveEntropy: null,
    expectedEntropy: null,
    mutualInformation: null,
    quantiles: null,
  };
}

test('two outcomes as an output and as classes', () => {
  const row = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1));
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
      const labels = { data: Float64Array.from(rows, ([, y]) => y), rows: rows.length, columns: 1 };
      const output = evaluateDiscrete(
        { kind: 'bernoulli' },
        predicted(
          rows.map(([p]) => p),
          1,
        ),
        labels,
      );
      const classes = evaluateDiscrete(
        { kind: 'categorical' },
        predicted(
          rows.flatMap(([p]) => [1 - p, p]),
          2,
        ),
        labels,
      );
      expect(output.brier).toBeCloseTo(classes.brier as number, 12);
      expect(output.nll).toBeCloseTo(classes.nll, 12);
    }),
  );
});

test('is 0 for the truth, 2 for its opposite and ½ for no opinion, on average over outputs', () => {
  const y = { data: Float64Array.of(0, 1, 1, 1), rows: 2, columns: 2 };
  expect(evaluateDiscrete({ kind: 'bernoulli' }, predicted([0, 1, 1, 1], 2), y).brier).toBe(0);
  expect(evaluateDiscrete({ kind: 'bernoulli' }, predicted([1, 0, 0, 0], 2), y).brier).toBe(2);
  expect(evaluateDiscrete({ kind: 'bernoulli' }, predicted([0.5, 0.5, 0.5, 0.5], 2), y).brier).toBe(0.5);
});
