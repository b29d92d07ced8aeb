// Quantiles of a predictive distribution: S draws of the mean plus the likelihood's noise, an equal-weight mixture of Gaussians.

import { normalCdf, normalPdf, normalQuantile } from '../float64.ts';

/** The search ends with a bracket or a Newton step this small, in units of the noise scale; Newton's error is the step's square. */
const BRACKET = 1e-10;
const NEWTON_STEP = 1e-8;
const MAX_STEPS = 200;

/**
 * Fills out[l] with the quantile at levels[l] of 1/S·Σ_s N(draws[s], noiseScale²), to 1e-6·noiseScale or better.
 *
 * The quantile lies between those of the lowest and the highest component; Newton's method inside that bracket, bisection
 * where Newton would leave it. With noiseScale 0: quantiles of the draws themselves, linear between order statistics
 * (type 7 of Hyndman & Fan 1996). Results never decrease with the level, whatever the order of `levels`. Level 0 and 1 give
 * ∓∞ with noise, the extreme draws without. Takes S doubles of scratch.
 * @throws RangeError on no draws, a draw that is not finite, a negative scale or a level outside [0, 1]
 */
export function mixtureQuantiles(
  out: Float64Array | Float32Array,
  levels: ArrayLike<number>,
  draws: ArrayLike<number>,
  noiseScale: number,
): void {
  const S = draws.length;
  if (S === 0)
    throw new RangeError('mixtureQuantiles: expected at least one draw, got none — ask for draws ≥ 1');
  if (!(noiseScale >= 0 && noiseScale < Infinity)) {
    throw new RangeError(
      `mixtureQuantiles: expected a noise scale of 0 or more, got ${noiseScale} — pass a standard deviation`,
    );
  }
  const sorted = Float64Array.from(draws).sort(); // sorting also makes the result independent of the order of draws
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
    floor = Math.max(floor, noiseScale === 0 ? empirical(sorted, level) : solve(sorted, level, noiseScale));
    out[l] = floor;
  }
}

function empirical(sorted: Float64Array, level: number): number {
  const position = (sorted.length - 1) * level;
  const below = Math.floor(position);
  if (below + 1 >= sorted.length) return sorted[sorted.length - 1];
  return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

function solve(sorted: Float64Array, level: number, scale: number): number {
  if (level === 0) return -Infinity;
  if (level === 1) return Infinity;
  const S = sorted.length;
  const z = normalQuantile(level);
  let lower = sorted[0] + z * scale;
  let upper = sorted[S - 1] + z * scale;
  if (lower === upper) return lower; // one Gaussian
  // Start at the quantile of the Gaussian with the mixture's mean and variance, which is near unless the draws are few and far.
  let mean = 0;
  for (let s = 0; s < S; s++) mean += sorted[s] / S;
  let variance = scale * scale;
  for (let s = 0; s < S; s++) variance += ((sorted[s] - mean) * (sorted[s] - mean)) / S;
  let x = Math.min(upper, Math.max(lower, mean + z * Math.sqrt(variance)));
  for (let step = 0; step < MAX_STEPS && upper - lower > BRACKET * scale; step++) {
    let cdf = 0;
    let density = 0;
    for (let s = 0; s < S; s++) {
      const u = (x - sorted[s]) / scale;
      cdf += normalCdf(u);
      density += normalPdf(u);
    }
    const excess = cdf / S - level;
    if (excess === 0) return x;
    if (excess > 0) upper = x;
    else lower = x;
    const move = (excess * S * scale) / density; // ∞ where the density underflows: bisect there
    const next = x - move;
    if (!(next > lower && next < upper)) {
      const middle = 0.5 * (lower + upper);
      if (middle === x) return x; // neighbors: scale is tiny beside the draws
      x = middle;
    } else if (Math.abs(move) <= NEWTON_STEP * scale) return next;
    else x = next;
  }
  return x;
}
