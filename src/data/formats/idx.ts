// IDX arrays (the format of MNIST): the whole of its specification for one file, and the four-file directory as tables.
// http://yann.lecun.com/exdb/mnist/ describes the format: 00 00 type dims, a big-endian uint32 per dimension, then the data.

import { existsSync, statSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import type { Matrix } from '../../core/matrix.ts';
import type { FileProvenance, Table } from '../dataset.ts';
import { selectLabels } from '../dataset.ts';
import type { ReadOptions } from '../files.ts';
import {
  checkTableSize,
  contentExactly,
  contentHead,
  defaultMaxBytes,
  isSystemError,
  openDataFile,
  provenance,
  systemReason,
} from '../files.ts';
import { integerClasses } from '../labels.ts';
import { fail, showPath } from '../message.ts';

export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** An n-dimensional array as its file holds it, in this machine's byte order. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: IdxData;
  readonly source: FileProvenance;
}

/** Images and labels of one part, not yet turned into float32. */
export interface IdxPart {
  readonly images: IdxArray;
  readonly labels: Int32Array;
  readonly labelSource: FileProvenance;
  readonly classNames: readonly string[];
}

const TYPES: Readonly<
  Record<number, { size: 1 | 2 | 4 | 8; view: (b: ArrayBuffer) => IdxData; name: string }>
> = {
  8: { size: 1, view: (b) => new Uint8Array(b), name: 'uint8' },
  9: { size: 1, view: (b) => new Int8Array(b), name: 'int8' },
  11: { size: 2, view: (b) => new Int16Array(b), name: 'int16' },
  12: { size: 4, view: (b) => new Int32Array(b), name: 'int32' },
  13: { size: 4, view: (b) => new Float32Array(b), name: 'float32' },
  14: { size: 8, view: (b) => new Float64Array(b), name: 'float64' },
};

/** True if these first bytes are those of an IDX file. */
export function looksLikeIdx(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0 && head[1] === 0 && head[2] in TYPES && head[3] > 0;
}

/**
 * Reads one IDX file, gzip or not. The header is read first, and no more is inflated or allocated than it promises.
 * @throws DataError naming the file and the byte or dimension that is wrong
 */
export function readIdx(path: string, options: ReadOptions = {}): IdxArray {
  const file = openDataFile(path, options);
  const again = 'is it an IDX file? get it again';
  const magic = contentHead(file, 4);
  if (magic.length < 4)
    fail(`${file.where}: byte ${magic.length}`, 'a 4-byte IDX magic number', 'the end of the file', again);
  if (magic[0] !== 0 || magic[1] !== 0) {
    fail(`${file.where}: byte 0`, 'the bytes 00 00 of an IDX file', hex(magic.subarray(0, 2)), again);
  }
  const type = TYPES[magic[2]];
  if (type === undefined) {
    fail(`${file.where}: byte 2`, 'an IDX type 08, 09, 0b, 0c, 0d or 0e', hex(magic.subarray(2, 3)), again);
  }
  const dims = magic[3];
  if (dims === 0) fail(`${file.where}: byte 3`, 'at least 1 dimension', '0', again);
  const headerBytes = 4 + 4 * dims;
  const header = contentHead(file, headerBytes);
  if (header.length < headerBytes) {
    const at = `${file.where}: byte ${header.length}`;
    fail(
      at,
      `a header of ${headerBytes} bytes (${dims} dimensions)`,
      'the end of the file',
      'the file is truncated: get it again',
    );
  }
  const shape: number[] = [];
  let items = 1;
  for (let d = 0; d < dims; d++) {
    const size = header.readUInt32BE(4 + 4 * d);
    const at = `${file.where}: byte ${4 + 4 * d} (dimension ${d})`;
    if (size === 0) fail(at, 'a size of at least 1', '0', 'the array is empty: check how it was written');
    items *= size;
    if (items * type.size > file.maxBytes) {
      const got = `${[...shape, size].join(' × ')} and more of ${type.name}`;
      fail(
        at,
        `an array of at most ${file.maxBytes} bytes`,
        got,
        'the header lies, or the data is too large for this machine',
      );
    }
    shape.push(size);
  }
  const promise = `a header of ${headerBytes} and ${shape.join(' × ')} ${type.name}`;
  const content = contentExactly(file, headerBytes + items * type.size, promise);
  return { shape, data: decode(content.subarray(headerBytes), type), source: provenance(file, shape) };
}

/** The features of an IDX array: one row per entry of its first dimension, the others flattened, divided by `divisor`. @throws DataError */
export function idxFeatures(array: IdxArray, divisor: number, rows: ArrayLike<number> | null = null): Matrix {
  const where = showPath(array.source.path);
  if (!Number.isFinite(divisor) || divisor === 0) {
    fail('data.divisor', 'a finite number other than 0', `${divisor}`, 'use 255 for bytes');
  }
  if (array.shape.length < 2) {
    fail(where, 'at least 2 dimensions (rows, then what a row holds)', '1', 'is this the labels file?');
  }
  const columns = array.data.length / array.shape[0];
  const count = rows === null ? array.shape[0] : rows.length;
  checkTableSize(where, count, columns, 2 * defaultMaxBytes());
  const wide = array.data instanceof Float64Array || array.data instanceof Int32Array;
  const data = wide ? new Float64Array(count * columns) : new Float32Array(count * columns);
  for (let i = 0; i < count; i++) {
    const from = (rows === null ? i : rows[i]) * columns;
    for (let c = 0; c < columns; c++) data[i * columns + c] = array.data[from + c] / divisor;
  }
  const bad = data.findIndex((v) => !Number.isFinite(Math.fround(v)));
  if (bad >= 0) {
    const r = rows === null ? Math.floor(bad / columns) : rows[Math.floor(bad / columns)];
    const got = `${array.data[r * columns + (bad % columns)]}`;
    fail(
      `${where}: row ${r + 1}, value ${(bad % columns) + 1}`,
      'a finite float32',
      got,
      'clean the data first',
    );
  }
  return { data, rows: count, columns };
}

