// What columns of categories share: their cells, and which levels there are in the training rows, in one order for every machine.

import { listed } from '../messages.ts';
import { type LearnedBase, type MissingCells, type RawColumn, Refused } from './column.ts';

/**
 * Distinct texts of the training rows: in numeric order if all are plain integers, else in the order of UTF-16 code units (of no locale).
 * @param least levels with fewer training rows are left out
 */
export function learnLevels({ values, texts }: RawColumn, rows: ArrayLike<number>, least = 1): string[] {
  const counts = countLevels({ values, texts }, rows);
  return sortedLevels((texts as readonly string[]).filter((_, code) => counts[code] >= least));
}

export function sortedLevels(levels: readonly string[]): string[] {
  const inText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return levels.every((level) => /^-?(?:0|[1-9]\d{0,14})$/.test(level))
    ? [...levels].sort((a, b) => Number(a) - Number(b))
    : [...levels].sort(inText);
}

/** The level with most training rows; the first of equals in the order of `levels`. */
export function mostFrequentLevel(
  column: RawColumn,
  rows: ArrayLike<number>,
  levels: readonly string[],
): string {
  const counts = countLevels(column, rows);
  const count = new Map((column.texts as readonly string[]).map((text, code) => [text, counts[code]]));
  let best = levels[0];
  for (const level of levels) if ((count.get(level) ?? 0) > (count.get(best) ?? 0)) best = level;
  return best;
}

/** What every kind learns: its levels, and the level of a missing cell, null for none. */
export interface LearnedLevels extends LearnedBase {
  readonly levels: readonly string[];
  readonly fill: string | null;
}

/** The part of a column kind that is the same whatever features levels become. */
export const LEVEL_CELLS = {
  numbers: false,
  cell: levelOf,
  refusal: () => ({ expected: 'a text, a number or a boolean', next: 'pass one of the levels' }),
  isPlain: () => false,
  problem: ({ levels, fill }: LearnedLevels): string | null => {
    if (new Set(levels).size < levels.length) return 'a level twice';
    return fill === null || levels.includes(fill) ? null : 'a fill that is no level';
  },
} as const;

/**
 * The treatment of missing cells that a column names, else that of the table.
 * @param otherwise in place of one that categories cannot have, such as the mean
 */
export function levelTreatment<T extends string>(known: readonly T[], otherwise: T) {
  return ({ missing }: { readonly missing?: T | undefined }, general: Pick<MissingCells, 'treatment'>): T =>
    known.find((treatment) => treatment === (missing ?? general.treatment)) ?? otherwise;
}

/** What is refused where there is none: expected, got, next. */
export const NO_LEVELS = [
  'at least 1 level in the training rows',
  'none',
  'lower leastRows, or leave the column out with data.features',
] as const;

export function hasMissing({ values }: RawColumn, rows: ArrayLike<number>): boolean {
  for (let i = 0; i < rows.length; i++) if (values[rows[i]] < 0) return true;
  return false;
}

function countLevels({ values, texts }: RawColumn, rows: ArrayLike<number>): Int32Array {
  const counts = new Int32Array((texts as readonly string[]).length);
  for (let i = 0; i < rows.length; i++) if (values[rows[i]] >= 0) counts[values[rows[i]]]++;
  return counts;
}

/** A cell of an object as the text of a level: numbers and booleans as JavaScript writes them. */
export function levelOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

export function unseen(levels: readonly string[], text: string, next: string): never {
  throw new Refused(
    `one of ${listed(levels.slice(0, 10).map(quoted))}${levels.length > 10 ? ' …' : ''}`,
    quoted(text),
    next,
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
