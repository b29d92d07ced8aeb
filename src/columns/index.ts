// The kinds of columns there are, by the names users call them: what a config may say of each, and what it does.

import type { BareName, Settings, Spec } from '../options/kinds.ts';
import { boolean, booleanOptions } from './boolean.ts';
import { categorical, categoricalOptions } from './categorical.ts';
import type { ColumnKind, LearnedBase } from './column.ts';
import { date, dateOptions } from './date.ts';
import { numeric, numericOptions } from './numeric.ts';
import { ordinal, ordinalOptions } from './ordinal.ts';

export const COLUMN_KINDS = {
  numeric: { options: numericOptions, does: numeric },
  categorical: { options: categoricalOptions, does: categorical },
  ordinal: { options: ordinalOptions, does: ordinal },
  boolean: { options: booleanOptions, does: boolean },
  date: { options: dateOptions, does: date },
} as const;

/** A column with every option filled in. */
export type ColumnSpec = Settings<typeof COLUMN_KINDS>;

/** A column as a caller may write it: the name of a kind, or a kind with options that are not the default. */
export type ColumnInput = Spec<typeof COLUMN_KINDS> | BareName<typeof COLUMN_KINDS>;

export type ColumnKindName = keyof typeof COLUMN_KINDS;

/** What the kind of that name does. */
export function columnKind(kind: string): ColumnKind<unknown, LearnedBase> {
  return COLUMN_KINDS[kind as ColumnKindName].does as unknown as ColumnKind<unknown, LearnedBase>;
}

/** What a column is of which nothing is said. */
export const DEFAULT_COLUMN: ColumnSpec = { kind: 'numeric' };
