// One number for how far confidence is from accuracy; the table it is made from is calibration/reliability.ts.

import { reliability } from './reliability.ts';

/**
 * Expected calibration error Σ_bins (count / rows)·|accuracy − confidence| over equal-width bins of the top class's
 * probability, in [0, 1]. Guo, Pleiss, Sun & Weinberger 2017, eq. 3, with their 15 bins.
 * @throws RangeError if sizes do not fit or a label is out of range
 */
export function expectedCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  bins = 15,
): number {
  let sum = 0;
  for (const bin of reliability(probabilities, labels, classes, bins)) {
    if (bin.count > 0) sum += bin.count * Math.abs(bin.accuracy - bin.confidence);
  }
  return sum / labels.length;
}
