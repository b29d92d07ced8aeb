// Rows of a prediction: a part of one, and one put together from rows of others. Every array of a prediction has its numbers row by row.

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

/** A prediction of `rows` rows that is filled from others of the same posterior and settings. */
export class PredictionRows {
  #whole: Prediction | null = null;

  constructor(readonly rows: number) {}

  /** Copies `count` rows of `from`, from its row `first` on, to rows `at` … */
  set(at: number, from: Prediction, first = 0, count = 1): void {
    this.#whole ??= mapArrays(from, this.rows, (values) => {
      const size = (values.length / from.rows) * this.rows;
      return values instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
    });
    const whole = this.#whole;
    const copy = (to: Numbers, values: Numbers) => {
      const each = values.length / from.rows;
      to.set(values.subarray(first * each, (first + count) * each), at * each);
    };
    for (const [name, values] of Object.entries(from))
      if (isNumbers(values)) copy((whole as unknown as Record<string, Numbers>)[name], values);
    for (const [q, { values }] of (from.quantiles ?? []).entries()) copy(whole.quantiles![q].values, values);
  }

  /** What was filled; all of it should have been. */
  prediction(): Prediction {
    return this.#whole as Prediction;
  }
}

/** A prediction whose rows arrive in parts. */
export class PredictionParts {
  readonly #filled: PredictionRows;
  #missing: number;

  constructor(readonly rows: number) {
    this.#filled = new PredictionRows(rows);
    this.#missing = rows;
  }

  /** Takes over the rows from `at` on; the part's memory is not kept, unless it is all. @returns the whole once it is there */
  add(at: number, part: Prediction): Prediction | null {
    this.#missing -= part.rows;
    if (part.rows === this.rows) return part;
    this.#filled.set(at, part, 0, part.rows);
    return this.#missing === 0 ? this.#filled.prediction() : null;
  }
}
