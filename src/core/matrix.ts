// What a table of numbers may look like on the way in, and the one form it has inside: row-major, in the precision it came in
// and in memory of its own. Nothing is coerced: what is no number is refused with its row and column.

import { describeValue } from '../messages.ts';
import { readable } from '../options/readable.ts';

/** A row-major table; float64 stays so until it has been standardized. */
export interface Matrix {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** A tf.Tensor, seen only through what is needed of it, so that no tfjs is imported. */
export interface TensorLike {
  readonly shape: readonly number[];
  /** float32, int32 and bool are numbers; other types are refused. */
  readonly dtype?: string;
  readonly isDisposed?: boolean;
  // Of a string tensor it would be strings; `dtype` tells.
  dataSync(): ArrayLike<number>;
}

/** Rows given as nested arrays, as a flat array with a shape, as a Matrix, as a tensor, or (one column) as a flat array. */
export type MatrixLike =
  | Matrix
  | TensorLike
  | { readonly data: ArrayLike<number>; readonly shape: readonly number[] }
  | ReadonlyArray<ArrayLike<number>>
  | ArrayLike<number>;

const TAKES = 'pass number[][], a Float32Array with a shape, or a tensor';

/** Tables whose creator promises not to change them. */
const unchanging = new WeakSet<object>();

/** The same table, which need not be copied at every call because it never changes again. */
export function unchangingMatrix(matrix: Matrix): Matrix {
  unchanging.add(matrix);
  return matrix;
}

/**
 * A row-major copy of any MatrixLike, float32 of what is float32 and else float64; a flat array becomes one column. What becomes of the
 * input afterwards does not matter.
 * @throws TypeError naming the first row or cell that does not fit, or what was got instead of a table
 */
export function toMatrix(input: MatrixLike, where: string): Matrix {
  return readable(where, () => matrixOf(input, where));
}

function matrixOf(given: unknown, where: string): Matrix {
  if (isNumbers(given)) return table(given, given.length, 1, where);
  if (Array.isArray(given)) {
    if (given.length === 0)
      throw new TypeError(`${where}: expected rows of numbers, got an empty list — ${TAKES}`);
    return isRow(given[0]) || (typeof given[0] !== 'number' && given.some(isRow))
      ? nested(given, where)
      : table(given, given.length, 1, where);
  }
  if (typeof given === 'object' && given !== null) {
    if (unchanging.has(given)) return given as Matrix;
    if (isTensor(given)) return shaped(tensorData(given, where), given.shape, where);
    if ('data' in given && 'shape' in given) return shaped(given.data, given.shape, where);
    if ('data' in given && 'rows' in given && 'columns' in given)
      return shaped(given.data, [given.rows, given.columns], where);
  }
  const next = describeValue(given) === 'a promise' ? 'await it first' : TAKES;
  throw new TypeError(`${where}: expected rows of numbers, got ${describeValue(given)} — ${next}`);
}

/**
 * All numbers of any MatrixLike, or of a tensor or shaped array of any rank, with their shape; what toMatrix takes has rank 2.
 * @throws as toMatrix
 */
export function toFlat(
  input: MatrixLike,
  where: string,
): { readonly data: Matrix['data']; readonly shape: readonly number[] } {
  return readable(where, () => flatOf(input, where));
}

function flatOf(given: unknown, where: string): ReturnType<typeof toFlat> {
  if (typeof given === 'object' && given !== null && 'shape' in given && Array.isArray(given.shape)) {
    const rank = given.shape.length;
    if (rank === 0 || rank > 2) {
      const shape = sizes(given.shape, where);
      const size = shape.reduce((product, length) => product * length, 1);
      const { data } = given as { data?: unknown };
      return { data: table(isTensor(given) ? tensorData(given, where) : data, size, 1, where).data, shape };
    }
  }
  const { data, rows, columns } = matrixOf(given, where);
  return { data, shape: [rows, columns] };
}

const NUMBERS = ['float32', 'int32', 'bool'];

function tensorData(tensor: TensorLike, where: string): ArrayLike<number> {
  const { dtype = 'float32', isDisposed = false } = tensor;
  if (isDisposed) {
    throw new TypeError(
      `${where}: expected a tensor with its data, got a disposed one — tf.keep it until it has been read`,
    );
  }
  if (!NUMBERS.includes(dtype)) {
    throw new TypeError(
      `${where}: expected a tensor of ${NUMBERS.join(', ')}, got ${describeValue(dtype)} — cast it to float32`,
    );
  }
  return tensor.dataSync();
}

function nested(rows: readonly unknown[], where: string): Matrix {
  const columns = isRow(rows[0]) ? rows[0].length : (rows.find(isRow) as ArrayLike<unknown>).length;
  const data = rows.every((row) => row instanceof Float32Array)
    ? new Float32Array(rows.length * columns)
    : new Float64Array(rows.length * columns);
  for (let r = 0; r < rows.length; r++) {
    const row = rows[r];
    if (!isRow(row) || row.length !== columns) {
      const got = isRow(row) ? row.length : describeValue(row);
      throw new TypeError(
        `${where}: expected ${columns} columns in row ${r}, got ${got} — make all rows equally long`,
      );
    }
    copyNumbers(data, r * columns, row, (c) => `row ${r}, column ${c}`, where);
  }
  return { data, rows: rows.length, columns };
}

function shaped(data: unknown, shape: unknown, where: string): Matrix {
  const [rows, columns = 1, ...rest] = sizes(shape, where);
  if (rows === undefined || rest.length > 0) {
    throw new TypeError(
      `${where}: expected shape [rows] or [rows, columns], got [${(shape as number[]).slice(0, 8).join(', ')}] — reshape it first`,
    );
  }
  return table(data, rows, columns, where);
}

/** A shape whose sizes are counts. */
function sizes(shape: unknown, where: string): number[] {
  if (!Array.isArray(shape))
    throw new TypeError(
      `${where}: expected a list as shape, got ${describeValue(shape)} — write [rows, columns]`,
    );
  const bad = Array.from(shape).findIndex((size) => !Number.isSafeInteger(size) || size < 0);
  if (bad < 0) return [...shape];
  throw new TypeError(
    `${where}: expected sizes of at least 0 in shape, got ${describeValue(shape[bad])} — write [rows, columns]`,
  );
}

function table(data: unknown, rows: number, columns: number, where: string): Matrix {
  if (!isRow(data))
    throw new TypeError(`${where}: expected numbers in an array, got ${describeValue(data)} — ${TAKES}`);
  if (data.length !== rows * columns) {
    const detached = isNumbers(data) && isDetached(data);
    const got = detached ? 'memory that was transferred' : `${data.length}`;
    const next = detached ? 'pass a copy, or transfer a copy' : 'check the shape';
    throw new TypeError(
      `${where}: expected ${rows} × ${columns} = ${rows * columns} numbers, got ${got} — ${next}`,
    );
  }
  const copy = data instanceof Float32Array ? new Float32Array(data.length) : new Float64Array(data.length);
  const place = (i: number) =>
    columns === 1 ? `row ${i}` : `row ${Math.floor(i / columns)}, column ${i % columns}`;
  copyNumbers(copy, 0, data, place, where);
  return { data: copy, rows, columns };
}

/** Writes `from` to `out` from index `at` on, if all of it are numbers. */
function copyNumbers(
  out: Matrix['data'],
  at: number,
  from: ArrayLike<unknown>,
  place: (i: number) => string,
  where: string,
): void {
  if (isNumbers(from)) {
    if (isDetached(from)) {
      throw new TypeError(
        `${where}: expected numbers, got memory that was transferred — pass a copy, or transfer a copy`,
      );
    }
    out.set(from, at);
    return;
  }
  const { length } = from;
  for (let i = 0; i < length; i++) {
    const value = from[i];
    if (typeof value !== 'number') {
      throw new TypeError(
        `${where}: expected numbers, got ${describeValue(value)} in ${place(i)} — ${nextStep(value)}`,
      );
    }
    out[at + i] = value;
  }
}

function nextStep(value: unknown): string {
  if (value === null || value === undefined) return 'fill it in or leave the row out';
  if (typeof value === 'bigint') return 'convert it with Number';
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)))
    return 'convert it with Number';
  return 'clean the data';
}

type Numbers = ArrayLike<number> & ArrayBufferView;

/** A typed array of numbers; those of BigInt hold none. */
function isNumbers(value: unknown): value is Numbers {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

/** Whether the memory of a view was transferred, to a worker or another buffer. */
export function isDetached({ buffer, byteLength }: ArrayBufferView): boolean {
  if (byteLength > 0) return false;
  try {
    // Of no memory there is no view; property `detached` is not known everywhere.
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function isRow(row: unknown): row is ArrayLike<unknown> {
  return Array.isArray(row) || isNumbers(row);
}

function isTensor(input: object): input is TensorLike {
  const { dataSync, shape } = input as Partial<TensorLike>;
  return typeof dataSync === 'function' && Array.isArray(shape);
}
