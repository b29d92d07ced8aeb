// Rows of a prediction: a part of one, and one put together from parts. Every array of a prediction has its numbers row by row.

import type { Prediction } from './prediction.ts';

type Numbers = Float32Array | Float64Array;

function isNumbers(value: unknown): value is Numbers {
  return value instanceof Float64Array || value instanceof Float32Array;
}

/** The prediction with `change` made to each of its arrays. */
function mapArrays(prediction: Prediction, rows: number, change: (values: Numbers) => Numbers): Prediction {
  const entries = Object.entries(prediction).map(([name, value]) => [
    name,
    isNumbers(value) ? change(value) : value,
  ]);
  const quantiles =
    prediction.quantiles?.map(({ level, values }) => ({ level, values: change(values) as Float64Array })) ??
    null;
  return { ...(Object.fromEntries(entries) as unknown as Prediction), rows, quantiles };
}

/** Rows first … first + rows − 1, in memory of the whole. */
export function rowsOf(prediction: Prediction, first: number, rows: number): Prediction {
  if (first === 0 && rows === prediction.rows) return prediction;
  return mapArrays(prediction, rows, (values) => {
    const each = values.length / prediction.rows;
    return values.subarray(first * each, (first + rows) * each);
  });
}

/** A prediction of `rows` rows whose rows arrive in parts. */
export class PredictionParts {
  #whole: Prediction | null = null;
  #missing: number;

  constructor(readonly rows: number) {
    this.#missing = rows;
  }

  /** Takes over the rows from `at` on; the part's memory is not kept, unless it is all. @returns the whole once it is there */
  add(at: number, part: Prediction): Prediction | null {
    this.#missing -= part.rows;
    if (part.rows === this.rows) return part;
    this.#whole ??= mapArrays(part, this.rows, (values) => {
      const each = values.length / part.rows;
      return values instanceof Float32Array
        ? new Float32Array(each * this.rows)
        : new Float64Array(each * this.rows);
    });
    const whole = this.#whole;
    const copy = (from: Numbers, to: Numbers) => to.set(from, at * (from.length / part.rows));
    for (const [name, values] of Object.entries(part))
      if (isNumbers(values)) copy(values, (whole as unknown as Record<string, Numbers>)[name]);
    for (const [q, { values }] of (part.quantiles ?? []).entries()) copy(values, whole.quantiles![q].values);
    return this.#missing === 0 ? whole : null;
  }
}
