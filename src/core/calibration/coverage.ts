// Calibration of a regression: where targets fall in their predictive distribution, and how often central intervals hold them.

import { drawsOf } from '../metrics/checks.ts';
import { type StandardDistribution, standardNormal } from '../predictive/standardDistribution.ts';

/** .05, .10, …, .95: levels of the coverage curve. */
export const COVERAGE_LEVELS: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/**
 * Probability integral transform of each target, the mixture's CDF there: pit = 1/S·Σ_s F((target − draw_s) / scale).
 * Uniform on [0, 1] if the predictions are calibrated (Dawid 1984). With scale 0 F is a step, ½ at a tie.
 *
 * draws [S, rows, K], noiseScale [K] or, with K given, [S, rows, K], targets [rows, K], all in original units → [rows, K]
 * @param noise F, N(0, 1) where there is none
 * @throws RangeError if sizes do not fit or a scale is negative
 */
export function mixturePit(
  draws: ArrayLike<number>,
  noiseScale: ArrayLike<number>,
  targets: ArrayLike<number>,
  noise: StandardDistribution = standardNormal,
  K = noiseScale.length,
): Float64Array {
  const S = drawsOf('mixturePit', draws, noiseScale, targets, K);
  const common = noiseScale.length === K;
  for (let i = 0; i < noiseScale.length; i++) {
    if (noiseScale[i] >= 0 && noiseScale[i] < Infinity) continue;
    throw new RangeError(
      `mixturePit: expected a noise scale of 0 or more, got ${noiseScale[i]} — pass standard deviations`,
    );
  }
  const pit = new Float64Array(targets.length);
  for (let i = 0; i < targets.length; i++) {
    let sum = 0;
    for (let s = 0; s < S; s++) {
      const at = s * targets.length + i;
      const distance = targets[i] - draws[at];
      sum += distance === 0 ? 0.5 : noise.cdf(distance / noiseScale[common ? i % K : at]);
    }
    pit[i] = sum / S;
  }
  return pit;
}

/** Share of targets inside the central predictive interval of a level. */
export interface CoveragePoint {
  readonly level: number;
  readonly observed: number;
}

/**
 * observed(level) = share of rows with |pit − ½| ≤ level / 2, for each level: the diagonal if calibrated, below it if overconfident.
 * Kuleshov, Fenner & Ermon 2018, §3, for central intervals.
 * @throws RangeError on no values, a pit or a level outside [0, 1]
 */
export function coverageCurve(
  pit: ArrayLike<number>,
  levels: readonly number[] = COVERAGE_LEVELS,
): CoveragePoint[] {
  if (pit.length === 0) {
    throw new RangeError('coverageCurve: expected at least one value, got none — is the data set empty?');
  }
  const distances = Float64Array.from(pit, (value, r) => {
    if (value >= 0 && value <= 1) return 2 * Math.abs(value - 0.5);
    throw new RangeError(
      `coverageCurve: expected CDF values from 0 to 1, got ${value} in row ${r} — pass mixturePit's result`,
    );
  }).sort();
  return levels.map((level) => {
    if (!(level >= 0 && level <= 1)) {
      throw new RangeError(
        `coverageCurve: expected levels from 0 to 1, got ${level} — .9 is a 90 % interval`,
      );
    }
    let inside = 0;
    while (inside < distances.length && distances[inside] <= level) inside++;
    return { level, observed: inside / distances.length };
  });
}
