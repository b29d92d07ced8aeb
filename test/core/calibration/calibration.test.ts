// The two calibration tables on constructed data, and what must hold for any data.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COVERAGE_LEVELS, coverageCurve, mixturePit } from '../../../src/core/calibration/coverage.ts';
import { reliability } from '../../../src/core/calibration/reliability.ts';
import { mixtureQuantiles } from '../../../src/core/predictive/quantiles.ts';
import { normalCdf, normalQuantile } from '../../../src/math/float64.ts';

describe('reliability', () => {
  it('puts a confidence on a border into the bin below it', () => {
    const bins = reliability([0.5, 0.5, 0.75, 0.25, 0.8, 0.2, 1, 0], [0, 0, 1, 0], 2, 4);
    expect(bins.map((b) => b.count)).toEqual([0, 1, 1, 2]);
    expect(bins[3]).toEqual({ lower: 0.75, upper: 1, count: 2, confidence: 0.9, accuracy: 0.5 });
    expect(bins[0].accuracy).toBeNaN();
  });
  it('takes float32 sums a rounding above 1 and refuses logits', () => {
    expect(reliability([1.0000001, 0], [0], 2)[14].count).toBe(1);
    expect(() => reliability([3, -1], [0], 2)).toThrow(/expected probabilities from 0 to 1, got 3 in row 0/);
    expect(() => reliability([1, 0], [0], 2, 0)).toThrow(/positive number of bins, got 0/);
  });
  it('loses no row and keeps every mean in its bin', () => {
    const row = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 20 }),
        (rows, bins) => {
          const p = rows.flatMap((r) => r.map((v) => v / (r[0] + r[1] + r[2])));
          const result = reliability(
            p,
            rows.map((_, i) => i % 3),
            3,
            bins,
          );
          expect(result.reduce((sum, b) => sum + b.count, 0)).toBe(rows.length);
          for (const b of result.filter((bin) => bin.count > 0)) {
            expect(b.confidence).toBeGreaterThan(b.lower - 1e-12);
            expect(b.confidence).toBeLessThanOrEqual(b.upper + 1e-12);
            expect(b.accuracy).toBeGreaterThanOrEqual(0);
            expect(b.accuracy).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });
});

describe('mixturePit', () => {
  it('is the average of the components’ CDFs', () => {
    const pit = mixturePit([0, 10, 2, 14], [1, 2], [1, 12]); // [2 draws, 1 row, 2 outputs]
    expect(pit[0]).toBeCloseTo((normalCdf(1) + normalCdf(-1)) / 2, 15);
    expect(pit[1]).toBeCloseTo((normalCdf(1) + normalCdf(-1)) / 2, 15);
    expect([...mixturePit([0, 1, 2, 3], [0], [1])]).toEqual([0.375]); // below, at, above, above
    expect(() => mixturePit([0], [-1], [0])).toThrow(/noise scale of 0 or more, got -1/);
  });
  it('takes a scale for each draw, row and output', () => {
    // [2 draws, 2 rows, 1 output]
    const pit = mixturePit([0, 0, 2, 2], [1, 2, 4, 0.5], [1, 1], undefined, 1);
    expect(pit[0]).toBeCloseTo((normalCdf(1) + normalCdf(-0.25)) / 2, 15);
    expect(pit[1]).toBeCloseTo((normalCdf(0.5) + normalCdf(-2)) / 2, 15);
    expect(() => mixturePit([0, 0, 2, 2], [1, 2, 4, -1], [1, 1], undefined, 1)).toThrow(
      /of 0 or more, got -1/,
    );
  });
  it('returns the level at a quantile', () => {
    const draws = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(draws, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (means, level) => {
        const q = new Float64Array(1);
        mixtureQuantiles(q, [level], means, 0.5);
        expect(mixturePit(means, [0.5], q)[0]).toBeCloseTo(level, 9);
      }),
    );
  });
});

describe('coverageCurve', () => {
  it('is the diagonal for evenly spread values', () => {
    const pit = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000);
    const curve = coverageCurve(pit);
    expect(curve.map((p) => p.level)).toEqual(COVERAGE_LEVELS);
    expect(COVERAGE_LEVELS).toHaveLength(19);
    for (const { level, observed } of curve) expect(Math.abs(observed - level)).toBeLessThanOrEqual(0.001);
  });
  it('falls below it when the predicted scale is half the true one', () => {
    // Targets at the exact quantiles of N(0, 2²), predicted by N(0, 1)
    const targets = Array.from({ length: 2001 }, (_, i) => 2 * normalQuantile((i + 0.5) / 2001));
    const pit = mixturePit(new Float64Array(2001), [1], targets);
    for (const { level, observed } of coverageCurve(pit)) {
      const want = 2 * normalCdf(normalQuantile(0.5 + level / 2) / 2) - 1;
      expect(Math.abs(observed - want)).toBeLessThan(0.001);
    }
  });
  it('stays in [0, 1] and never falls', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (pit) => {
        const observed = coverageCurve(pit).map((p) => p.observed);
        expect(Math.min(...observed)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...observed)).toBeLessThanOrEqual(1);
        for (let i = 1; i < observed.length; i++) expect(observed[i]).toBeGreaterThanOrEqual(observed[i - 1]);
      }),
    );
  });
  it('refuses what is not a CDF value or a level', () => {
    expect(() => coverageCurve([1.5])).toThrow(/CDF values from 0 to 1, got 1.5 in row 0/);
    expect(() => coverageCurve([0.5], [90])).toThrow(/levels from 0 to 1, got 90/);
    expect(() => coverageCurve([])).toThrow(RangeError);
  });
});
