// What a config says about data, as types. The schema that checks a config against them is the experiment's.

import type { Treatment } from '../columns/column.ts';
import type { ColumnSpec } from '../columns/index.ts';
import type { MissingOptions } from '../columns/missing.ts';
import type { ColumnRef } from './columns.ts';
import type { TextFormat } from './formats/delimited.ts';
import type { Encoding } from './formats/encoding.ts';
import type { ThousandsMark } from './formats/number.ts';

/** Columns listed in an index file (white-space separated integers from 0). */
export interface ColumnFile {
  readonly file: string;
}

/** What every kind of data may say. */
export interface CommonSpec {
  /** Rows held out of train, by seed: how many, or below 1 which part of them. */
  readonly validation?: number | undefined;
  /** Train on the first N rows only, after test and validation rows are taken out; for quick runs. */
  readonly limit?: number | undefined;
  /** Whether features and numeric targets are standardized on the training rows; used by the trainer, not by the readers. */
  readonly standardize?: boolean | undefined;
}

/** How one table is divided; at most one of `testFraction` and the index files. */
export interface SplitSpec {
  /** Index file of the test rows; the others are for training unless `trainIndices` is given too. */
  readonly testIndices?: string | undefined;
  readonly trainIndices?: string | undefined;
  /** Share of the rows drawn for the test part, by seed. */
  readonly testFraction?: number | undefined;
  /** Whether every class gives rows to the parts in proportion. */
  readonly stratify?: boolean | undefined;
}

/** The four files of MNIST's naming in one directory. */
export interface IdxSpec extends CommonSpec {
  readonly kind: 'idx';
  readonly dir: string;
  /** Pixels are divided by this; default 255. */
  readonly divisor?: number | undefined;
}

/** Delimited or white-space text. */
export interface CsvSpec extends CommonSpec, SplitSpec {
  readonly kind: 'csv';
  readonly path: string;
  /** A second file of the same layout as the test part, instead of a split. */
  readonly testPath?: string | undefined;
  readonly target: ColumnRef | readonly ColumnRef[] | ColumnFile;
  /** Default: every column that is no target. */
  readonly features?: readonly ColumnRef[] | ColumnFile | undefined;
  /** One character, `tab` or `whitespace`; default: found from the first line. */
  readonly delimiter?: string | undefined;
  readonly header?: boolean | 'auto' | 'skip' | undefined;
  /** What stands before the fraction of numbers; default a point. */
  readonly decimal?: '.' | ',' | undefined;
  /** What stands between groups of three digits; default nothing. */
  readonly thousands?: ThousandsMark | undefined;
  readonly encoding?: Encoding | undefined;
  /** Lines that start with this are passed over. */
  readonly comment?: string | undefined;
  /** What columns hold, by name or number; default: numbers, none of them missing. */
  readonly columns?: Readonly<Record<string, ColumnSpec>> | undefined;
  readonly missing?: MissingOptions | Treatment | undefined;
  /** Columns that are no features and come back with predictions. */
  readonly passThrough?: readonly ColumnRef[] | undefined;
  /** A column with the weight of each training row, no feature. */
  readonly weights?: ColumnRef | undefined;
  /** A column whose equal cells stay in one part. */
  readonly groups?: ColumnRef | undefined;
  /** A column by which the last rows are for the test, those before them for validation; true: as they stand in the file. */
  readonly order?: ColumnRef | true | undefined;
  /** Another file with the target, row by row. */
  readonly targetPath?: string | undefined;
}

/** Two NPY files with as many rows each. */
export interface NpySpec extends CommonSpec, SplitSpec {
  readonly kind: 'npy';
  readonly features: string;
  readonly targets: string;
}

/** The regression curve of Blundell et al. 2015. */
export interface SyntheticSpec extends CommonSpec, SplitSpec {
  readonly kind: 'synthetic';
  /** Default 1024. */
  readonly rows?: number | undefined;
  /** Rows of a test part of its own, drawn from the same curve; default none. */
  readonly testRows?: number | undefined;
  /** Range of x; default [0, 0.5]. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Standard deviation of e; default 0.02. */
  readonly noise?: number | undefined;
  /** Seed of the data; default: the seed of the run. */
  readonly seed?: string | number | undefined;
}

export type DataSpec = IdxSpec | CsvSpec | NpySpec | SyntheticSpec;

/** How the text of a table is laid out. */
export function textFormat(spec: Pick<CsvSpec, keyof TextFormat & keyof CsvSpec>): TextFormat {
  const { delimiter, header, decimal, thousands, encoding, comment } = spec;
  return { delimiter, header, decimal, thousands, encoding, comment };
}
