// Which texts stand for a missing cell, and what is done about missing cells where nothing is said.

import type { MissingCells, Treatment } from './column.ts';

/** Texts that stand for a missing cell where nothing is said, as they are written. */
export const MISSING_MARKERS: readonly string[] = [
  '',
  'NA',
  'N/A',
  'n/a',
  '#N/A',
  '<NA>',
  'NaN',
  'nan',
  'NULL',
  'null',
  'None',
  '?',
];

/** What a config or a program says about missing cells. */
export interface MissingOptions {
  readonly markers?: readonly string[] | undefined;
  readonly treatment?: Treatment | undefined;
  readonly indicator?: boolean | undefined;
  readonly target?: 'error' | 'drop' | undefined;
}

/** Missing cells of features, and whether rows without a target are dropped. */
export interface MissingRules extends MissingCells {
  readonly dropWithoutTarget: boolean;
}

/** Options, or the treatment alone, with every default filled in. The empty cell is always missing. */
export function missingRules(given: MissingOptions | Treatment | undefined): MissingRules {
  const options: MissingOptions = typeof given === 'string' ? { treatment: given } : (given ?? {});
  const { markers, treatment, indicator, target } = options;
  return {
    markers: markers === undefined ? MISSING_MARKERS : ['', ...markers.filter((marker) => marker !== '')],
    treatment: treatment ?? 'error',
    indicator: indicator ?? true,
    dropWithoutTarget: target === 'drop',
  };
}
