// Calibration in bins of equally many rows instead of equal width, so that no bin is nearly empty and none hides most of the rows.

import { checkLabels, checkLength, rowsOf } from '../metrics/checks.ts';
import { topClass } from '../metrics/classification.ts';

/**
 * Σ_bins (count / rows)·|accuracy − confidence| over `bins` bins of equally many rows (to one), in the order of the top class's probability,
 * equal ones in the order of rows; in [0, 1]. Nguyen & O'Connor 2015; for the top class as Guo et al. 2017, eq. 3.
 * @param probabilities [rows, classes] @param labels [rows]
 * @throws RangeError if sizes do not fit or a label is out of range
 */
export function adaptiveCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  bins = 15,
): number {
  const where = 'adaptiveCalibrationError';
  if (!Number.isInteger(bins) || bins < 1) {
    throw new RangeError(
      `${where}: expected a positive number of bins, got ${bins} — 15 is the usual choice`,
    );
  }
  const rows = rowsOf(where, probabilities, classes);
  checkLength(where, 'labels', labels, rows);
  checkLabels(where, labels, classes);
  const top = Array.from({ length: rows }, (_, r) => topClass(probabilities, r, classes));
  const confidence = top.map((k, r) => probabilities[r * classes + k]);
  const order = Array.from(top.keys()).sort((a, b) => confidence[a] - confidence[b] || a - b);
  let sum = 0;
  for (let b = 0; b < bins; b++) {
    let apart = 0;
    for (const r of order.slice(Math.floor((rows * b) / bins), Math.floor((rows * (b + 1)) / bins)))
      apart += (top[r] === labels[r] ? 1 : 0) - confidence[r];
    sum += Math.abs(apart);
  }
  return sum / rows;
}
