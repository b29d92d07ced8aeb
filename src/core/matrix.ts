// What a table of numbers may look like on the way in, and the one form it has inside: row-major, in the precision it came in.

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

/**
 * The row-major form of any MatrixLike; a flat array becomes one column. A Float32Array or Float64Array is not copied; other numbers
 * become float64.
 * @throws TypeError naming the first ragged row or what was got instead of a table
 */
export function toMatrix(input: MatrixLike, where: string): Matrix {
  if (isMatrix(input)) return checked(input.data, input.rows, input.columns, where);
  if (isTensor(input)) return shaped(tensorData(input, where), input.shape, where);
  if (isShaped(input)) return shaped(input.data, input.shape, where);
  if (ArrayBuffer.isView(input) || (Array.isArray(input) && typeof input[0] === 'number')) {
    const flat = input as ArrayLike<number>;
    return { data: toFloats(flat), rows: flat.length, columns: 1 };
  }
  if (Array.isArray(input) && input.length > 0)
    return nested(input as ReadonlyArray<ArrayLike<number>>, where);
  throw new TypeError(
    `${where}: expected rows of numbers, got ${describe(input)} — pass number[][], a Float32Array with a shape, or a tensor`,
  );
}

/**
 * All numbers of any MatrixLike, or of a tensor or shaped array of any rank, with their shape; what toMatrix takes has rank 2.
 * @throws as toMatrix
 */
export function toFlat(
  input: MatrixLike,
  where: string,
): { readonly data: Matrix['data']; readonly shape: readonly number[] } {
  if ((isTensor(input) || isShaped(input)) && (input.shape.length === 0 || input.shape.length > 2)) {
    const shape = [...input.shape];
    const data = toFloats(isTensor(input) ? tensorData(input, where) : input.data);
    const size = shape.reduce((product, length) => product * length, 1);
    checked(data, size, 1, where);
    return { data, shape };
  }
  const { data, rows, columns } = toMatrix(input, where);
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
      `${where}: expected a tensor of ${NUMBERS.join(', ')}, got ${dtype} — cast it to float32`,
    );
  }
  return tensor.dataSync();
}

function nested(rows: ReadonlyArray<ArrayLike<number>>, where: string): Matrix {
  if (!isRow(rows[0])) {
    throw new TypeError(
      `${where}: expected rows of numbers, got ${describe(rows)} — pass number[][], a Float32Array with a shape, or a tensor`,
    );
  }
  const columns = rows[0].length;
  const data = rows.every((row: unknown) => row instanceof Float32Array)
    ? new Float32Array(rows.length * columns)
    : new Float64Array(rows.length * columns);
  for (let r = 0; r < rows.length; r++) {
    const row: unknown = rows[r];
    if (!isRow(row) || row.length !== columns) {
      throw new TypeError(
        `${where}: expected ${columns} columns in row ${r}, got ${isRow(row) ? row.length : describe(row)} — make all rows equally long`,
      );
    }
    data.set(rows[r], r * columns);
  }
  return { data, rows: rows.length, columns };
}

function shaped(data: ArrayLike<number>, shape: readonly number[], where: string): Matrix {
  if (shape.length !== 1 && shape.length !== 2) {
    throw new TypeError(
      `${where}: expected shape [rows] or [rows, columns], got [${shape.join(', ')}] — reshape it first`,
    );
  }
  return checked(toFloats(data), shape[0], shape[1] ?? 1, where);
}

function checked(data: Matrix['data'], rows: number, columns: number, where: string): Matrix {
  if (data.length !== rows * columns) {
    throw new TypeError(
      `${where}: expected ${rows} × ${columns} = ${rows * columns} numbers, got ${data.length} — check the shape`,
    );
  }
  return { data, rows, columns };
}

function toFloats(values: ArrayLike<number>): Matrix['data'] {
  return values instanceof Float32Array || values instanceof Float64Array
    ? values
    : Float64Array.from(values);
}

function isRow(row: unknown): row is ArrayLike<number> {
  return Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView));
}

function isMatrix(input: unknown): input is Matrix {
  const m = input as Partial<Matrix> | null;
  return (
    typeof m === 'object' &&
    m !== null &&
    (m.data instanceof Float32Array || m.data instanceof Float64Array) &&
    Number.isInteger(m.rows) &&
    Number.isInteger(m.columns)
  );
}

function isTensor(input: unknown): input is TensorLike {
  const t = input as Partial<TensorLike> | null;
  return typeof t === 'object' && t !== null && typeof t.dataSync === 'function' && Array.isArray(t.shape);
}

function isShaped(input: unknown): input is { data: ArrayLike<number>; shape: readonly number[] } {
  const s = input as { data?: { length?: unknown }; shape?: unknown } | null;
  return typeof s === 'object' && s !== null && Array.isArray(s.shape) && typeof s.data?.length === 'number';
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${typeof value[0]}`;
  return value === null ? 'null' : typeof value;
}
