// What all kinds of columns share whose cells are numbers: options and records of missing cells, and features of one number.

import type { Fields } from '../options/kinds.ts';
import type { ColumnKind, LearnedBase, Refusal } from './column.ts';
import { TREATMENTS } from './column.ts';
import { type Fill, type FillOptions, learnFill } from './imputation.ts';

/** What is particular to a kind. */
export interface NumberKind<O extends FillOptions, Extra extends object> {
  /** What is kept of the options. */
  readonly saved: (fields: Fields) => object;
  readonly keep: (options: O) => Extra;
  readonly parse: (text: string, from: O | Extra, plain: (text: string) => number) => number;
  readonly cell: (value: unknown, from: O | Extra) => number | undefined;
  readonly refusal: (from: O | Extra) => Refusal | null;
  /** Names of the features of a number, and how they are written. */
  readonly features: (name: string, kept: Extra) => readonly string[];
  readonly write: (out: Float64Array, at: number, value: number, kept: Extra) => void;
  readonly isPlain: boolean;
}

export type LearnedNumbers<Extra> = LearnedBase & Fill & Extra;

/** A kind of column whose cells are numbers. */
export function numberColumn<O extends FillOptions & { readonly kind: string }, Extra extends object>(
  own: NumberKind<O, Extra>,
): ColumnKind<O, LearnedNumbers<Extra>> {
  return {
    saved: (fields) => ({ ...own.saved(fields), ...savedFill(fields) }),
    numbers: true,
    parse: own.parse,
    cell: own.cell,
    refusal: own.refusal,
    treatment: ({ missing }, general) => missing ?? general.treatment,
    learn: (name, column, rows, options, general) => ({
      kind: options.kind,
      name,
      ...own.keep(options),
      ...learnFill(column, rows, options, general),
    }),
    takesMissing: ({ fill }) => fill !== null,
    features: (learned) => [
      ...own.features(learned.name, learned),
      ...(learned.indicator ? [`${learned.name} missing`] : []),
    ],
    encoder: (learned) => {
      const width = own.features(learned.name, learned).length;
      const { fill, indicator } = learned;
      return (out, at, cell) => {
        own.write(out, at, (cell ?? fill) as number, learned);
        if (indicator) out[at + width] = cell === null ? 1 : 0;
      };
    },
    isPlain: ({ fill }) => own.isPlain && fill === null,
    problem: ({ fill, indicator }) => (indicator && fill === null ? 'an indicator without a fill' : null),
  };
}

/** Options about missing cells of numbers. */
export function fillOptions({ oneOf, flag }: Fields) {
  return {
    missing: oneOf(
      TREATMENTS,
      'What is done about missing cells: an error, the row is dropped, or what stands in for them. Default: that of data.missing.',
    ).optional(),
    indicator: flag(
      'Whether a further feature says where a cell was missing, if any was in training. Default: that of data.missing.',
    ).optional(),
  };
}

function savedFill({ finite, flag }: Fields) {
  return {
    fill: finite('What stands in for a missing cell.').nullable(),
    indicator: flag('Whether a feature says where a cell is missing.'),
  };
}
