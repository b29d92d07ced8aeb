// Scores of the predictive distribution of a likelihood of values: S draws make an equal-weight mixture of S distributions of one shape, with
// a common scale per output, or one of each row's own. Everything is in original target units, noise included.

import { log, logSumExp } from '../../math/float64.ts';
import { noiseDistances } from '../predictive/noiseDistances.ts';
import { type StandardDistribution, standardNormal } from '../predictive/standardDistribution.ts';
import { drawsOf } from './checks.ts';

/**
 * −log of the predictive density of each row's target vector, in nats:
 * nll_r = log S − logsumexp_s Σ_k [ log f((target_rk − draw_srk) / scale_k) − log scale_k ], f the density of the noise.
 *
 * The average is over densities, not over log densities (which would be an upper bound on the loss).
 * draws [S, rows, K], noiseScale [K] or, with K given, [S, rows, K], targets [rows, K] → [rows]; sum over rows / rows is the test NLL per row.
 * @param tally receives each row's terms, whose exp is proportional to the densities of its draws
 * @param noise f, N(0, 1) where there is none
 * @throws RangeError if sizes do not fit or a scale is not positive (a density needs noise)
 */
export function mixtureNll(
  draws: ArrayLike<number>,
  noiseScale: ArrayLike<number>,
  targets: ArrayLike<number>,
  tally?: (row: number, exponents: Float64Array, logSum: number) => void,
  noise: StandardDistribution = standardNormal,
  K = noiseScale.length,
): Float64Array {
  const where = 'mixtureNll';
  const S = drawsOf(where, draws, noiseScale, targets, K);
  const common = noiseScale.length === K;
  for (let i = 0; i < noiseScale.length; i++) {
    if (noiseScale[i] > 0 && noiseScale[i] < Infinity) continue;
    throw new RangeError(
      `${where}: expected a positive finite noise scale, got ${noiseScale[i]} for output ${i % K} — a density needs noise; use crps without it`,
    );
  }
  let constant = log(S);
  for (let k = 0; k < K; k++) constant += (common ? log(noiseScale[k]) : 0) + noise.logNormalizer;
  const rows = targets.length / K;
  const nll = new Float64Array(rows);
  const exponents = new Float64Array(S);
  for (let r = 0; r < rows; r++) {
    for (let s = 0; s < S; s++) {
      let sum = 0;
      for (let k = 0; k < K; k++) {
        const at = s * targets.length + r * K + k;
        const scale = noiseScale[common ? k : at];
        sum += noise.energy((targets[r * K + k] - draws[at]) / scale);
        if (!common) sum += log(scale);
      }
      exponents[s] = -sum;
    }
    const logSum = logSumExp(exponents);
    nll[r] = constant - logSum;
    tally?.(r, exponents, logSum);
  }
  return nll;
}

/**
 * Continuous ranked probability score of each target, in target units (lower is better):
 * crps = 1/S·Σ_s A(target − draw_s) − 1/(2S²)·Σ_s Σ_t B(draw_s − draw_t), A(d) = scale·E|Z − d/scale|, B(d) = scale·E|Z − Z′ + d/scale|.
 *
 * draws [S, rows, K], noiseScale [K] (0 gives the score of the empirical distribution), targets [rows, K] → [rows, K].
 * O(S²) per value. Grimit, Gneiting, Berrocal & Johnson 2006, eq. 5; Gneiting & Raftery 2007, eq. 21.
 * @param noise the distribution of Z, N(0, 1) where there is none; NaN for one without a mean
 * @throws RangeError if sizes do not fit or a scale is negative
 */
export function crps(
  draws: ArrayLike<number>,
  noiseScale: ArrayLike<number>,
  targets: ArrayLike<number>,
  noise: StandardDistribution = standardNormal,
): Float64Array {
  const S = drawsOf('crps', draws, noiseScale, targets);
  const K = noiseScale.length;
  const { toPoint, between } = noiseDistances(noise);
  const scores = new Float64Array(targets.length);
  for (let i = 0; i < targets.length; i++) {
    const scale = noiseScale[i % K];
    if (!(scale >= 0 && scale < Infinity)) {
      throw new RangeError(
        `crps: expected a noise scale of 0 or more, got ${scale} — pass standard deviations`,
      );
    }
    // Without noise, or so far away that there might as well be none, the distance itself.
    const within = (d: number, mean: (z: number) => number) =>
      Math.abs(d / scale) < 1e100 ? scale * mean(d / scale) : Math.abs(d);
    const one = (d: number) => within(d, toPoint);
    const pair = (d: number) => within(d, between);
    let toTarget = 0;
    let betweenDraws = 0;
    for (let s = 0; s < S; s++) {
      const loc = draws[s * targets.length + i];
      toTarget += one(targets[i] - loc);
      for (let t = 0; t < s; t++) betweenDraws += pair(loc - draws[t * targets.length + i]);
    }
    betweenDraws += 0.5 * S * pair(0); // each draw with itself; the pairs above count twice
    scores[i] = toTarget / S - betweenDraws / (S * S);
  }
  return scores;
}
