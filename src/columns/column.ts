// The contract of a kind of column: which cells it takes, what it learns of the training rows, and the features it makes of a cell.
// Everything learned is plain data, so that a posterior can keep it. How text is cut into cells is left to data.

import type { Fields } from '../options/kinds.ts';

/** What is done about missing cells of a column. */
export const TREATMENTS = ['error', 'drop', 'mean', 'median', 'mostFrequent'] as const;
export type Treatment = (typeof TREATMENTS)[number];

/** How missing cells are told from others, and what becomes of them where a column says nothing of its own. */
export interface MissingCells {
  readonly markers: readonly string[];
  readonly treatment: Treatment;
  readonly indicator: boolean;
}

/** Cells of one column as read: numbers, NaN where missing; or codes into the distinct texts, −1 where missing. */
export interface RawColumn {
  readonly values: Float64Array | Int32Array;
  /** Null for numbers. */
  readonly texts: readonly string[] | null;
}

/** What every column of a posterior says besides what its kind learned. */
export interface LearnedBase {
  readonly kind: string;
  readonly name: string;
}

/** Why a cell is refused. */
export interface Refusal {
  readonly expected: string;
  readonly next: string;
}

/** Writes the features of one cell to out[at …]; `null` is a missing cell. */
export type Encode = (out: Float64Array, at: number, cell: number | string | null) => void;

/** @param O options of the config @param L what is learned */
export interface ColumnKind<O = never, L = never> {
  /** What a posterior keeps, besides kind and name. */
  readonly saved: (fields: Fields) => object;
  /** Whether cells are kept as numbers until the training rows are known, else as texts. */
  readonly numbers: boolean;
  /** The number a text stands for, NaN for none; `plain` reads a number as the file writes it. Only where cells are numbers. */
  readonly parse?: (text: string, from: O | L, plain: (text: string) => number) => number;
  /** A cell of an object that is not missing: the number or text it stands for, or undefined. */
  readonly cell: (value: unknown, from: O | L) => number | string | undefined;
  /** What the column takes, and what to do about anything else; null where the reader of plain numbers has the words for it. */
  readonly refusal: (from: O | L) => Refusal | null;
  /** What is done about missing cells where the column says nothing of its own. */
  readonly treatment: (options: O, missing: MissingCells) => string;
  /**
   * @param rows the training rows
   * @param treatment as `treatment` said
   * @throws Refused for a column of which nothing can be learned
   */
  readonly learn: (
    name: string,
    column: RawColumn,
    rows: ArrayLike<number>,
    options: O,
    missing: MissingCells,
  ) => L;
  /** Whether a missing cell has features. */
  readonly takesMissing: (learned: L) => boolean;
  /** Names of the features. */
  readonly features: (learned: L) => readonly string[];
  /** @throws Refused (from the function it returns) for a text that the column did not learn */
  readonly encoder: (learned: L) => Encode;
  /** Whether every feature is the number in the cell, and no cell may be missing. */
  readonly isPlain: (learned: L) => boolean;
  /** Whether the saved parts fit together; null, or what is wrong. */
  readonly problem?: (learned: L) => string | null;
}

/** Thrown by kinds for a cell or a column; the caller knows where it stands and says so. */
export class Refused extends Error {
  constructor(
    readonly expected: string,
    readonly got: string,
    readonly next: string,
  ) {
    super(`expected ${expected}, got ${got} — ${next}`);
  }
}
