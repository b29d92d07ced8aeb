// Columns to zero mean and unit standard deviation and back, learned from training rows only: in float64, rounded to float32 once.

import { isEarlier } from '../random/earlierEpochs.ts';
import type { Matrix } from './matrix.ts';
import type { AnyPosterior, Standardization } from './posterior.ts';
import { membersOf } from './posteriors/mixture.ts';

/**
 * loc = mean and scale = standard deviation (divisor N) of each column, in float64, rows in order; a constant column gets its value
 * and scale 1.
 *
 * Sums are of values divided by a power of two near the largest, so that none overflows or underflows, and the mean is corrected by
 * the mean of what it leaves: a large offset costs no digits.
 */
export function learnStandardization(matrix: Matrix): Standardization {
  const { columns } = matrix;
  const loc = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let c = 0; c < columns; c++) [loc[c], scale[c]] = columnMoments(matrix, c);
  return { loc, scale };
}

function columnMoments({ data, rows, columns }: Matrix, c: number): [loc: number, scale: number] {
  let [low, high] = [data[c], data[c]];
  for (let i = c; i < data.length; i += columns) {
    low = Math.min(low, data[i]);
    high = Math.max(high, data[i]);
  }
  if (low === high) return [low, 1];
  const unit = powerOfTwo(Math.max(-low, high));
  const first = columnMean(data, c, columns, rows, unit, 0);
  const mean = first + columnMean(data, c, columns, rows, unit, first);
  let squares = 0;
  for (let i = c; i < data.length; i += columns) {
    const deviation = data[i] / unit - mean;
    squares += deviation * deviation;
  }
  // Below the smallest float64 the scale itself is lost.
  return [mean * unit, Math.sqrt(squares / rows) * unit || 1];
}

/** Mean of data / unit − from. */
function columnMean(
  data: Matrix['data'],
  c: number,
  columns: number,
  rows: number,
  unit: number,
  from: number,
): number {
  let sum = 0;
  for (let i = c; i < data.length; i += columns) sum += data[i] / unit - from;
  return sum / rows;
}

const bits = new DataView(new ArrayBuffer(8));

/** The power of two at or below a positive number, within those by which numbers of its size can be divided exactly. */
function powerOfTwo(value: number): number {
  bits.setFloat64(0, value);
  bits.setUint32(0, Math.max(1, bits.getUint32(0) >>> 20) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** out = (x − loc) / scale in float64, rounded once, row-major; only rounded where `by` is null. out may be x. */
export function standardizeInto(
  out: Float32Array,
  x: Matrix['data'],
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

/** Whether every member standardizes features before it rounds them: they may then be of any size. */
export function takesFloat64(posterior: AnyPosterior): boolean {
  return membersOf(posterior).every(
    ({ standardization, kernelEpoch }) => standardization.features !== null && !isEarlier(kernelEpoch),
  );
}

/** Index of the first value that standardizeInto would make infinite or NaN, or −1. */
export function firstBeyondFloat32({ data, columns }: Matrix, by: Standardization | null): number {
  if (by === null && data instanceof Float32Array) return data.findIndex((value) => !Number.isFinite(value));
  for (let i = 0, c = 0; i < data.length; i++) {
    const value = by === null ? data[i] : (data[i] - by.loc[c]) / by.scale[c];
    if (!(Math.abs(Math.fround(value)) < Infinity)) return i;
    if (++c === columns) c = 0;
  }
  return -1;
}
