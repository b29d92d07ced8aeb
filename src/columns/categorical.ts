// Columns of categories without an order: a feature for each level, 1 where the cell is of that level and else 0 (one-hot).

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

const UNSEEN = ['error', 'ignore', 'other'] as const;
const MISSING = ['error', 'drop', 'level', 'mostFrequent'] as const;

export interface CategoricalOptions {
  readonly kind: string;
  readonly levels?: readonly string[] | undefined;
  readonly unseen: (typeof UNSEEN)[number];
  readonly leastRows: number;
  readonly missing?: (typeof MISSING)[number] | undefined;
  readonly indicator?: boolean | undefined;
}

export interface LearnedCategories extends LearnedLevels {
  readonly unseen: (typeof UNSEEN)[number];
  /** Whether a feature is 1 where the cell is missing. */
  readonly indicator: boolean;
  /** Whether a missing cell is of no level: all features but the indicator are 0. */
  readonly missingLevel: boolean;
}

const treatment = levelTreatment(MISSING, 'level');

export const categoricalOptions = ({ oneOf, list, anyText, count, flag }: Fields) => ({
  levels: list(
    anyText('A level.'),
    'a list of texts',
    'Levels, in the order of their features. Default: those of the training rows, in numeric order if all are integers, else in the order of UTF-16 code units.',
  ).optional(),
  unseen: oneOf(
    UNSEEN,
    'What is done about a text that is no level: an error, all features 0, or a feature for all others.',
  ).default('error'),
  leastRows: count(
    'Texts in fewer training rows than this are no levels; with more than 1, set unseen to ignore or other.',
  ).default(1),
  missing: oneOf(
    MISSING,
    'What is done about missing cells: an error, the row is dropped, a level of their own, or the most frequent level. Default: that of data.missing, level where that is mean or median.',
  ).optional(),
  indicator: flag(
    'With mostFrequent: whether a further feature says where a cell was missing, if any was in training. Default: that of data.missing.',
  ).optional(),
});

export const categorical: ColumnKind<CategoricalOptions, LearnedCategories> = {
  ...LEVEL_CELLS,
  saved: ({ oneOf, list, anyText, flag }: Fields) => ({
    levels: list(anyText('A level.'), 'a list of texts', 'Levels.'),
    unseen: oneOf(UNSEEN, 'What is done about other texts.'),
    fill: anyText('The level of a missing cell.').nullable(),
    indicator: flag('Whether a feature says where a cell is missing.'),
    missingLevel: flag('Whether a missing cell is of no level.'),
  }),
  treatment,
  learn: (name, column, rows, options, general) => {
    const treated = treatment(options, general);
    if (options.leastRows > 1 && options.unseen === 'error')
      throw new Refused(
        'unseen to be ignore or other with leastRows above 1',
        '"error"',
        'rare texts are no levels then: say what becomes of them',
      );
    const levels = options.levels ?? learnLevels(column, rows, options.leastRows);
    if (levels.length === 0 && treated !== 'level') throw new Refused(...NO_LEVELS);
    const missing = hasMissing(column, rows);
    const fills = treated === 'mostFrequent';
    return {
      kind: options.kind,
      name,
      levels,
      unseen: options.unseen,
      fill: fills ? mostFrequentLevel(column, rows, levels) : null,
      indicator: missing && (treated === 'level' || (fills && (options.indicator ?? general.indicator))),
      missingLevel: treated === 'level',
    };
  },
  takesMissing: ({ fill, missingLevel }) => fill !== null || missingLevel,
  features: ({ name, levels, unseen: others, indicator }) => [
    ...levels.map((level) => `${name}=${level}`),
    ...(others === 'other' ? [`${name} other`] : []),
    ...(indicator ? [`${name} missing`] : []),
  ],
  encoder: ({ levels, unseen: others, fill, indicator }) => {
    const places = new Map(levels.map((level, k) => [level, k]));
    const width = levels.length + (others === 'other' ? 1 : 0);
    return (out, at, cell) => {
      out.fill(0, at, at + width + (indicator ? 1 : 0));
      if (indicator && cell === null) out[at + width] = 1;
      const text = cell ?? fill;
      if (text === null) return;
      const place = places.get(String(text));
      if (place !== undefined) out[at + place] = 1;
      else if (others === 'other') out[at + levels.length] = 1;
      else if (others === 'error')
        unseen(
          levels,
          String(text),
          'the model never saw it: correct it, leave the row out, or train with unseen: ignore or other',
        );
    };
  },
};
