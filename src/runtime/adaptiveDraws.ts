// Draws until the mean is exact enough: min, 2·min, 4·min … up to max, for each row by itself. The number depends on the row
// and the posterior alone, and the answer is that of the same number of draws asked for outright.

import { MAX_DRAWS } from '../core/limits.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { PredictionRows } from '../core/predictive/predictionRows.ts';
import { mismatch } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import { count, positive, section } from '../options/fields.ts';
import { isEarlier } from '../random/earlierEpochs.ts';

export interface AdaptiveDraws {
  /** Largest Monte Carlo standard error of any output's mean, in the data's units (of classes: of any probability). */
  readonly tolerance: number;
  /** Draws that every row takes; default 32. */
  readonly min?: number;
  /** Draws after which a row is done in any case; default 4096. */
  readonly max?: number;
}

const schema = section({
  tolerance: positive('Monte Carlo error of the means at most.'),
  min: count('Draws of every row.', MAX_DRAWS).default(32),
  max: count('Draws of a row at most.', MAX_DRAWS).default(4096),
});

/** @throws TypeError or RangeError that names the option */
export function readAdaptive(where: string, given: unknown, members: number): Required<AdaptiveDraws> {
  const at = `${where}: draws`;
  const { tolerance, min, max } = checkOptions(at, schema, given);
  // An error is estimated from two draws at least, of every member.
  const least = 2 * members;
  if (min < least) throw new RangeError(mismatch(`${at}: min`, `at least ${least}`, `${min}`, 'raise it'));
  if (max < min)
    throw new RangeError(mismatch(`${at}: max`, `at least min, ${min}`, `${max}`, 'raise it, or lower min'));
  return { tolerance, min, max };
}

/** Numbers of draws after which the error is compared with the tolerance. */
export function drawSteps(min: number, max: number): number[] {
  const steps: number[] = [];
  for (let n = min; n < max; n *= 2) steps.push(n);
  return [...steps, max];
}

/** Whether a row's bits do not depend on its number in the table. */
export function rowsAreAlike(posterior: AnyPosterior, mode: PredictionMode): boolean {
  return mode !== 'marginal' || membersOf(posterior).every(({ kernelEpoch }) => !isEarlier(kernelEpoch));
}

/**
 * The prediction of every row by the first number of draws that reaches the tolerance: sqrt(epistemic / (draws − 1)) ≤ tolerance for every output. Of an
 * ensemble, whose draws go over its members in turn, that is an upper bound.
 * @param alike whether rows may be predicted apart from each other; else all are, every time
 * @param predict by a fixed number of draws
 */
export async function untilTolerance(
  x: Matrix,
  { tolerance, min, max }: Required<AdaptiveDraws>,
  alike: boolean,
  predict: (x: Matrix, draws: number) => Promise<Prediction>,
): Promise<Prediction> {
  const result = new PredictionRows(x.rows);
  const rowDraws = new Int32Array(x.rows);
  let open = Int32Array.from({ length: x.rows }, (_, row) => row);
  for (const draws of drawSteps(min, max)) {
    const part = await predict(alike ? rowsAt(x, open) : x, draws);
    const place = (n: number) => (alike ? n : open[n]);
    const done = open.map((_, n) => Number(draws === max || errorOf(part, place(n), draws) <= tolerance));
    for (const [n, row] of open.entries()) {
      if (done[n] === 0) continue;
      result.set(row, part, place(n));
      rowDraws[row] = draws;
    }
    open = open.filter((_, n) => done[n] === 0);
    if (open.length === 0) break;
  }
  const most = rowDraws.reduce((a, b) => Math.max(a, b), 0);
  return { ...result.prediction(), draws: most, rowDraws };
}

/** The largest Monte Carlo error among the means of a row. */
function errorOf({ epistemic, outputs }: Prediction, row: number, draws: number): number {
  let largest = 0;
  for (let k = 0; k < outputs; k++) largest = Math.max(largest, epistemic[row * outputs + k]);
  return Math.sqrt(largest / (draws - 1));
}

function rowsAt(x: Matrix, rows: Int32Array): Matrix {
  if (rows.length === x.rows) return x;
  const { columns } = x;
  const Numbers = x.data instanceof Float32Array ? Float32Array : Float64Array;
  const data = new Numbers(rows.length * columns);
  for (const [n, row] of rows.entries())
    data.set(x.data.subarray(row * columns, (row + 1) * columns), n * columns);
  return { data, rows: rows.length, columns };
}
