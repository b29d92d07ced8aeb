// What a target is like given the weights, in units of its scale around its mean: the one thing that scores, quantiles and intervals need to
// know of a likelihood of values.

import { HALF_LOG_2PI, normalCdf, normalPdf, normalQuantile } from '../../math/float64.ts';

/** A distribution symmetric around 0; of a target, z = (target − mean) / scale. */
export interface StandardDistribution {
  /** −log of the density at z is energy(z) + logNormalizer. */
  energy(z: number): number;
  readonly logNormalizer: number;
  pdf(z: number): number;
  cdf(z: number): number;
  /** z of a probability between 0 and 1. */
  quantile(p: number): number;
  /** Infinite where the distribution has none. */
  readonly variance: number;
}

/** N(0, 1). */
export const standardNormal: StandardDistribution = {
  energy: (z) => 0.5 * (z * z),
  logNormalizer: HALF_LOG_2PI,
  pdf: normalPdf,
  cdf: normalCdf,
  quantile: normalQuantile,
  variance: 1,
};
