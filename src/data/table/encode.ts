// From the cells of a frame to features: what is learned of each column on the training rows, and the numbers of any rows.

import { type MissingCells, type RawColumn, Refused } from '../../columns/column.ts';
import { type ColumnSpec, columnKind } from '../../columns/index.ts';
import { featureNames, type LearnedColumn, type TableColumns } from '../../columns/tableColumns.ts';
import type { Matrix } from '../../core/matrix.ts';
import { checkTableSize } from '../files.ts';
import { fail, show } from '../message.ts';
import type { Frame } from './frame.ts';

/** Learns every feature column of a frame on `rows`. @throws DataError naming the column */
export function learnColumns(frame: Frame, rows: Int32Array, missing: MissingCells): LearnedColumn[] {
  return frame.features.map(({ name, from, raw }) => {
    try {
      return columnKind(from.kind).learn(name, raw, rows, from as ColumnSpec, missing);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return fail(`${frame.where}: column ${show(name)}`, error.expected, error.got, error.next);
    }
  });
}

/**
 * Features of rows of a frame, whose columns are those of `columns`, in float64.
 * @throws DataError naming the line of a cell that the columns do not take, or for a table that does not fit in memory
 */
export function encodeFrame(frame: Frame, columns: TableColumns, rows: Int32Array, maxBytes: number): Matrix {
  const width = featureNames(columns).length;
  checkTableSize(frame.where, rows.length, 2 * width, maxBytes);
  const data = new Float64Array(rows.length * width);
  let at = 0;
  for (const [f, learned] of columns.features.entries()) {
    const { raw, column } = frame.features[f];
    const own = columnKind(learned.kind).features(learned).length;
    try {
      encodeColumn(data, at, width, own, learned, raw, rows);
    } catch (error) {
      if (!(error instanceof RefusedRow)) throw error;
      const { expected, got, next } = error.refused;
      fail(frame.place(error.row, column), expected, got, next);
    }
    at += own;
  }
  return { data, rows: rows.length, columns: width };
}

/** A cell that was refused, and the row it is in. */
class RefusedRow extends Error {
  constructor(
    readonly row: number,
    readonly refused: Refused,
  ) {
    super(refused.message);
  }
}

/** Writes the `own` features of a column to data[at], data[at + stride] … */
function encodeColumn(
  data: Float64Array,
  at: number,
  stride: number,
  own: number,
  learned: LearnedColumn,
  { values, texts }: RawColumn,
  rows: Int32Array,
): void {
  const encode = columnKind(learned.kind).encoder(learned);
  const write = (out: Float64Array, to: number, cell: number | string | null, row: number): void => {
    try {
      encode(out, to, cell);
    } catch (error) {
      throw error instanceof Refused ? new RefusedRow(row, error) : error;
    }
  };
  if (texts === null) {
    for (let i = 0; i < rows.length; i++, at += stride) {
      const value = values[rows[i]];
      write(data, at, Number.isNaN(value) ? null : value, rows[i]);
    }
    return;
  }
  // Of each distinct text once; place 0 is the missing cell.
  const known = new Uint8Array(texts.length + 1);
  const features = new Float64Array((texts.length + 1) * own);
  for (let i = 0; i < rows.length; i++, at += stride) {
    const place = values[rows[i]] + 1;
    if (known[place] === 0) {
      write(features, place * own, place === 0 ? null : texts[place - 1], rows[i]);
      known[place] = 1;
    }
    for (let k = 0, from = place * own; k < own; k++) data[at + k] = features[from + k];
  }
}
