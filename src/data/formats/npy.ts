// NPY arrays (versions 1, 2 and 3): one file as a typed array, as a matrix or as class labels, and bytes to write one.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html describes the format.

import { endianness } from 'node:os';
import type { Matrix } from '../../core/matrix.ts';
import type { FileProvenance, Targets, Task } from '../dataset.ts';
import type { DataFile, ReadOptions } from '../files.ts';
import { checkTableSize, contentExactly, contentHead, openDataFile, provenance } from '../files.ts';
import { LabelCollector } from '../labels.ts';
import { fail, show } from '../message.ts';
import { parseNpyHeader } from './npyHeader.ts';

export type NpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** An array as its file holds it, in this machine's byte order. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** True if the first index varies fastest in `data`. */
  readonly fortranOrder: boolean;
  readonly data: NpyData;
  readonly source: FileProvenance;
  /** The path as it starts a message. */
  readonly where: string;
  readonly maxBytes: number;
}

const VIEWS: Readonly<Record<string, (b: ArrayBuffer) => NpyData>> = {
  f4: (b) => new Float32Array(b),
  f8: (b) => new Float64Array(b),
  i1: (b) => new Int8Array(b),
  i2: (b) => new Int16Array(b),
  i4: (b) => new Int32Array(b),
  i8: (b) => new BigInt64Array(b),
  u1: (b) => new Uint8Array(b),
  u2: (b) => new Uint16Array(b),
  u4: (b) => new Uint32Array(b),
  u8: (b) => new BigUint64Array(b),
  b1: (b) => new Uint8Array(b),
};

/** Types whose every number float32 holds. */
const IN_FLOAT32 = [Float32Array, Int8Array, Int16Array, Uint8Array, Uint16Array] as const;

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

// NumPy itself refuses headers above 10 000 characters unless told to trust the file.
const LONGEST_HEADER = 10_000;

/** True if these first bytes are those of an NPY file. */
export function looksLikeNpy(head: Uint8Array): boolean {
  return head.length >= MAGIC.length && MAGIC.equals(head.subarray(0, MAGIC.length));
}

/**
 * Reads one NPY file of numbers or booleans, gzip or not. The header is read first, and no more is inflated or allocated than it promises.
 * @throws DataError naming the file and the byte, key or dimension that is wrong
 */
export function readNpy(path: string, options: ReadOptions = {}): NpyArray {
  return npyOf(openDataFile(path, options));
}

/** readNpy of a file that is open already. */
export function npyOf(file: DataFile): NpyArray {
  const { text, end } = headerText(file);
  const { descr, fortranOrder, shape } = parseNpyHeader(text, `${file.where}: header`);
  const type = descr.slice(1);
  const itemSize = Number(type.slice(1));
  let items = 1;
  shape.forEach((size, d) => {
    items *= size;
    if (items * itemSize > file.maxBytes) {
      const got = `${shape.slice(0, d + 1).join(' × ')} and more of ${type}`;
      const next = 'the header lies, or the data is too large for this machine';
      fail(`${file.where}: header, dimension ${d}`, `an array of at most ${file.maxBytes} bytes`, got, next);
    }
  });
  const promise = `a header of ${end} and ${shape.join(' × ') || '1'} ${type}`;
  const content = contentExactly(file, end + items * itemSize, promise);
  const copy = Buffer.from(new ArrayBuffer(items * itemSize));
  content.copy(copy, 0, end);
  const swap = descr[0] === (endianness() === 'LE' ? '>' : '<');
  if (swap && itemSize === 2) copy.swap16();
  else if (swap && itemSize === 4) copy.swap32();
  else if (swap && itemSize === 8) copy.swap64();
  const { where, maxBytes } = file;
  return {
    shape,
    fortranOrder,
    data: VIEWS[type](copy.buffer as ArrayBuffer),
    source: provenance(file, shape),
    where,
    maxBytes,
  };
}

/**
 * A 1-D (one column) or 2-D array as a row-major matrix: float32 where that holds every number of the array's type, else float64.
 * @param standardized whether it will be; if not, its numbers must fit float32
 * @throws DataError for other shapes, no rows or columns, and the first number that is not finite or does not fit
 */
export function npyMatrix(array: NpyArray, standardized = false): Matrix {
  const [rows, columns] = tableShape(array);
  checkTableSize(array.where, rows, columns, 2 * array.maxBytes);
  const data = IN_FLOAT32.some((type) => array.data instanceof type)
    ? new Float32Array(rows * columns)
    : new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const item = array.data[array.fortranOrder ? c * rows + r : r * columns + c];
      const value = Number(item);
      if (!Number.isFinite(standardized ? value : Math.fround(value))) {
        const next = 'replace or drop such values first';
        const expected = standardized ? 'a finite number' : 'a finite float32';
        fail(`${array.where}: row ${r + 1}, column ${c + 1}`, expected, `${item}`, next);
      }
      data[r * columns + c] = value;
    }
  }
  return { data, rows, columns };
}

