// A table as it was read: the cells of its columns, before anything is learned of them. Which rows are for training is not known here.

import type { RawColumn } from '../../columns/column.ts';
import type { ColumnSpec } from '../../columns/index.ts';
import type { LearnedColumn } from '../../columns/tableColumns.ts';
import type { FileProvenance, Targets } from '../dataset.ts';

/** A feature column: its cells and how they are to be read. */
export interface FrameColumn {
  readonly name: string;
  /** Place in the file. */
  readonly column: number;
  /** What a config says of it, or what a posterior learned. */
  readonly from: ColumnSpec | LearnedColumn;
  readonly raw: RawColumn;
}

/** Cells as they are written. */
export interface TextColumn {
  readonly name: string;
  /** Place in the file. */
  readonly column: number;
  readonly codes: Int32Array;
  readonly texts: readonly string[];
}

export interface Frame {
  /** The file, as it starts a message. */
  readonly where: string;
  /** Columns of the file. */
  readonly width: number;
  /** Rows that were kept. */
  readonly rows: number;
  /** Rows of the file. */
  readonly allRows: number;
  /** Number of each kept row in the file, from 0. */
  readonly numbers: Int32Array;
  readonly features: readonly FrameColumn[];
  /** Null where none were asked for. */
  readonly targets: Targets | null;
  readonly targetNames: readonly string[];
  /** Null where no column holds them. */
  readonly weights: Float64Array | null;
  /** Further columns, in the order they were asked for. */
  readonly texts: readonly TextColumn[];
  /** Columns by which rows are divided, in the order they were asked for. */
  readonly keys: readonly TextColumn[];
  readonly source: readonly FileProvenance[];
  /** How a message about a cell starts. */
  readonly place: (row: number, column: number) => string;
}
