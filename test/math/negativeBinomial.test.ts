// The negative binomial distribution in float64: against sums of logarithms and of masses, its moments, and the Poisson distribution.

import { describe, expect, test } from 'vitest';
import { logRising, negativeBinomialCdf, negativeBinomialLogMass } from '../../src/math/negativeBinomial.ts';
import { poissonCdf, poissonLogMass } from '../../src/math/poisson.ts';

const DISPERSIONS = [1e-12, 1e-6, 1e-3, 0.01, 0.1, 0.5, 1, 3, 50, 1000];

test.each(DISPERSIONS)('dispersion %d: logRising is the sum of its logarithms', (dispersion) => {
  for (const n of [0, 1, 2, 5, 15, 16, 17, 40, 300, 5000, 100_000]) {
    let [sum, lost] = [0, 0];
    for (let j = 0; j < n; j++) {
      const term = Math.log1p(dispersion * j) - lost;
      const next = sum + term;
      lost = next - sum - term;
      sum = next;
    }
    expect(Math.abs(logRising(n, dispersion) - sum), `n ${n}`).toBeLessThan(1e-14 * (n + sum) + 1e-15);
  }
});

describe.each([
  [0.3, 0.5],
  [4, 0.1],
  [4, 2],
  [50, 1e-6],
  [1000, 0.01],
  [1000, 3],
  [2000, 1e-8],
  [20, 1e-13],
  [30, 40],
])('mean %d, dispersion %d', (mean, dispersion) => {
  const sd = Math.sqrt(mean + dispersion * mean * mean);
  const far = Math.ceil(mean + 60 * sd + 60);

  test('masses sum to the cdf on both sides of the mean, with the mean and the variance', () => {
    let [below, first, second] = [0, 0, 0];
    for (let n = 0; n < far; n++) {
      const mass = Math.exp(negativeBinomialLogMass(n, mean, dispersion));
      below += mass;
      first += mass * n;
      second += mass * (n - mean) ** 2;
      if (n % 7 === 0 || n < 50) {
        expect(Math.abs(negativeBinomialCdf(n, mean, dispersion) - below), `${n}`).toBeLessThan(1e-10);
      }
    }
    expect(Math.abs(below - 1)).toBeLessThan(1e-6);
    expect(Math.abs(first / mean - 1)).toBeLessThan(1e-4);
    expect(Math.abs(second / sd ** 2 - 1)).toBeLessThan(2e-3);
  });

  test('its ends', () => {
    expect(negativeBinomialCdf(-1, mean, dispersion)).toBe(0);
    expect(negativeBinomialCdf(Infinity, mean, dispersion)).toBe(1);
    const zero = -Math.log1p(dispersion * mean) / dispersion;
    expect(Math.abs(negativeBinomialLogMass(0, mean, dispersion) / zero - 1)).toBeLessThan(1e-14);
  });
});

test('a small dispersion tends to the Poisson distribution, and none is it', () => {
  for (const n of [0, 3, 20]) {
    expect(negativeBinomialLogMass(n, 4, 0)).toBe(poissonLogMass(n, 4));
    expect(negativeBinomialCdf(n, 4, 0)).toBe(poissonCdf(n, 4));
    expect(negativeBinomialLogMass(n, 4, 1e-12)).toBeCloseTo(poissonLogMass(n, 4), 9);
    expect(negativeBinomialCdf(n, 4, 1e-12)).toBeCloseTo(poissonCdf(n, 4), 9);
  }
  expect([negativeBinomialLogMass(0, 0, 1), negativeBinomialLogMass(2, 0, 1)]).toEqual([0, -Infinity]);
});
