// What a count is like given its mean: what scores, quantiles and intervals need to know of a likelihood of counts.

export interface CountDistribution {
  /**
   * log P(count = n), −Infinity where it cannot be; n a whole number of at least 0.
   * @param scale of the likelihood, such as a dispersion; not read where it has none
   */
  logMass(n: number, mean: number, scale: number): number;
  /** P(count ≤ n), 0 below 0. */
  cdf(n: number, mean: number, scale: number): number;
}
