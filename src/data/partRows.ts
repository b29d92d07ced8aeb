// Which rows a part of the data is made of: their numbers in the table they came from, and a hash that names the list.

import { createHash } from 'node:crypto';

/** The rows of one part (train, validation or test). */
export interface PartRows {
  /** The file, or the kind of made data, whose rows are counted, for people. */
  readonly of: string;
  /** Row numbers from 0 (a header is no row), in the order of the part. */
  readonly indices: Int32Array;
}

/** Rows of every part; null where there is no such part. */
export interface SplitRows {
  readonly train: PartRows;
  readonly validation: PartRows | null;
  readonly test: PartRows | null;
}

/** SHA-256, in hex, of row numbers as little-endian int32 one after the other: equal for equal rows in equal order. */
export function rowsSha256(indices: Int32Array): string {
  const bytes = new Uint8Array(4 * indices.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < indices.length; i++) view.setInt32(4 * i, indices[i], true);
  return createHash('sha256').update(bytes).digest('hex');
}

/** All rows of a table, in its order. */
export function allRows(of: string, rows: number): PartRows {
  return { of, indices: Int32Array.from({ length: rows }, (_, i) => i) };
}
