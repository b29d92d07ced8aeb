// Columns of numbers: the feature is the number itself.

import type { FillOptions } from './imputation.ts';
import { fillOptions, numberColumn } from './numberColumn.ts';

export const numericOptions = fillOptions;

export const numeric = numberColumn<FillOptions & { readonly kind: string }, object>({
  saved: () => ({}),
  keep: () => ({}),
  parse: (text, _, plain) => plain(text),
  cell: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
  refusal: () => null,
  features: (name) => [name],
  write: (out, at, value) => {
    out[at] = value;
  },
  isPlain: true,
});
