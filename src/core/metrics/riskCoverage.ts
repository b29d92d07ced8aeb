// How far the mean loss falls when the rows that the model is least sure of are left out.

import { checkLength } from './checks.ts';

/** Mean loss of the `coverage` share of rows that are surest. */
export interface RiskCoveragePoint {
  readonly coverage: number;
  readonly risk: number;
}

/**
 * Risk-coverage curve, one point a group of equally unsure rows, from the surest, and its area: the mean over rows of the risk at their
 * coverage, which is 0 for a perfect ranking of a perfect model and the plain mean loss for no ranking (Geifman & El-Yaniv 2017).
 * @param uncertainty such as an entropy or a variance, [rows] @param losses such as 0 and 1 for right and wrong, [rows]
 * @throws RangeError if sizes do not fit or a number is NaN
 */
export function riskCoverage(
  uncertainty: ArrayLike<number>,
  losses: ArrayLike<number>,
): { readonly curve: RiskCoveragePoint[]; readonly area: number } {
  const where = 'riskCoverage';
  const rows = uncertainty.length;
  checkLength(where, 'losses', losses, rows);
  for (const [name, values] of [
    ['uncertainty', uncertainty],
    ['losses', losses],
  ] as const) {
    const bad = Array.prototype.findIndex.call(values, Number.isNaN);
    if (bad >= 0)
      throw new RangeError(`${where}: expected numbers, got NaN in ${name} of row ${bad} — check the scores`);
  }
  const order = Array.from({ length: rows }, (_, r) => r).sort((a, b) => uncertainty[a] - uncertainty[b]);
  const curve: RiskCoveragePoint[] = [];
  let [sum, area] = [0, 0];
  for (let first = 0; first < rows; ) {
    let last = first;
    while (last < rows && uncertainty[order[last]] === uncertainty[order[first]])
      sum += losses[order[last++]];
    area += ((last - first) * (sum / last)) / rows;
    curve.push({ coverage: last / rows, risk: sum / last });
    first = last;
  }
  return { curve, area };
}
