// What a posterior knows of the table it was trained on: its columns by name, and how their cells become features.

import type { LearnedBase } from './column.ts';
import { columnKind } from './index.ts';

/** Raised when a reader of today would misread columns of tomorrow. */
export const COLUMNS_VERSION = 1;

/** A column as a posterior keeps it: kind, name and what the kind learned. */
export type LearnedColumn = LearnedBase;

/** The columns of a table, and everything that was learned of them on the training rows; plain data. */
export interface TableColumns {
  readonly version: typeof COLUMNS_VERSION;
  /** Texts that stand for a missing cell. */
  readonly markers: readonly string[];
  /** In the order of their features. */
  readonly features: readonly LearnedColumn[];
  /** Names of the target columns. */
  readonly targets: readonly string[];
  /** Columns that come back with predictions as they are. */
  readonly passThrough: readonly string[];
}

/** Columns of plain numbers, called so. */
export function plainColumns(features: readonly string[], targets: readonly string[]): TableColumns {
  return {
    version: COLUMNS_VERSION,
    markers: [''],
    features: features.map((name) => ({ kind: 'numeric', name, fill: null, indicator: false })),
    targets,
    passThrough: [],
  };
}

/** Names of the features, in their order. */
export function featureNames({ features }: TableColumns): string[] {
  return features.flatMap((learned) => columnKind(learned.kind).features(learned));
}

/** Whether every feature is the number in a cell of its own. */
export function arePlain({ features }: TableColumns): boolean {
  return features.every((learned) => columnKind(learned.kind).isPlain(learned));
}
