// The negative binomial distribution in float64 with the same bits on every engine, by its mean and its dispersion: variance = mean +
// dispersion·mean². Dispersion 0 is the Poisson distribution.

import { betaFraction } from './betaFraction.ts';
import { exp, log, log1p } from './float64.ts';
import { logFactorial, poissonCdf, poissonLogMass } from './poisson.ts';

/** Below this the distribution is Poisson's to 1e-6, for counts up to 1000. */
const NO_DISPERSION = 1e-9;
/** Up to here masses are added, which is exact for any dispersion. */
const FEW = 200;
/** log Γ is its asymptotic series from here on. */
const SHIFT = 16;

/**
 * Σ_{j<n} log(1 + dispersion·j) = log(Γ(n + r)/Γ(r)) − n·log r with r = 1/dispersion, without the large parts of log Γ that cancel: with
 * x = r + SHIFT, (n + x − ½)·log1p(n/x) − n and differences of the series of log Γ (DLMF 5.11.1), taken back to r by products.
 */
export function logRising(n: number, dispersion: number): number {
  if (n < SHIFT) {
    let product = 1; // of at most 16 factors
    for (let j = 1; j < n; j++) product *= 1 + dispersion * j;
    return log(product);
  }
  const x = 1 / dispersion + SHIFT;
  const [a, b] = [1 / x, 1 / (n + x)];
  const [aa, ab, bb] = [a * a, a * b, b * b];
  const fifth = aa * (aa + ab + bb) + bb * (ab + bb);
  const seventh = aa * aa * (aa + ab + bb) + bb * bb * (aa + ab + bb) + aa * ab * bb;
  const series = n * ab * (1 / 12 - (aa + ab + bb) / 360 + fifth / 1260 - seventh / 1680);
  let ratio = 0;
  for (let j = 0; j < SHIFT; j++) ratio += log1p(dispersion * j) - log1p(dispersion * (n + j));
  return (n + x - 0.5) * log1p(n / x) - n - series + n * log1p(SHIFT * dispersion) + ratio;
}

/** logRising − log(n!) + n·log(mean) − (n + 1/dispersion)·log1p(dispersion·mean); with mean 0 all mass is at 0. */
export function negativeBinomialLogMass(n: number, mean: number, dispersion: number): number {
  if (dispersion === 0 || mean === 0) return poissonLogMass(n, mean);
  const rest = (n + 1 / dispersion) * log1p(dispersion * mean);
  return logRising(n, dispersion) - logFactorial(n) + n * log(mean) - rest;
}

/**
 * P(count ≤ n): few masses are added; else I_p(r, n + 1), the regularized incomplete beta function with p = 1/(1 + dispersion·mean) (DLMF 8.17.5),
 * from the side where its continued fraction is short.
 */
export function negativeBinomialCdf(n: number, mean: number, dispersion: number): number {
  if (n < 0) return 0;
  if (dispersion === 0 || mean === 0 || n === Infinity) return poissonCdf(n, mean);
  const whole = Math.floor(n);
  const q = (dispersion * mean) / (1 + dispersion * mean);
  const first = exp(-log1p(dispersion * mean) / dispersion);
  if (whole <= FEW && first > 0) {
    const step = mean / (1 + dispersion * mean);
    let [mass, sum] = [first, first];
    for (let j = 0; j < whole; j++) {
      mass *= (step * (1 + dispersion * j)) / (j + 1);
      sum += mass;
    }
    return Math.min(1, sum);
  }
  if (dispersion < NO_DISPERSION) return poissonCdf(whole, mean);
  const r = 1 / dispersion;
  const b = whole + 1;
  // p^r·q^b/B(r, b): a mass, with which nothing large cancels.
  const front = exp(negativeBinomialLogMass(whole, mean, dispersion)) * (whole + r) * q;
  if (1 - q < (r + 1) / (r + b + 2)) return Math.min(1, (front / r) * betaFraction(1 - q, r, b));
  return Math.max(0, 1 - (front / b) * betaFraction(q, b, r));
}
