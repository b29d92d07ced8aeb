// How well a score (entropy, mutual information) ranks one group of rows above another, whatever the threshold.

/**
 * Area under the ROC curve = P(positive score > negative score) + ½·P(equal), in [0, 1]; ½ is chance.
 *
 * Mann–Whitney: (Σ ranks of positives − n₊(n₊ + 1)/2) / (n₊·n₋), equal scores sharing the mean of their ranks.
 * Ranks are sums of halves, so the result is exact up to the last division. O(n log n).
 * @throws RangeError if a group is empty or a score is NaN
 */
export function auroc(scoresPositive: ArrayLike<number>, scoresNegative: ArrayLike<number>): number {
  const positive = checkedScores('auroc', scoresPositive, 'positive');
  const negative = checkedScores('auroc', scoresNegative, 'negative');
  let below = 0; // negatives < the current score
  let through = 0; // negatives ≤ the current score
  let twiceWins = 0;
  for (const score of positive) {
    while (below < negative.length && negative[below] < score) below++;
    while (through < negative.length && negative[through] <= score) through++;
    twiceWins += below + through;
  }
  return twiceWins / 2 / (positive.length * negative.length);
}

/** Scores of a group in rising order. @throws RangeError if there are none or one is NaN */
export function checkedScores(where: string, scores: ArrayLike<number>, group: string): Float64Array {
  if (scores.length === 0) {
    throw new RangeError(`${where}: expected ${group} scores, got none — both groups need at least one row`);
  }
  const copy = Float64Array.from(scores);
  const bad = copy.findIndex(Number.isNaN);
  if (bad >= 0)
    throw new RangeError(`${where}: expected numbers, got NaN in ${group} score ${bad} — check the scores`);
  return copy.sort();
}
