// Whether observed coverage differs from its level by more than chance, in words.

import { exp, log, logSumExp } from '../../math/float64.ts';

/** A calibrated model is warned about less than once in this many evaluations. */
const ODDS = 20;

/**
 * Probability that a calibrated model's intervals hold a share of the rows as far from the level as this, on the same side, twofold:
 * p = 2·min(P(X ≤ n·observed), P(X ≥ n·observed)), X ~ Binomial(n, level); at most 1. Rows are taken as independent.
 * @throws RangeError where n is no count or a share is outside [0, 1]
 */
export function coverageChance(observed: number, n: number, level: number): number {
  if (!(Number.isSafeInteger(n) && n > 0 && observed >= 0 && observed <= 1 && level > 0 && level < 1)) {
    throw new RangeError(
      `coverageChance: expected a share of 1 row or more and a level between 0 and 1, got ${observed} of ${n} at ${level} — check the evaluation`,
    );
  }
  const held = Math.round(observed * n);
  const few = held <= n * level;
  // The tail of the misses is that of the hits, mirrored.
  const tail = few ? lowerTail(held, n, level) : lowerTail(n - held, n, 1 - level);
  return Math.min(1, 2 * tail);
}

/** P(X ≤ k), X ~ Binomial(n, p), for k at or below the mean: terms from k downwards, each a fraction of the one before. */
function lowerTail(k: number, n: number, p: number): number {
  let logTerm = n * log(1 - p);
  for (let j = 0; j < k; j++) logTerm += log(((n - j) * p) / ((j + 1) * (1 - p)));
  const first = logTerm;
  const ratios: number[] = [0];
  for (let j = k; j > 0 && logTerm > first - 40; j--) {
    logTerm -= log(((n - j + 1) * p) / (j * (1 - p)));
    ratios.push(logTerm - first);
  }
  return exp(first + logSumExp(ratios));
}

/** What is wrong with a coverage, with what to do; null where chance explains it. `rows` says which: `test rows`. */
export function coverageWarning(observed: number, n: number, level: number, rows: string): string | null {
  const p = coverageChance(observed, n, level);
  if (p >= 1 / ODDS) return null;
  const few = observed < level;
  const chance = p < 1e-6 ? 'p < 1e-6' : `p = ${Number(p.toPrecision(1))}`;
  const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
  const next = few
    ? 'they are too narrow: train an ensemble (ensemble: { members: 5 }) or longer, and do not rely on them as they are'
    : 'they are too wide: train longer, or use a smaller network or more rows';
  return `the ${percent(level)} intervals hold ${percent(observed)} of ${n} ${rows}, too ${few ? 'few' : 'many'} for chance (${chance}) — ${next}`;
}
