// Scores of class probabilities against values worked out by hand, at the edges and with ties.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedCalibrationError } from '../../../src/core/calibration/expectedCalibrationError.ts';
import { auroc } from '../../../src/core/metrics/auroc.ts';
import {
  bernoulliNll,
  brier,
  categoricalNll,
  errorRate,
  PROBABILITY_FLOOR,
} from '../../../src/core/metrics/classification.ts';

const table = [0.7, 0.2, 0.1, 0.1, 0.1, 0.8, 0.25, 0.5, 0.25];

describe('probability scores', () => {
  it('categoricalNll reads the label’s probability', () => {
    const nll = categoricalNll(table, [0, 2, 0], 3);
    expect([...nll]).toEqual([0.7, 0.8, 0.25].map((p) => expect.closeTo(-Math.log(p), 14)));
  });
  it('a probability of 0 costs −log of the smallest float32, 103.28 nats, and 1 costs 0', () => {
    expect(new Float32Array([PROBABILITY_FLOOR])[0]).toBe(PROBABILITY_FLOOR);
    expect(new Float32Array([PROBABILITY_FLOOR * 0.4])[0]).toBe(0);
    const nll = categoricalNll(new Float32Array([1, 0, 1, 0]), [1, 0], 2);
    expect(nll[0]).toBeCloseTo(149 * Math.LN2, 12);
    expect(Object.is(nll[1], 0)).toBe(true);
    expect(categoricalNll([Number.NaN, 0], [0], 2)[0]).toBeNaN();
  });
  it('bernoulliNll sums the outputs of a row', () => {
    const nll = bernoulliNll([0.9, 0.2, 0.5, 0], [1, 0, 0, 1], 2);
    expect(nll[0]).toBeCloseTo(-Math.log(0.9) - Math.log(0.8), 14);
    expect(nll[1]).toBeCloseTo(Math.LN2 + 149 * Math.LN2, 12);
    expect(() => bernoulliNll([0.5], [0.5], 1)).toThrow(/labels from 0 to 1, got 0.5 in row 0/);
  });
  it('errorRate takes the first of equal classes', () => {
    expect(errorRate(table, [0, 2, 0], 3)).toBe(1 / 3);
    expect(errorRate([0.5, 0.5], [0], 2)).toBe(0);
    expect(errorRate([0.5, 0.5], [1], 2)).toBe(1);
  });
  it('brier sums all classes', () => {
    const scores = brier(table, [0, 2, 0], 3);
    expect(scores[0]).toBeCloseTo(0.09 + 0.04 + 0.01, 15);
    expect(scores[2]).toBeCloseTo(0.5625 + 0.25 + 0.0625, 15);
    expect([...brier([1, 0, 1, 0], [0, 1], 2)]).toEqual([0, 2]);
  });
  it('names a label that is out of range and sizes that do not fit', () => {
    expect(() => errorRate(table, [0, 3, 0], 3)).toThrow(/expected labels from 0 to 2, got 3 in row 1/);
    expect(() => brier(table, [0], 3)).toThrow('brier: expected 3 labels, got 1 — check the shapes');
    expect(() => categoricalNll(table, [0], 4)).toThrow(/expected rows of 4 numbers, got 9 in all/);
    expect(() => categoricalNll([], [], 4)).toThrow(RangeError);
  });
});

describe('expectedCalibrationError', () => {
  it('weighs each bin’s gap by its rows', () => {
    // Ten rows at .75 with 5 right (gap .25), thirty at .95 with 27 right (gap .05): (10·.25 + 30·.05)/40 = .1
    const probabilities: number[] = [];
    const labels: number[] = [];
    for (let r = 0; r < 40; r++) {
      const p = r < 10 ? 0.75 : 0.95;
      probabilities.push(p, 1 - p);
      labels.push(r < 10 ? Number(r >= 5) : Number(r >= 37));
    }
    expect(expectedCalibrationError(probabilities, labels, 2)).toBeCloseTo(0.1, 14);
    // With one bin only the totals count: mean confidence .9, accuracy 32/40
    expect(expectedCalibrationError(probabilities, labels, 2, 1)).toBeCloseTo(0.1, 14);
  });
  it('is 0 for certain and right, 1 for certain and wrong', () => {
    expect(expectedCalibrationError([1, 0], [0], 2)).toBe(0);
    expect(expectedCalibrationError([1, 0], [1], 2)).toBe(1);
  });
  it('cannot cancel over- against underconfidence in different bins, only within one', () => {
    const p = [0.6, 0.4, 0.9, 0.1];
    expect(expectedCalibrationError(p, [0, 1], 2)).toBeCloseTo((0.4 + 0.9) / 2, 14);
    expect(expectedCalibrationError(p, [0, 1], 2, 1)).toBeCloseTo(0.25, 14);
  });
});

describe('auroc', () => {
  it('shares ranks among ties', () => {
    // Pairs: 1>.5, 1=1, 2>.5, 2>1 …: wins 3 + ½ of 4
    expect(auroc([1, 2], [0.5, 1])).toBe(3.5 / 4);
    expect(auroc([1, 1, 1], [1, 1])).toBe(0.5);
    expect(auroc([2, 3], [0, 1])).toBe(1);
    expect(auroc([0, 1], [2, 3])).toBe(0);
    expect(auroc([Infinity, 0], [-Infinity, 0])).toBe(3.5 / 4);
  });
  it('is the share of pairs won, turns around with the groups and ignores monotone maps', () => {
    const scores = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        let wins = 0;
        for (const x of a) for (const y of b) wins += x > y ? 1 : x === y ? 0.5 : 0;
        expect(auroc(a, b)).toBe(wins / (a.length * b.length));
        expect(auroc(b, a)).toBeCloseTo(1 - auroc(a, b), 14);
        expect(
          auroc(
            a.map((x) => x ** 3),
            b.map((x) => x ** 3),
          ),
        ).toBe(auroc(a, b));
      }),
    );
  });
  it('refuses empty groups and NaN', () => {
    expect(() => auroc([], [1])).toThrow(/expected positive scores, got none/);
    expect(() => auroc([1], [0, Number.NaN])).toThrow(/got NaN in negative score 1/);
  });
});
