// The Poisson distribution in float64: against sums of the masses, and log(n!) against products.

import { expect, test } from 'vitest';
import { logFactorial, poissonCdf, poissonLogMass } from '../../src/math/poisson.ts';

test('log(n!) is the log of the product', () => {
  let sum = 0;
  for (let n = 1; n <= 3000; n++) {
    sum += Math.log(n);
    expect(Math.abs(logFactorial(n) - sum)).toBeLessThan(1e-13 * (1 + sum) * 10);
  }
  expect(logFactorial(0)).toBe(0);
});

test.each([1e-6, 0.1, 1, 3.7, 20, 400, 1e4])(
  'mean %d: masses sum to the cdf, on both sides of the mean',
  (mean) => {
    const far = Math.ceil(mean + 12 * Math.sqrt(mean) + 30);
    let below = 0;
    const masses = Array.from({ length: far }, (_, n) => Math.exp(poissonLogMass(n, mean)));
    for (const [n, mass] of masses.entries()) {
      below += mass;
      // n·log(mean) has some 1e-16 of its own size.
      const tolerance = 1e-15 * (mean + far) * 4;
      expect(Math.abs(poissonCdf(n, mean) - below)).toBeLessThan(1e-13 + tolerance);
      if (below > 1e-200 && n < mean)
        expect(Math.abs(poissonCdf(n, mean) / below - 1)).toBeLessThan(1e-12 + tolerance * 10);
    }
    expect(below).toBeCloseTo(1, 10);
    expect(poissonCdf(-1, mean)).toBe(0);
    expect(poissonCdf(far * 10, mean)).toBe(1);
  },
);

test('a mean of 0 has all its mass at 0', () => {
  expect([poissonLogMass(0, 0), poissonLogMass(2, 0), poissonCdf(0, 0), poissonCdf(-1, 0)]).toEqual([
    0,
    -Infinity,
    1,
    0,
  ]);
});
