// Columns of two outcomes: the feature is 1 for true and 0 for false, however a table spells them.

import type { Fields } from '../options/kinds.ts';
import type { FillOptions } from './imputation.ts';
import { fillOptions, numberColumn } from './numberColumn.ts';

/** Spellings, in lower case. */
const TRUE = ['true', 't', 'yes', 'y', 'on', '1', '1.0', 'wahr', 'ja', 'vrai', 'oui'];
const FALSE = ['false', 'f', 'no', 'n', 'off', '0', '0.0', 'falsch', 'nein', 'faux', 'non'];

export interface Spellings {
  readonly true?: readonly string[] | undefined;
  readonly false?: readonly string[] | undefined;
}

const SPELLING = 'a list of texts';

function spellings({ list, anyText }: Fields) {
  return {
    true: list(
      anyText('A text.'),
      SPELLING,
      'Texts that mean true. Default: true, t, yes, y, on, 1, wahr, ja, vrai and oui, in capitals or not.',
    ).optional(),
    false: list(
      anyText('A text.'),
      SPELLING,
      'Texts that mean false. Default: false, f, no, n, off, 0, falsch, nein, faux and non, in capitals or not.',
    ).optional(),
  };
}

function truth(text: string, from: Spellings): number {
  if (from.true?.includes(text)) return 1;
  if (from.false?.includes(text)) return 0;
  const plain = text.toLowerCase();
  if (from.true === undefined && TRUE.includes(plain)) return 1;
  return from.false === undefined && FALSE.includes(plain) ? 0 : Number.NaN;
}

/** Whether `text` is one of the usual spellings. */
export function isTruth(text: string): boolean {
  return !Number.isNaN(truth(text, {}));
}

export const booleanOptions = (fields: Fields) => ({ ...spellings(fields), ...fillOptions(fields) });

export const boolean = numberColumn<FillOptions & Spellings & { readonly kind: string }, Spellings>({
  saved: spellings,
  keep: (options) => ({
    ...(options.true === undefined ? {} : { true: options.true }),
    ...(options.false === undefined ? {} : { false: options.false }),
  }),
  parse: (text, from) => truth(text, from),
  cell: (value, from) => {
    if (typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    const found = truth(String(value), from);
    return Number.isNaN(found) ? undefined : found;
  },
  refusal: () => ({
    expected: 'true or false',
    next: 'correct it, list its spelling in true or false of the column, or call the column categorical',
  }),
  features: (name) => [name],
  write: (out, at, value) => {
    out[at] = value;
  },
  isPlain: false,
});
