// One number for an interval: its width, and what targets outside of it cost.

import { checkLength } from './checks.ts';

/**
 * Interval score of each target for the central interval of a level, in target units (lower is better):
 * (upper − lower) + 2/α·(lower − y)⁺ + 2/α·(y − upper)⁺, α = 1 − level. Gneiting & Raftery 2007, eq. 43; proper: the true quantiles are best.
 * @throws RangeError if sizes do not fit, the level is outside (0, 1) or an interval ends before it begins
 */
export function intervalScore(
  lower: ArrayLike<number>,
  upper: ArrayLike<number>,
  targets: ArrayLike<number>,
  level = 0.9,
): Float64Array {
  const where = 'intervalScore';
  if (!(level > 0 && level < 1)) {
    throw new RangeError(`${where}: expected a level between 0 and 1, got ${level} — .9 is a 90 % interval`);
  }
  checkLength(where, 'lower ends', lower, targets.length);
  checkLength(where, 'upper ends', upper, targets.length);
  return Float64Array.from(targets, (y, i) => {
    const width = upper[i] - lower[i];
    if (!(width >= 0)) {
      throw new RangeError(
        `${where}: expected an interval, got ${lower[i]} to ${upper[i]} in row ${i} — pass the lower quantile first`,
      );
    }
    return width + (2 / (1 - level)) * (Math.max(0, lower[i] - y) + Math.max(0, y - upper[i]));
  });
}