/** The targets of a task in an array; `given` are the classes of a model already trained. @throws DataError */
export function npyTargets(
  array: NpyArray,
  task: Task,
  given: readonly string[] | null = null,
  standardized = false,
): Targets {
  const [, columns] = tableShape(array);
  if (task === 'classification') {
    if (columns !== 1) {
      fail(
        array.where,
        'one class number per row',
        `${columns} columns`,
        'pass class numbers, not one-hot rows',
      );
    }
    const collector = new LabelCollector();
    for (const item of array.data) collector.push(String(item));
    return {
      kind: 'labels',
      ...collector.finish((row) => `${array.where}: row ${row + 1}`, array.where, given),
    };
  }
  const values = npyMatrix(array, standardized);
  const bad = task === 'binary' ? values.data.findIndex((v) => v !== 0 && v !== 1) : -1;
  if (bad >= 0) {
    const at = `${array.where}: row ${Math.floor(bad / columns) + 1}, column ${(bad % columns) + 1}`;
    fail(at, '0 or 1', `${values.data[bad]}`, 'encode the two outcomes as 0 and 1');
  }
  return { kind: 'values', values, names: null };
}

/** The bytes of an NPY file (version 1, little-endian, C order) holding `data` in this shape. @throws RangeError if they do not fit */
export function npyBytes(
  data: Float32Array | Float64Array | Int32Array,
  shape: readonly number[],
): Uint8Array {
  const items = shape.reduce((product, size) => product * size, 1);
  if (items !== data.length || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(
      `npyBytes: expected ${shape.join(' × ')} numbers, got ${data.length} — check the shape`,
    );
  }
  const type = data instanceof Float32Array ? 'f4' : data instanceof Float64Array ? 'f8' : 'i4';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '<${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Data starts at a multiple of 64, as NumPy aligns it for mapping; the last byte of the header is a line feed.
  const start = Math.ceil((10 + dict.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(start + data.byteLength, ' ');
  MAGIC.copy(bytes);
  bytes[6] = 1;
  bytes[7] = 0;
  bytes.writeUInt16LE(start - 10, 8);
  bytes.write(dict, 10, 'latin1');
  bytes[start - 1] = 10;
  const body = bytes.subarray(start);
  body.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (endianness() === 'BE') {
    if (type === 'f8') body.swap64();
    else body.swap32();
  }
  return bytes;
}

function tableShape(array: NpyArray): [number, number] {
  const { shape, where } = array;
  if (shape.length !== 1 && shape.length !== 2) {
    fail(
      where,
      'shape (rows,) or (rows, columns)',
      `(${shape.join(', ')})`,
      'reshape the array before saving it',
    );
  }
  const [rows, columns = 1] = shape;
  if (rows === 0 || columns === 0) {
    fail(where, 'at least 1 row and 1 column', `(${shape.join(', ')})`, 'check how the array was written');
  }
  return [rows, columns];
}

function headerText(file: DataFile): { text: string; end: number } {
  const next = 'is it a NumPy .npy file? get it again';
  const start = contentHead(file, 12);
  if (!looksLikeNpy(start)) {
    fail(`${file.where}: byte 0`, '\\x93NUMPY', show(start.toString('latin1', 0, 6)), next);
  }
  const major = start[6];
  if (start.length < 10 || (major > 1 && start.length < 12)) {
    fail(`${file.where}: byte ${start.length}`, 'a version and a header length', 'the end of the file', next);
  }
  if (major < 1 || major > 3 || start[7] !== 0) {
    fail(`${file.where}: byte 6`, 'version 1.0, 2.0 or 3.0', `${major}.${start[7]}`, next);
  }
  const first = major === 1 ? 10 : 12;
  const length = major === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > LONGEST_HEADER) {
    fail(
      `${file.where}: byte 8`,
      `a header of at most ${LONGEST_HEADER} bytes`,
      `${length}`,
      'the header lies: get it again',
    );
  }
  const head = contentHead(file, first + length);
  if (head.length < first + length) {
    fail(
      `${file.where}: byte ${head.length}`,
      `a header of ${length} bytes`,
      'the end of the file',
      'the file is truncated: get it again',
    );
  }
  return { text: head.toString(major === 3 ? 'utf8' : 'latin1', first), end: first + length };
}
