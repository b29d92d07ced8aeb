// The chance of a coverage against exact binomial sums, and when and how it is reported.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverageChance, coverageWarning } from '../../../src/core/calibration/coverageWarning.ts';

/** P(from ≤ X ≤ to) in exact arithmetic: level = a/b. */
function exactly(from: number, to: number, n: number, a: bigint, b: bigint): number {
  let choose = 1n;
  let sum = 0n;
  for (let k = 0; k <= to; k++) {
    if (k >= from) sum += choose * a ** BigInt(k) * (b - a) ** BigInt(n - k);
    choose = (choose * BigInt(n - k)) / BigInt(k + 1);
  }
  return Number((sum * 10n ** 40n) / b ** BigInt(n)) / 1e40;
}

describe('coverageChance', () => {
  it('is the binomial tail, doubled', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 300 })
          .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }))),
        ([n, held]) => {
          const tail = held <= n * 0.9 ? exactly(0, held, n, 9n, 10n) : exactly(held, n, n, 9n, 10n);
          const want = Math.min(1, 2 * tail);
          expect(Math.abs(coverageChance(held / n, n, 0.9) - want)).toBeLessThan(1e-9 * want + 1e-35);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('goes with the normal distribution where there are many rows', () => {
    // z = 3: twice 0.00135.
    expect(coverageChance(0.9 - 3 * Math.sqrt(0.09 / 1e6), 1_000_000, 0.9)).toBeCloseTo(0.0027, 4);
    expect(coverageChance(0, 1_000_000, 0.9)).toBe(0);
    expect(coverageChance(1, 1_000_000, 0.9)).toBe(0);
  });

  it('refuses what is no share', () => {
    for (const [observed, n] of [
      [0.5, 0],
      [0.5, 1.5],
      [1.1, 10],
      [Number.NaN, 10],
    ])
      expect(() => coverageChance(observed, n, 0.9)).toThrow(/^coverageChance: expected .+, got .+ — /);
  });
});

describe('coverageWarning', () => {
  it('is given where chance does not explain it, on both sides', () => {
    expect(coverageWarning(129 / 160, 160, 0.9, 'test rows')).toBe(
      'the 90 % intervals hold 80.6 % of 160 test rows, too few for chance (p = 0.0005) — they are too narrow: train an ensemble (ensemble: { members: 5 }) or longer, and do not rely on them as they are',
    );
    expect(coverageWarning(1, 100, 0.9, 'validation rows')).toMatch(
      /^the 90 % intervals hold 100 % of 100 validation rows, too many for chance \(p = 0\.00005\) — they are too wide/,
    );
  });

  it('is not given for what happens by chance, as in few rows', () => {
    for (const [held, n] of [
      [145, 160],
      [29, 36],
      [31, 31],
      [8, 10],
    ])
      expect(coverageWarning(held / n, n, 0.9, 'test rows')).toBeNull();
  });
});
