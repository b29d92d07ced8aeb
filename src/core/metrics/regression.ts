// Errors of point predictions and the coverage of intervals: float64, any number of outputs, in the units they are given in.

import { checkLength } from './checks.ts';

/** Root mean squared error √(Σ (mean − target)² / n) over all n values. @throws RangeError on no values or unequal lengths */
export function rmse(mean: ArrayLike<number>, targets: ArrayLike<number>): number {
  checkLength('rmse', 'predictions', mean, targets.length);
  let sum = 0;
  for (let i = 0; i < targets.length; i++) {
    const error = mean[i] - targets[i];
    sum += error * error;
  }
  return Math.sqrt(sum / targets.length);
}

/** Mean absolute error Σ |mean − target| / n over all n values. @throws RangeError on no values or unequal lengths */
export function mae(mean: ArrayLike<number>, targets: ArrayLike<number>): number {
  checkLength('mae', 'predictions', mean, targets.length);
  let sum = 0;
  for (let i = 0; i < targets.length; i++) sum += Math.abs(mean[i] - targets[i]);
  return sum / targets.length;
}

/**
 * Share of targets with lower ≤ target ≤ upper, in [0, 1]; to be compared with the level the interval was made for.
 * @throws RangeError on no values or unequal lengths
 */
export function intervalCoverage(
  lower: ArrayLike<number>,
  upper: ArrayLike<number>,
  targets: ArrayLike<number>,
): number {
  checkLength('intervalCoverage', 'lower bounds', lower, targets.length);
  checkLength('intervalCoverage', 'upper bounds', upper, targets.length);
  let inside = 0;
  for (let i = 0; i < targets.length; i++) if (lower[i] <= targets[i] && targets[i] <= upper[i]) inside++;
  return inside / targets.length;
}
