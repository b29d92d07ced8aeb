// Scores of rankings, intervals and bins of equally many rows: against their definitions by brute force, and in cases that are known.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adaptiveCalibrationError } from '../../../src/core/calibration/adaptiveCalibrationError.ts';
import { aupr, falsePositiveRate } from '../../../src/core/metrics/detection.ts';
import { intervalScore } from '../../../src/core/metrics/intervalScore.ts';
import { riskCoverage } from '../../../src/core/metrics/riskCoverage.ts';
import { normalQuantile } from '../../../src/math/float64.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const few = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 });

describe('aupr and falsePositiveRate', () => {
  test('are those of every threshold tried', () => {
    fc.assert(
      fc.property(few, few, (positive, negative) => {
        const thresholds = [...new Set([...positive, ...negative])].sort((a, b) => b - a);
        const share = (scores: number[], least: number) => scores.filter((s) => s >= least).length;
        let [area, recall] = [0, 0];
        for (const t of thresholds) {
          const [hits, alarms] = [share(positive, t), share(negative, t)];
          area += (hits / positive.length - recall) * (hits / (hits + alarms));
          recall = hits / positive.length;
        }
        expect(aupr(positive, negative)).toBeCloseTo(area, 12);
        const at = thresholds.find((t) => share(positive, t) >= 0.95 * positive.length) as number;
        expect(falsePositiveRate(positive, negative)).toBe(share(negative, at) / negative.length);
      }),
    );
  });

  test('of a perfect, a reversed and no ranking', () => {
    expect(aupr([3, 4], [1, 2])).toBe(1);
    expect(falsePositiveRate([3, 4], [1, 2])).toBe(0);
    expect(aupr([1, 1], [1, 1, 1, 1, 1, 1])).toBe(0.25);
    expect(falsePositiveRate([1], [2, 3])).toBe(1);
    expect(falsePositiveRate([4, 1], [2, 3], 0.5)).toBe(0);
    expect(() => aupr([], [1])).toThrow('aupr: expected positive scores, got none');
    expect(() => falsePositiveRate([1], [Number.NaN])).toThrow('got NaN in negative score 0');
    expect(() => falsePositiveRate([1], [1], 0)).toThrow('expected a recall above 0 and up to 1, got 0');
  });
});

describe('riskCoverage', () => {
  test('is the mean loss of those that are at least as sure, whatever the order of rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(0, 1)), { minLength: 1 }),
        (rows) => {
          const { curve, area } = riskCoverage(
            rows.map(([u]) => u),
            rows.map(([, loss]) => loss),
          );
          let mean = 0;
          for (const [u] of rows) {
            const sure = rows.filter(([other]) => other <= u);
            mean += sure.reduce((sum, [, loss]) => sum + loss, 0) / sure.length / rows.length;
          }
          expect(area).toBeCloseTo(mean, 12);
          expect(curve.at(-1)).toEqual({
            coverage: 1,
            risk: rows.reduce((sum, [, l]) => sum + l, 0) / rows.length,
          });
        },
      ),
    );
  });

  test('known cases and mistakes', () => {
    expect(riskCoverage([1, 2, 3, 4], [0, 0, 1, 1])).toEqual({
      curve: [
        { coverage: 0.25, risk: 0 },
        { coverage: 0.5, risk: 0 },
        { coverage: 0.75, risk: 1 / 3 },
        { coverage: 1, risk: 0.5 },
      ],
      area: (1 / 3 + 0.5) / 4,
    });
    expect(riskCoverage([7, 7, 7], [1, 0, 0]).area).toBeCloseTo(1 / 3, 15);
    expect(() => riskCoverage([1], [Number.NaN])).toThrow('got NaN in losses of row 0');
  });
});

describe('intervalScore', () => {
  test('is width inside, and costs 2/α a unit outside', () => {
    expect(
      [...intervalScore([0, 0, 0], [2, 2, 2], [1, 3, -0.5], 0.8)].map((v) => Math.round(v * 1e9) / 1e9),
    ).toEqual([2, 12, 7]);
    expect(() => intervalScore([1], [0], [0])).toThrow('expected an interval, got 1 to 0 in row 0');
    expect(() => intervalScore([1], [2], [0], 1)).toThrow('expected a level between 0 and 1, got 1');
  });

  test('the true quantiles are better than wider and narrower ones', () => {
    const y = testNormals(20_000, 77);
    const mean = (half: number) => {
      const ends = (sign: number) => new Float64Array(y.length).fill(sign * half);
      return intervalScore(ends(-1), ends(1), y, 0.9).reduce((sum, value) => sum + value, 0) / y.length;
    };
    const best = normalQuantile(0.95);
    expect(mean(best)).toBeLessThan(Math.min(mean(best - 0.2), mean(best + 0.2)));
  });
});

describe('adaptiveCalibrationError', () => {
  /** Rows of two classes with confidence c in class 0; right where `hit`. */
  const table = (rows: readonly (readonly [number, boolean])[]) =>
    [rows.flatMap(([c]) => [c, 1 - c]), rows.map(([, hit]) => (hit ? 0 : 1)), 2] as const;

  test('bins hold equally many rows', () => {
    const rows = [
      [0.6, true],
      [0.7, false],
      [0.8, true],
      [0.9, true],
    ] as const;
    expect(adaptiveCalibrationError(...table(rows), 2)).toBeCloseTo(
      (Math.abs(1 - 1.3) + Math.abs(2 - 1.7)) / 4,
      14,
    );
    expect(adaptiveCalibrationError(...table(rows), 1)).toBeCloseTo(Math.abs(3 - 3) / 4, 14);
    // More bins than rows: each row is its own.
    expect(adaptiveCalibrationError(...table(rows), 100)).toBeCloseTo((0.4 + 0.7 + 0.2 + 0.1) / 4, 14);
    expect(() => adaptiveCalibrationError([1], [0], 1, 0)).toThrow(
      'expected a positive number of bins, got 0',
    );
  });
});
