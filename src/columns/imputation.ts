// The value that stands in for missing cells, learned on the training rows in float64: mean, median or the most frequent one.

import { type MissingCells, type RawColumn, Refused, type Treatment } from './column.ts';

/** Options about missing cells that columns of numbers share. */
export interface FillOptions {
  readonly missing?: Treatment | undefined;
  readonly indicator?: boolean | undefined;
}

/** What columns of numbers have learned about missing cells. */
export interface Fill {
  /** What stands in for a missing cell; null where missing cells are refused. */
  readonly fill: number | null;
  /** Whether a further feature is 1 where the cell is missing, else 0. */
  readonly indicator: boolean;
}

/** Learns what stands in for missing numbers; the indicator is only made where training rows have missing cells. */
export function learnFill(
  { values }: RawColumn,
  rows: ArrayLike<number>,
  { missing, indicator }: FillOptions,
  general: MissingCells,
): Fill {
  const treatment = missing ?? general.treatment;
  const present: number[] = [];
  for (let i = 0; i < rows.length; i++) {
    const value = values[rows[i]];
    if (!Number.isNaN(value)) present.push(value);
  }
  if (present.length === 0)
    throw new Refused(
      'at least 1 value in the training rows',
      'missing cells alone',
      'leave the column out with data.features',
    );
  const summary = SUMMARIES[treatment];
  if (summary === undefined) return { fill: null, indicator: false };
  // Adding 0 makes 0 of −0, which JSON does not tell apart.
  const fill = summary(Float64Array.from(present)) + 0;
  return { fill, indicator: (indicator ?? general.indicator) && present.length < rows.length };
}

/** A statistic of a list of numbers that is not empty, by the name of the treatment. */
const SUMMARIES: Readonly<Partial<Record<Treatment, (values: Float64Array) => number>>> = {
  mean,
  median,
  mostFrequent: (values) => mostFrequent(values.sort()),
};

/** Of what is left of the first value, so that a large offset costs no digits. */
function mean(values: Float64Array): number {
  const first = values[0];
  let sum = 0;
  for (const value of values) sum += (value - first) / values.length;
  return first + sum;
}

function median(values: Float64Array): number {
  values.sort();
  const half = values.length >> 1;
  if (values.length % 2 === 1) return values[half];
  return values[half - 1] / 2 + values[half] / 2;
}

/** Of values in order; the first of equals. */
function mostFrequent(sorted: Float64Array): number {
  let [best, most] = [sorted[0], 0];
  for (let from = 0, to = 0; from < sorted.length; from = to) {
    while (to < sorted.length && sorted[to] === sorted[from]) to++;
    if (to - from > most) [best, most] = [sorted[from], to - from];
  }
  return best;
}
