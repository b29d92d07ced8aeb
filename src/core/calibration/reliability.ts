// The reliability table of a classifier: confidence against accuracy in equal-width bins (Guo et al. 2017, §2).

import { checkLabels, checkLength, rowsOf } from '../metrics/checks.ts';
import { topClass } from '../metrics/classification.ts';

/** Rows whose top probability lies in (lower, upper]; confidence and accuracy are NaN where count is 0. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean top probability. */
  readonly confidence: number;
  /** Share of rows whose top class is the label. */
  readonly accuracy: number;
}

/**
 * One entry per bin, empty ones included. probabilities [rows, classes], labels [rows].
 * @throws RangeError if sizes do not fit, a label is out of range or a top probability is outside [0, 1 + 1e-5]
 */
export function reliability(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  bins = 15,
): ReliabilityBin[] {
  const where = 'reliability';
  if (!Number.isInteger(bins) || bins < 1) {
    throw new RangeError(
      `${where}: expected a positive number of bins, got ${bins} — 15 is the usual choice`,
    );
  }
  checkLength(where, 'labels', labels, rowsOf(where, probabilities, classes));
  checkLabels(where, labels, classes);
  const counts = new Float64Array(bins);
  const confidences = new Float64Array(bins);
  const hits = new Float64Array(bins);
  for (let r = 0; r < labels.length; r++) {
    const top = topClass(probabilities, r, classes);
    const confidence = probabilities[r * classes + top];
    // float32 softmax sums may pass 1 by a few roundings; anything more is not a probability.
    if (!(confidence >= 0 && confidence <= 1 + 1e-5)) {
      throw new RangeError(
        `${where}: expected probabilities from 0 to 1, got ${confidence} in row ${r} — pass probabilities, not logits`,
      );
    }
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    counts[bin]++;
    confidences[bin] += confidence;
    if (top === labels[r]) hits[bin]++;
  }
  return Array.from(counts, (count, b) => ({
    lower: b / bins,
    upper: (b + 1) / bins,
    count,
    confidence: confidences[b] / count,
    accuracy: hits[b] / count,
  }));
}
