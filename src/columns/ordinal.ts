// Columns of categories with an order: the feature is the place of the level, from 0.

import type { Fields } from '../options/kinds.ts';
import { type ColumnKind, Refused } from './column.ts';
import {
  hasMissing,
  LEVEL_CELLS,
  type LearnedLevels,
  learnLevels,
  levelTreatment,
  mostFrequentLevel,
  NO_LEVELS,
  unseen,
} from './levels.ts';

const MISSING = ['error', 'drop', 'mostFrequent'] as const;

export interface OrdinalOptions {
  readonly kind: string;
  readonly levels?: readonly string[] | undefined;
  readonly missing?: (typeof MISSING)[number] | undefined;
  readonly indicator?: boolean | undefined;
}

export interface LearnedOrdinal extends LearnedLevels {
  readonly indicator: boolean;
}

const treatment = levelTreatment(MISSING, 'mostFrequent');

export const ordinalOptions = ({ oneOf, list, anyText, flag }: Fields) => ({
  levels: list(
    anyText('A level.'),
    'a list of texts',
    'Levels in their order. Default: those of the training rows, in numeric order if all are integers, else in the order of UTF-16 code units.',
  ).optional(),
  missing: oneOf(
    MISSING,
    'What is done about missing cells: an error, the row is dropped, or the most frequent level. Default: that of data.missing, mostFrequent where that is mean or median.',
  ).optional(),
  indicator: flag(
    'Whether a further feature says where a cell was missing, if any was in training. Default: that of data.missing.',
  ).optional(),
});

export const ordinal: ColumnKind<OrdinalOptions, LearnedOrdinal> = {
  ...LEVEL_CELLS,
  saved: ({ list, anyText, flag }: Fields) => ({
    levels: list(anyText('A level.'), 'a list of texts', 'Levels in their order.'),
    fill: anyText('The level of a missing cell.').nullable(),
    indicator: flag('Whether a feature says where a cell is missing.'),
  }),
  treatment,
  learn: (name, column, rows, options, general) => {
    const levels = options.levels ?? learnLevels(column, rows);
    if (levels.length === 0) throw new Refused(...NO_LEVELS);
    const fills = treatment(options, general) === 'mostFrequent';
    return {
      kind: options.kind,
      name,
      levels,
      fill: fills ? mostFrequentLevel(column, rows, levels) : null,
      indicator: fills && hasMissing(column, rows) && (options.indicator ?? general.indicator),
    };
  },
  takesMissing: ({ fill }) => fill !== null,
  features: ({ name, indicator }) => [name, ...(indicator ? [`${name} missing`] : [])],
  encoder: ({ levels, fill, indicator }) => {
    const places = new Map(levels.map((level, k) => [level, k]));
    return (out, at, cell) => {
      if (indicator) out[at + 1] = cell === null ? 1 : 0;
      const text = String(cell ?? fill);
      out[at] =
        places.get(text) ??
        unseen(
          levels,
          text,
          'the model never saw it: correct it, leave the row out, or list it in levels and train',
        );
    };
  },
};
