// Scores of predicted class probabilities [rows, K], which are averages over draws: probabilities are averaged, never logits.

import { log } from '../../math/float64.ts';
import { checkLabels, checkLength, rowsOf } from './checks.ts';

/** 2^−149, the smallest positive float32: a predicted 0 is read as "below what float32 can hold", a loss of 103.28 nats. */
export const PROBABILITY_FLOOR = 1.401298464324817e-45;

/**
 * −log probability of each row's label, in nats; a probability below PROBABILITY_FLOOR counts as PROBABILITY_FLOOR, so that
 * one underflow costs 103.28 nats instead of making the mean infinite. Probabilities are not renormalized.
 * @throws RangeError if sizes do not fit or a label is out of range
 */
export function categoricalNll(
  meanProbabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Float64Array {
  checkTable('categoricalNll', meanProbabilities, labels, classes);
  const nll = new Float64Array(labels.length);
  for (let r = 0; r < labels.length; r++) {
    const p = meanProbabilities[r * classes + labels[r]];
    nll[r] = p === 1 ? 0 : -log(Math.max(p, PROBABILITY_FLOOR));
  }
  return nll;
}

/**
 * −log probability of each row's K independent 0/1 targets, in nats, Σ_k −log(target ? p : 1 − p), floored like categoricalNll.
 * meanProbabilities, targets [rows, outputs] → [rows]
 */
export function bernoulliNll(
  meanProbabilities: ArrayLike<number>,
  targets: ArrayLike<number>,
  outputs: number,
): Float64Array {
  const rows = rowsOf('bernoulliNll', targets, outputs);
  checkLength('bernoulliNll', 'probabilities', meanProbabilities, targets.length);
  checkLabels('bernoulliNll', targets, 2);
  const nll = new Float64Array(rows);
  for (let i = 0; i < targets.length; i++) {
    const p = targets[i] === 1 ? meanProbabilities[i] : 1 - meanProbabilities[i];
    nll[Math.floor(i / outputs)] -= log(Math.max(p, PROBABILITY_FLOOR));
  }
  return nll;
}

/** Class of the largest probability in row r; the lowest class number wins a tie. */
export function topClass(probabilities: ArrayLike<number>, r: number, classes: number): number {
  let best = 0;
  for (let k = 1; k < classes; k++) {
    if (probabilities[r * classes + k] > probabilities[r * classes + best]) best = k;
  }
  return best;
}

/** Share of rows whose top class is not the label, in [0, 1]. @throws RangeError if sizes do not fit or a label is out of range */
export function errorRate(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number {
  checkTable('errorRate', probabilities, labels, classes);
  let wrong = 0;
  for (let r = 0; r < labels.length; r++) if (topClass(probabilities, r, classes) !== labels[r]) wrong++;
  return wrong / labels.length;
}

/**
 * Brier score of each row, Σ_k (p_k − [k = label])², in [0, 2] (Brier 1950: all classes are summed, none left out).
 * @throws RangeError if sizes do not fit or a label is out of range
 */
export function brier(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Float64Array {
  checkTable('brier', probabilities, labels, classes);
  const scores = new Float64Array(labels.length);
  for (let r = 0; r < labels.length; r++) {
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const error = probabilities[r * classes + k] - (k === labels[r] ? 1 : 0);
      sum += error * error;
    }
    scores[r] = sum;
  }
  return scores;
}

function checkTable(
  where: string,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): void {
  checkLength(where, 'labels', labels, rowsOf(where, probabilities, classes));
  checkLabels(where, labels, classes);
}
