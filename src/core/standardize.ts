// Columns to zero mean and unit standard deviation and back, learned from training rows only.

import type { Matrix } from './matrix.ts';
import type { Standardization } from './posterior.ts';

/**
 * loc = mean and scale = standard deviation (divisor N) of each column, in float64, rows in order; a constant column gets scale 1.
 */
export function learnStandardization(matrix: Matrix): Standardization {
  const { data, rows, columns } = matrix;
  const loc = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) loc[c] += data[r * columns + c];
  for (let c = 0; c < columns; c++) loc[c] /= rows;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const deviation = data[r * columns + c] - loc[c];
      scale[c] += deviation * deviation;
    }
  }
  for (let c = 0; c < columns; c++) scale[c] = Math.sqrt(scale[c] / rows) || 1;
  return { loc, scale };
}

/** out = (x − loc) / scale, row-major; a plain copy where `by` is null. out may be x. */
export function standardizeInto(
  out: Float32Array,
  x: Float32Array,
  columns: number,
  by: Standardization | null,
): void {
  if (by === null) {
    if (out !== x) out.set(x);
    return;
  }
  for (let i = 0, c = 0; i < x.length; i++) {
    out[i] = (x[i] - by.loc[c]) / by.scale[c];
    if (++c === columns) c = 0;
  }
}
