// How well a score tells one group of rows (strangers, errors) from another, beside auroc.ts: precision over recall, and false alarms.

import { checkedScores } from './auroc.ts';

/** Groups of equal scores, from the highest: how many of each group have it or more. */
function* fromAbove(positive: Float64Array, negative: Float64Array) {
  let [p, n] = [positive.length, negative.length];
  while (p > 0 || n > 0) {
    const score = Math.max(p > 0 ? positive[p - 1] : -Infinity, n > 0 ? negative[n - 1] : -Infinity);
    while (p > 0 && positive[p - 1] === score) p--;
    while (n > 0 && negative[n - 1] === score) n--;
    yield { hits: positive.length - p, alarms: negative.length - n };
  }
}

/**
 * Area under the precision-recall curve as average precision, Σ (recall_i − recall_{i−1})·precision_i over thresholds from the highest, equal
 * scores as one threshold: no interpolation, which would be too good (Davis & Goadrich 2006, §4). Chance is the share of positives.
 * @throws RangeError if a group is empty or a score is NaN
 */
export function aupr(scoresPositive: ArrayLike<number>, scoresNegative: ArrayLike<number>): number {
  const positive = checkedScores('aupr', scoresPositive, 'positive');
  const negative = checkedScores('aupr', scoresNegative, 'negative');
  let area = 0;
  let before = 0;
  for (const { hits, alarms } of fromAbove(positive, negative)) {
    if (hits > before) area += ((hits - before) / positive.length) * (hits / (hits + alarms));
    before = hits;
  }
  return area;
}

/**
 * Share of negatives above the highest threshold at which at least `recall` of the positives are: 0.95 gives FPR95 (Hendrycks & Gimpel 2017).
 * @throws RangeError if a group is empty, a score is NaN or recall is outside (0, 1]
 */
export function falsePositiveRate(
  scoresPositive: ArrayLike<number>,
  scoresNegative: ArrayLike<number>,
  recall = 0.95,
): number {
  if (!(recall > 0 && recall <= 1)) {
    throw new RangeError(
      `falsePositiveRate: expected a recall above 0 and up to 1, got ${recall} — .95 is the usual one`,
    );
  }
  const positive = checkedScores('falsePositiveRate', scoresPositive, 'positive');
  const negative = checkedScores('falsePositiveRate', scoresNegative, 'negative');
  for (const { hits, alarms } of fromAbove(positive, negative))
    if (hits >= recall * positive.length) return alarms / negative.length;
  return 1;
}
