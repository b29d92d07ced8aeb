// The Poisson distribution in float64 with the same bits on every engine: log mass and cdf. Relative accuracy of the cdf is 1e-12 for means up
// to 1e4 and falls with the mean's digits beyond (test/math/poisson.test.ts).

import { exp, HALF_LOG_2PI, log } from './float64.ts';

const MAX_TERMS = 1_000_000;

/** log Γ(x) for x ≥ 1: its asymptotic series (DLMF 5.11.1) from 16 on, brought there by Γ(x) = Γ(x + 1)/x. */
export function logGamma(x: number): number {
  let factor = 1;
  let y = x;
  for (; y < 16; y++) factor *= y;
  const z = 1 / (y * y);
  const series =
    (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - (z * 691) / 360360))))) / y;
  return (y - 0.5) * log(y) - y + HALF_LOG_2PI + series - log(factor);
}

/** log(n!), of a whole number */
export function logFactorial(n: number): number {
  if (n > 18) return logGamma(n + 1);
  let product = 1; // exact up to 18!
  for (let k = 2; k <= n; k++) product *= k;
  return log(product);
}

/** n·log(mean) − mean − log(n!); with mean 0 all mass is at 0. */
export function poissonLogMass(n: number, mean: number): number {
  if (mean === 0) return n === 0 ? 0 : -Infinity;
  return n * log(mean) - mean - logFactorial(n);
}

/**
 * P(count ≤ n) = Q(n + 1, mean), the regularized incomplete gamma function: by the series of P (DLMF 8.11.4) below the mean's hump, by the
 * continued fraction of Q (DLMF 8.9.2, Lentz's method) above.
 */
export function poissonCdf(n: number, mean: number): number {
  if (n < 0) return 0;
  if (mean === 0 || n === Infinity) return 1;
  const a = Math.floor(n) + 1;
  const front = exp(a * log(mean) - mean - logGamma(a));
  if (mean < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; k < MAX_TERMS && term > sum * 1e-17; k++) {
      term *= mean / (a + k);
      sum += term;
    }
    return Math.max(0, 1 - front * sum);
  }
  const tiny = 1e-300;
  let b = mean + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let k = 1; k < MAX_TERMS; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = numerator * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + numerator / c;
    if (Math.abs(c) < tiny) c = tiny;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return Math.min(1, front * fraction);
}
