// What the columns of a table probably hold, and what is to be predicted: a proposal for people to look at, never used unsaid.

import type { ColumnInput } from '../../columns/index.ts';
import { sortedLevels } from '../../columns/levels.ts';
import type { DecimalMark, ThousandsMark } from '../formats/number.ts';
import { type ColumnSurvey, MOST_DISTINCT, type TableSurvey } from './survey.ts';

/** Levels of a category at most, if each has rows enough to learn of it. */
const MANY_LEVELS = 50;
/** Whole numbers as targets are classes if at most this many are distinct. */
const MANY_CLASSES = 10;
/** With fewer rows on average a level is learned of too little. */
const LEAST_ROWS = 5;

export type Role = 'feature' | 'passThrough' | 'left out';

export interface ColumnGuess {
  readonly survey: ColumnSurvey;
  readonly role: Role;
  /** What a config has to say of it; null for plain numbers and what is no feature. */
  readonly kind: ColumnInput | null;
  /** Whether it is a time by which rows may be ordered. */
  readonly isTime: boolean;
  /** For people: `4 levels`, `12 of 300 missing`. */
  readonly why: string;
}

export interface TableGuess {
  readonly columns: readonly ColumnGuess[];
  readonly decimal: DecimalMark;
  readonly thousands: ThousandsMark | null;
  readonly header: boolean | null;
  /** Whether a feature has missing cells. */
  readonly missing: boolean;
}

export function guessTable(survey: TableSurvey): TableGuess {
  const { decimal, thousands } = numberFormat(survey);
  const columns = survey.columns.map((column) => guessColumn(column, decimal, thousands));
  const missing = columns.some(({ role, survey: { missing } }) => role === 'feature' && missing > 0);
  return { columns, decimal, thousands, header: survey.header, missing };
}

/** What a column of targets is for. */
export function guessTask(
  { distinct, wholeNumbers, cells, missing }: ColumnSurvey,
  isNumeric: boolean,
): {
  readonly task: 'regression' | 'classification';
  readonly why: string;
} {
  const filled = cells - missing;
  const classes = distinct?.size ?? Number.POSITIVE_INFINITY;
  if (!isNumeric) return { task: 'classification', why: `${classes} texts` };
  if (wholeNumbers === filled && classes <= MANY_CLASSES && classes * LEAST_ROWS <= filled)
    return { task: 'classification', why: `${classes} different whole numbers` };
  return { task: 'regression', why: 'numbers' };
}

/** Whether all cells of a column are numbers, as the table writes them. */
export function isNumeric(
  survey: ColumnSurvey,
  decimal: DecimalMark,
  thousands: ThousandsMark | null,
): boolean {
  const filled = survey.cells - survey.missing;
  const numbers = decimal === '.' ? [survey.point, survey.groupedPoint] : [survey.comma, survey.groupedComma];
  return filled > 0 && numbers[thousands === null ? 0 : 1] === filled;
}

/** A comma is the mark where some column is of numbers only if it is; likewise groups of digits. */
function numberFormat({ columns }: TableSurvey): { decimal: DecimalMark; thousands: ThousandsMark | null } {
  const all = (key: 'point' | 'comma' | 'groupedPoint' | 'groupedComma') =>
    columns.map((column) => column[key] > 0 && column[key] === column.cells - column.missing);
  const [point, comma, groupedPoint, groupedComma] = [
    all('point'),
    all('comma'),
    all('groupedPoint'),
    all('groupedComma'),
  ];
  const only = (mark: readonly boolean[], other: readonly boolean[]) => mark.some((is, c) => is && !other[c]);
  // 1,234 alone may be a fraction or a group: a column that is both ways is settled by the others.
  // 1.234,5 is a number by both marks together alone; where other columns need a point it is text.
  const isComma =
    only(comma, groupedPoint) ||
    (only(comma, point) && !only(groupedPoint, comma)) ||
    (only(groupedComma, groupedPoint) && !only(groupedPoint, groupedComma));
  const decimal = isComma ? ',' : '.';
  if (decimal === '.') return { decimal, thousands: only(groupedPoint, point) ? ',' : null };
  return { decimal, thousands: only(groupedComma, comma) ? '.' : null };
}

function guessColumn(
  survey: ColumnSurvey,
  decimal: DecimalMark,
  thousands: ThousandsMark | null,
): ColumnGuess {
  const { cells, missing, distinct, truths, dates, leadingZeros, header, counts } = survey;
  const filled = cells - missing;
  const guess = (role: Role, kind: ColumnInput | null, why: string, isTime = false): ColumnGuess => ({
    survey,
    role,
    kind,
    isTime,
    why: missing > 0 && role === 'feature' ? `${why}, ${missing} of ${cells} missing` : why,
  });
  if (filled === 0) return guess('left out', null, 'empty');
  if (header === '')
    return guess('passThrough', null, counts ? 'numbers of rows' : 'a column without a name');
  const different = distinct?.size ?? Number.POSITIVE_INFINITY;
  if (different === 1)
    return guess('left out', null, `${JSON.stringify([...(distinct ?? [])][0][0])} in every row`);
  const isId = different === filled || (distinct === null && filled < 1.1 * MOST_DISTINCT);
  const named = /^(?:.*[_ .-])?(?:id|key|uuid|guid)$|[a-z]Id$/i.test(survey.name);
  if (counts && (named || survey.column === 0)) return guess('passThrough', null, 'numbers of rows');
  if (isNumeric(survey, decimal, thousands) && leadingZeros === 0)
    return named && isId ? guess('passThrough', null, 'an id') : guess('feature', null, 'numbers');
  const format = (Object.keys(dates) as (keyof typeof dates)[]).find((name) => dates[name] === filled);
  if (format !== undefined)
    return guess(
      'feature',
      format === 'iso' ? 'date' : { kind: 'date', format },
      `dates such as ${sample(survey)}`,
      true,
    );
  if (truths === filled && different === 2) return guess('feature', 'boolean', levelsOf(survey));
  if (different <= MANY_LEVELS && different * 2 <= filled)
    return guess('feature', { kind: 'categorical', unseen: 'ignore' }, levelsOf(survey));
  if (distinct !== null && filled / different >= LEAST_ROWS)
    return guess('feature', { kind: 'categorical', unseen: 'other', leastRows: 10 }, `${different} levels`);
  return guess(
    'passThrough',
    null,
    `${isId ? 'different in every row' : 'texts that hardly repeat'}, such as ${sample(survey)}`,
  );
}

function sample({ distinct }: ColumnSurvey): string {
  return shown(distinct === null ? '…' : [...distinct.keys()][0]);
}

function levelsOf({ distinct }: ColumnSurvey): string {
  const levels = sortedLevels([...(distinct ?? new Map<string, number>()).keys()]);
  const listed = levels.slice(0, 5).map(shown).join(', ');
  return `${levels.length} levels: ${listed}${levels.length > 5 ? ' …' : ''}`;
}

function shown(text: string): string {
  return text.length > 20 ? `${text.slice(0, 20)}…` : text;
}
