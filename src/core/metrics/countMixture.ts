// Scores and quantiles of the predictive distribution of a likelihood of counts: S draws of the mean make an equal-weight mixture.

import { log, logSumExp } from '../../math/float64.ts';
import type { CountDistribution } from '../predictive/countDistribution.ts';
import { rowsOf } from './checks.ts';

/**
 * −log of the predictive mass of each row's target vector, in nats: log S − logsumexp_s Σ_k log P(target_rk; mean_srk).
 * means [S, rows, K], scales [K], or none, targets [rows, K] → [rows]
 * @param tally receives each row's terms, whose exp is proportional to the masses of its draws
 */
export function countNll(
  means: ArrayLike<number>,
  scales: ArrayLike<number>,
  targets: ArrayLike<number>,
  K: number,
  { logMass }: CountDistribution,
  tally?: (row: number, exponents: Float64Array, logSum: number) => void,
): Float64Array {
  const rows = rowsOf('countNll', targets, K);
  const S = means.length / targets.length;
  const exponents = new Float64Array(S);
  return Float64Array.from({ length: rows }, (_, r) => {
    for (let s = 0; s < S; s++) {
      let sum = 0;
      for (let k = 0; k < K; k++)
        sum += logMass(targets[r * K + k], means[s * targets.length + r * K + k], scales[k]);
      exponents[s] = sum;
    }
    const logSum = logSumExp(exponents);
    tally?.(r, exponents, logSum);
    return log(S) - logSum;
  });
}

/**
 * Mid-point of the jump of the mixture's CDF at each target: pit = 1/S·Σ_s ½(F(target − 1) + F(target)), whose mean is ½ if predictions are
 * calibrated. means [S, rows, K], scales [K], or none, targets [rows, K] → [rows, K]
 */
export function countPit(
  means: ArrayLike<number>,
  scales: ArrayLike<number>,
  targets: ArrayLike<number>,
  { cdf }: CountDistribution,
): Float64Array {
  const S = means.length / targets.length;
  return Float64Array.from(targets, (n, i) => {
    const scale = scales[i % scales.length];
    let sum = 0;
    for (let s = 0; s < S; s++) {
      const mean = means[s * targets.length + i];
      sum += 0.5 * (cdf(n - 1, mean, scale) + cdf(n, mean, scale));
    }
    return sum / S;
  });
}

/** Counts beyond are not told apart. */
const MOST = 2 ** 53;

/**
 * Fills out[l] with the smallest count whose CDF in the mixture of `means` reaches levels[l], by bisection between whole numbers; Infinity for
 * level 1.
 * @param scales of each draw, [S]
 */
export function countQuantiles(
  out: Float64Array | Float32Array,
  levels: ArrayLike<number>,
  means: ArrayLike<number>,
  scales: ArrayLike<number>,
  { cdf }: CountDistribution,
): void {
  const S = means.length;
  const reaches = (n: number, level: number) => {
    let sum = 0;
    for (let s = 0; s < S; s++) sum += cdf(n, means[s], scales[s]);
    return sum >= level * S;
  };
  for (let l = 0; l < levels.length; l++) {
    if (levels[l] >= 1) {
      out[l] = Infinity;
      continue;
    }
    let [low, high] = [-1, 1];
    while (high < MOST && !reaches(high, levels[l])) [low, high] = [high, 2 * high];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (reaches(middle, levels[l])) high = middle;
      else low = middle;
    }
    out[l] = high;
  }
}