/**
 * Finds and reads the two parts of a directory in MNIST's naming; a part that is absent is null. Class names are the distinct labels of
 * both parts in numeric order.
 * @throws DataError if there is neither part, half a part, or if images and labels do not fit together
 */
export function readIdxParts(
  dir: string,
  options: ReadOptions = {},
): { train: IdxPart | null; test: IdxPart | null } {
  checkDirectory(dir);
  const train = readPart(dir, 'train', options);
  const test = readPart(dir, 't10k', options);
  const present = [train, test].filter((part) => part !== null);
  if (present.length === 0) {
    const expected = 'train-images-idx3-ubyte and train-labels-idx1-ubyte (or t10k-…), .gz or not';
    fail(showPath(dir), expected, 'a directory with none of them', 'check data.dir');
  }
  const shapes = present.map((part) => part.images.shape.slice(1).join(' × '));
  if (shapes.length === 2 && shapes[0] !== shapes[1]) {
    fail(
      showPath(present[1].images.source.path),
      `images of ${shapes[0]} as in train`,
      shapes[1],
      'use parts of one data set',
    );
  }
  const { classNames, labels } = integerClasses(present.map((part) => part.values));
  if (train !== null && classNames.length < 2) {
    const where = showPath(train.labelSource.path);
    fail(where, 'at least 2 classes', `1 (every label is ${classNames[0]})`, 'check the labels');
  }
  const parts = present.map((part, i) => ({ ...part, labels: labels[i], classNames }));
  return { train: train === null ? null : parts[0], test: test === null ? null : parts[parts.length - 1] };
}

/** One part (or `rows` of it) as a table. */
export function idxTable(part: IdxPart, divisor: number, rows: ArrayLike<number> | null = null): Table {
  const labels = rows === null ? part.labels : selectLabels(part.labels, rows);
  return {
    features: idxFeatures(part.images, divisor, rows),
    featureNames: null,
    targets: { kind: 'labels', labels, classNames: part.classNames },
    source: [part.images.source, part.labelSource],
  };
}

/** The tables of a directory in MNIST's naming, pixels divided by `divisor` (default 255). @throws DataError as readIdxParts */
export function readIdxDirectory(
  dir: string,
  options: ReadOptions & { readonly divisor?: number | undefined } = {},
): { train: Table | null; test: Table | null } {
  const divisor = options.divisor ?? 255;
  const { train, test } = readIdxParts(dir, options);
  return { train: train && idxTable(train, divisor), test: test && idxTable(test, divisor) };
}

function readPart(dir: string, part: 'train' | 't10k', options: ReadOptions) {
  const imagesPath = findFile(dir, part, 'images', 3);
  const labelsPath = findFile(dir, part, 'labels', 1);
  if (imagesPath === null && labelsPath === null) return null;
  if (imagesPath === null || labelsPath === null) {
    const missing = imagesPath === null ? `${part}-images-idx3-ubyte` : `${part}-labels-idx1-ubyte`;
    const found = showPath((imagesPath ?? labelsPath)!);
    fail(showPath(dir), `${missing} (.gz or not)`, `only ${found}`, 'put images and labels side by side');
  }
  const images = readIdx(imagesPath, options);
  const array = readIdx(labelsPath, options);
  const where = showPath(labelsPath);
  if (images.shape.length < 2) {
    fail(
      showPath(imagesPath),
      'at least 2 dimensions (rows, then pixels)',
      '1',
      'are images and labels exchanged?',
    );
  }
  if (array.shape.length !== 1) {
    fail(where, '1 dimension', `${array.shape.length}`, 'are images and labels exchanged?');
  }
  if (array.shape[0] !== images.shape[0]) {
    const expected = `${images.shape[0]} labels, one for each row of ${showPath(imagesPath)}`;
    fail(`${where}: dimension 0`, expected, `${array.shape[0]}`, 'use images and labels of the same part');
  }
  const bad = array.data.findIndex((v) => !Number.isInteger(v) || v < 0 || v > 0x7fffffff);
  if (bad >= 0) {
    fail(`${where}: label ${bad + 1}`, 'an integer of at least 0', `${array.data[bad]}`, 'check the labels');
  }
  return { images, values: Int32Array.from(array.data), labelSource: array.source };
}

function findFile(dir: string, part: string, what: string, dims: number): string | null {
  // Both spellings are in circulation: the dash is that of the original site, the dot what some unpackers make of it.
  for (const separator of ['-', '.']) {
    for (const ending of ['', '.gz']) {
      const path = join(dir, `${part}-${what}${separator}idx${dims}-ubyte${ending}`);
      if (existsSync(path)) return path;
    }
  }
  return null;
}

function checkDirectory(dir: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(dir).isDirectory();
  } catch (error) {
    if (isSystemError(error)) fail(showPath(dir), 'a directory', systemReason(error), 'check data.dir');
    throw error;
  }
  if (!isDirectory) fail(showPath(dir), 'a directory', 'a file', 'give the directory of the four IDX files');
}

function decode(bytes: Buffer, type: (typeof TYPES)[number]): IdxData {
  const copy = Buffer.from(new ArrayBuffer(bytes.length));
  bytes.copy(copy);
  if (endianness() === 'LE') {
    if (type.size === 2) copy.swap16();
    else if (type.size === 4) copy.swap32();
    else if (type.size === 8) copy.swap64();
  }
  return type.view(copy.buffer as ArrayBuffer);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
}
