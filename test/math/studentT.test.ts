// studentT.ts against test/vectors/student-t-truths.json (19 digits at the exact value of each double), published tables, closed forms and
// its own properties.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { normalCdf, normalPdf } from '../../src/math/float64.ts';
import {
  logGammaRatio,
  studentTCdf,
  studentTLogNormalizer,
  studentTPdf,
  studentTQuantile,
} from '../../src/math/studentT.ts';

const truths: Record<string, string[][]> = JSON.parse(
  readFileSync('test/vectors/student-t-truths.json', 'utf8'),
);
const close = (got: number, want: number, relative: number, note: string) =>
  expect(Math.abs(got - want), `${note}: got ${got}, want ${want}`).toBeLessThanOrEqual(
    relative * Math.abs(want),
  );

// Rounding: exp magnifies that of its argument, some 230 in the farthest tails, and the continued fraction adds up to 60 terms.
test.each([
  // A value near 0 is a difference: 4e-16 of the numbers it is one of.
  ['logGammaRatio', logGammaRatio, 4e-15],
  ['pdf', studentTPdf, 1e-13],
  ['cdf', studentTCdf, 1e-13],
  ['quantile', studentTQuantile, 1e-13],
] as const)('%s has the digits of the high-precision truths', (name, f, relative) => {
  expect(truths[name].length).toBeGreaterThan(15);
  for (const row of truths[name]) {
    const args = row.slice(0, -1).map(Number) as [number, number];
    close(f(...args), Number(row.at(-1)), relative, `${name}(${args.join(', ')})`);
  }
});

// Critical values of t as every table prints them: P(T ≤ t) = p.
test.each([
  [0.975, 1, 12.706],
  [0.95, 2, 2.92],
  [0.975, 4, 2.776],
  [0.995, 4, 4.604],
  [0.9, 10, 1.372],
  [0.975, 30, 2.042],
  [0.999, 120, 3.16],
])('the %d quantile with %d degrees of freedom is %d in the tables', (p, df, t) => {
  expect(studentTQuantile(p, df)).toBeCloseTo(t, 3);
});

test('closed forms: Cauchy at 1, algebraic at 2 and 4, the normal distribution far on', () => {
  for (const t of [-80, -3.3, -1, -0.2, 0, 0.5, 1.6, 2, 7, 1000]) {
    const near = (got: number, want: number) => expect(Math.abs(got - want)).toBeLessThan(3e-16);
    near(studentTCdf(t, 1), 0.5 + Math.atan(t) / Math.PI);
    near(studentTPdf(t, 1), 1 / (Math.PI * (1 + t * t)));
    near(studentTCdf(t, 2), 0.5 + t / (2 * Math.sqrt(2 + t * t)));
    near(studentTPdf(t, 2), (2 + t * t) ** -1.5);
    const u = t / Math.sqrt(1 + (t * t) / 4);
    near(studentTCdf(t, 4), 0.5 + (3 / 8) * u * (1 - (u * u) / 12));
    near(studentTPdf(t, 4), (3 / 8) * (1 + (t * t) / 4) ** -2.5);
    if (t * t > 1e5) continue;
    // Fisher's expansion: the difference from the normal is of the order 1/df.
    expect(Math.abs(studentTCdf(t, 1000) - normalCdf(t))).toBeLessThan(2e-4);
    expect(Math.abs(studentTPdf(t, 1000) - normalPdf(t))).toBeLessThan(2e-4);
  }
  expect(studentTLogNormalizer(1)).toBeCloseTo(Math.log(Math.PI), 15);
  expect(logGammaRatio(0.5)).toBeCloseTo(-0.5 * Math.log(Math.PI), 15);
});

const df = fc.double({ min: 0.1, max: 1000, noNaN: true });

test('Γ(x + 1)/Γ(x) = x, over two halves', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.05, max: 1e9, noNaN: true }), (x) => {
      const error = Math.abs(logGammaRatio(x) + logGammaRatio(x + 0.5) - Math.log(x));
      expect(error).toBeLessThan(1e-14 * (1 + Math.abs(Math.log(x))));
    }),
  );
});

describe('properties', () => {
  it('is symmetric, rises, and its quantile undoes it', () => {
    fc.assert(
      fc.property(df, fc.double({ min: -1e4, max: 1e4, noNaN: true }), (n, t) => {
        expect(studentTPdf(t, n)).toBe(studentTPdf(-t, n));
        const p = studentTCdf(t, n);
        expect(Math.abs(p + studentTCdf(-t, n) - 1)).toBeLessThan(3e-16);
        expect(studentTCdf(t + 1e-6 * (1 + Math.abs(t)), n)).toBeGreaterThanOrEqual(p * (1 - 1e-13));
        if (t < -0.01 && p > 1e-300)
          expect(Math.abs(studentTQuantile(p, n) / t - 1)).toBeLessThan(1e-12 * (1 + n + 1 / n));
      }),
      { numRuns: 300 },
    );
  });

  it('the density is the slope of the cdf', () => {
    for (const n of [0.1, 1.3, 4, 50, 1000]) {
      for (const t of [-5, -1.7, -0.4, 0.3, 1.1, 1.74, 8]) {
        const h = 1e-4;
        const slope = (studentTCdf(t + h, n) - studentTCdf(t - h, n)) / (2 * h);
        expect(Math.abs(slope - studentTPdf(t, n))).toBeLessThan(1e-8);
      }
    }
  });
});

test('edges', () => {
  expect([0, 0.5, 1, -0.1, 1.1, Number.NaN].map((p) => studentTQuantile(p, 4))).toEqual([
    -Infinity,
    0,
    Infinity,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
  expect([-Infinity, 0, Infinity].map((t) => studentTCdf(t, 4))).toEqual([0, 0.5, 1]);
  expect([-Infinity, Infinity].map((t) => studentTPdf(t, 4))).toEqual([0, 0]);
  expect(studentTCdf(Number.NaN, 4)).toBeNaN();
  expect(studentTPdf(Number.NaN, 4)).toBeNaN();
  // t beyond the largest double.
  expect(studentTQuantile(1e-40, 0.1)).toBe(-Infinity);
  // P(T < t) falls as |t|^(−df) there.
  expect(studentTQuantile(1e-29, 0.1) / studentTQuantile(1e-20, 0.1) / 1e90).toBeCloseTo(1, 12);
});
