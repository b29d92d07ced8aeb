// Point errors, coverage and summaries against values worked out by hand.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { meanAndErrorText, meanAndStandardError } from '../../../src/core/metrics/meanAndStandardError.ts';
import { intervalCoverage, mae, rmse } from '../../../src/core/metrics/regression.ts';

it('rmse and mae of a 3-4-5 example', () => {
  expect(rmse([3, 4], [0, 0])).toBe(Math.sqrt(12.5));
  expect(mae([3, -4], [0, 0])).toBe(3.5);
  expect(rmse(new Float32Array([1, 2]), new Float32Array([1, 2]))).toBe(0);
});

it('rmse is never below mae', () => {
  const values = fc.array(
    fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: -9, max: 9, noNaN: true })),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(values, (pairs) => {
      const [a, b] = [pairs.map((p) => p[0]), pairs.map((p) => p[1])];
      expect(rmse(a, b)).toBeGreaterThanOrEqual(mae(a, b) * (1 - 1e-12) - 1e-150); // squares below 1e-308 vanish
    }),
  );
});

it('intervalCoverage counts both ends as inside', () => {
  expect(intervalCoverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0.5, 1.01])).toBe(0.75);
});

it('meanAndStandardError divides by n − 1, then by √n', () => {
  const summary = meanAndStandardError([2, 4, 4, 4, 5, 5, 7, 9]);
  expect(summary.mean).toBe(5);
  expect(summary.standardDeviation).toBe(Math.sqrt(32 / 7));
  expect(summary.standardError).toBeCloseTo(Math.sqrt(32 / 7 / 8), 15);
  expect(summary.count).toBe(8);
  expect(meanAndStandardError([3]).standardError).toBeNaN();
  expect(meanAndStandardError([1e9 + 1, 1e9 + 2, 1e9 + 3]).standardDeviation).toBe(1);
});

it.each([
  [12.3149, 0.4512, '12.31 ± 0.45'],
  [0.0006102, 0.000012, '0.000610 ± 0.000012'],
  [0.00061023, 0.0000118, '0.000610 ± 0.000012'],
  [6.1e-9, 1.23e-10, '6.10e-9 ± 1.2e-10'],
  [-6.1e-23, 9.96e-25, '-6.10e-23 ± 1.0e-24'],
  [1.23e-9, 4.5e-7, '1e-9 ± 4.5e-7'],
  [3.1e23, 4.4e21, '3.1e+23 ± 4.4e+21'],
  [123456, 4512, '123456 ± 4512'],
  [5, 0, '5.000 ± 0.000'],
  [0, 0, '0.0 ± 0.0'],
  [5, Number.NaN, '5'],
])('%f ± %f is written with the digits that mean something: %s', (mean, standardError, text) => {
  expect(meanAndErrorText(mean, standardError)).toBe(text);
});

it('says what is wrong with the sizes', () => {
  expect(() => rmse([], [])).toThrow('rmse: expected at least one value, got none — is the data set empty?');
  expect(() => mae([1], [1, 2])).toThrow('mae: expected 2 predictions, got 1 — check the shapes');
  expect(() => intervalCoverage([1], [1, 2], [1, 2])).toThrow(/expected 2 lower bounds, got 1/);
  expect(() => meanAndStandardError([])).toThrow(RangeError);
});
