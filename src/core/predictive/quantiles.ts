// Quantiles of a predictive distribution: S draws of the mean plus the likelihood's noise, an equal-weight mixture of distributions of one
// shape, of one scale or (draws of several members) of several.

import { type StandardDistribution, standardNormal } from './standardDistribution.ts';

/** The search ends with a bracket or a Newton step this small, in units of the smallest noise scale; Newton's error is the step's square. */
const BRACKET = 1e-10;
const NEWTON_STEP = 1e-8;
const MAX_STEPS = 200;

/**
 * Fills out[l] with the quantile at levels[l] of 1/S·Σ_s F((x − draws[s]) / noiseScale_s), to 1e-6 of the smallest noise scale or better.
 *
 * The quantile lies between those of the lowest and the highest component; Newton's method inside that bracket, bisection
 * where Newton would leave it. With noiseScale 0: quantiles of the draws themselves, linear between order statistics
 * (type 7 of Hyndman & Fan 1996). Results never decrease with the level, whatever the order of `levels`. Level 0 and 1 give
 * ∓∞ with noise, the extreme draws without. Takes 2S doubles of scratch.
 * @param noiseScale one for all draws, or one for each: then all positive or all 0
 * @param noise F, N(0, 1) where there is none
 * @throws RangeError on no draws, a draw that is not finite, a negative scale or a level outside [0, 1]
 */
export function mixtureQuantiles(
  out: Float64Array | Float32Array,
  levels: ArrayLike<number>,
  draws: ArrayLike<number>,
  noiseScale: number | ArrayLike<number>,
  noise: StandardDistribution = standardNormal,
): void {
  const S = draws.length;
  if (S === 0)
    throw new RangeError('mixtureQuantiles: expected at least one draw, got none — ask for draws ≥ 1');
  // Sorting also makes the result independent of the order of draws.
  const { sorted, scales, smallest } = components(draws, noiseScale);
  if (!(sorted[0] > -Infinity && sorted[S - 1] < Infinity)) {
    throw new RangeError('mixtureQuantiles: expected finite draws, got NaN or ∞ — did training diverge?');
  }
  const order = Array.from(levels, (_, l) => l).sort((a, b) => levels[a] - levels[b]);
  let floor = -Infinity;
  for (const l of order) {
    const level = levels[l];
    if (!(level >= 0 && level <= 1)) {
      throw new RangeError(
        `mixtureQuantiles: expected levels from 0 to 1, got ${level} — .05 is the 5 % quantile`,
      );
    }
    const quantile =
      smallest === 0 ? empirical(sorted, level) : solve(sorted, scales, smallest, level, noise);
    floor = Math.max(floor, quantile);
    out[l] = floor;
  }
}

/** Draws in rising order, each with its scale. */
function components(draws: ArrayLike<number>, noiseScale: number | ArrayLike<number>) {
  const scales =
    typeof noiseScale === 'number'
      ? new Float64Array(draws.length).fill(noiseScale)
      : Float64Array.from(noiseScale);
  if (scales.length !== draws.length) {
    throw new RangeError(
      `mixtureQuantiles: expected ${draws.length} noise scales like draws, got ${scales.length} — give one for each`,
    );
  }
  for (const scale of scales) {
    if (!(scale >= 0 && scale < Infinity)) {
      throw new RangeError(
        `mixtureQuantiles: expected a noise scale of 0 or more, got ${scale} — pass a standard deviation`,
      );
    }
  }
  const smallest = scales.reduce((a, b) => Math.min(a, b));
  if (smallest === 0 && scales.some((scale) => scale > 0)) {
    throw new RangeError(
      'mixtureQuantiles: expected noise scales that are all 0 or all above, got both — pass standard deviations',
    );
  }
  if (scales.every((scale) => scale === smallest))
    return { sorted: Float64Array.from(draws).sort(), scales, smallest };
  const order = Array.from(scales.keys()).sort((a, b) => draws[a] - draws[b] || scales[a] - scales[b]);
  return {
    sorted: Float64Array.from(order, (s) => draws[s]),
    scales: Float64Array.from(order, (s) => scales[s]),
    smallest,
  };
}

function empirical(sorted: Float64Array, level: number): number {
  const position = (sorted.length - 1) * level;
  const below = Math.floor(position);
  if (below + 1 >= sorted.length) return sorted[sorted.length - 1];
  return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

/** @param unit the smallest scale: what steps and densities are measured in */
function solve(
  sorted: Float64Array,
  scales: Float64Array,
  unit: number,
  level: number,
  noise: StandardDistribution,
): number {
  if (level === 0) return -Infinity;
  if (level === 1) return Infinity;
  const S = sorted.length;
  const z = noise.quantile(level);
  let lower = Infinity;
  let upper = -Infinity;
  // Start at the quantile of the Gaussian with the mixture's mean and variance, which is near unless the draws are few and far.
  let mean = 0;
  let variance = unit * unit;
  for (let s = 0; s < S; s++) {
    lower = Math.min(lower, sorted[s] + z * scales[s]);
    upper = Math.max(upper, sorted[s] + z * scales[s]);
    mean += sorted[s] / S;
    variance += (scales[s] * scales[s] - unit * unit) / S;
  }
  if (lower === upper) return lower; // one component
  for (let s = 0; s < S; s++) variance += ((sorted[s] - mean) * (sorted[s] - mean)) / S;
  let x = Math.min(upper, Math.max(lower, mean + z * Math.sqrt(variance)));
  for (let step = 0; step < MAX_STEPS && upper - lower > BRACKET * unit; step++) {
    let cdf = 0;
    let density = 0;
    for (let s = 0; s < S; s++) {
      const u = (x - sorted[s]) / scales[s];
      cdf += noise.cdf(u);
      density += noise.pdf(u) * (unit / scales[s]);
    }
    const excess = cdf / S - level;
    if (excess === 0) return x;
    if (excess > 0) upper = x;
    else lower = x;
    const move = (excess * S * unit) / density; // ∞ where the density underflows: bisect there
    const next = x - move;
    if (!(next > lower && next < upper)) {
      const middle = 0.5 * (lower + upper);
      if (middle === x) return x; // neighbors: scale is tiny beside the draws
      x = middle;
    } else if (Math.abs(move) <= NEWTON_STEP * unit) return next;
    else x = next;
  }
  return x;
}
