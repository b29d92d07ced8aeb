// Columns of dates and times: days since 1970-01-01 in UTC, and where asked for the place in the year, the week and the day as
// sine and cosine. Nothing depends on the time zone of the machine.

import { cos, sin } from '../math/float64.ts';
import type { Fields } from '../options/kinds.ts';
import type { FillOptions } from './imputation.ts';
import { fillOptions, numberColumn } from './numberColumn.ts';

export const DATE_FORMATS = ['iso', 'd.m.y', 'd/m/y', 'm/d/y'] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];
const PARTS = ['days', 'year', 'week', 'day'] as const;
type Part = (typeof PARTS)[number];

export interface DateReading {
  readonly format: DateFormat;
  readonly parts: readonly Part[];
}

const TIME = String.raw`(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?)?\s*(Z|[+-]\d{2}:?\d{2})?`;
const ISO = new RegExp(`^(\\d{4})-(\\d{1,2})(?:-(\\d{1,2}))?${TIME}$`);
const OTHER: Readonly<Record<Exclude<DateFormat, 'iso'>, RegExp>> = {
  'd.m.y': new RegExp(`^(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})${TIME}$`),
  'd/m/y': new RegExp(`^(\\d{1,2})/(\\d{1,2})/(\\d{4})${TIME}$`),
  'm/d/y': new RegExp(`^(\\d{1,2})/(\\d{1,2})/(\\d{4})${TIME}$`),
};

/** Days since 1970-01-01T00:00Z, with the time as a fraction; NaN for no date. Without an offset a time is one in UTC. */
export function parseDate(text: string, format: DateFormat): number {
  const found = (format === 'iso' ? ISO : OTHER[format]).exec(text);
  if (found === null) return Number.NaN;
  const [, a, b, c = '1', hour = '0', minute = '0', second = '0', offset] = found;
  const [year, month, day] = format === 'iso' ? [a, b, c] : format === 'm/d/y' ? [c, a, b] : [c, b, a];
  const days = civilDays(Number(year), Number(month), Number(day));
  const [h, m, s] = [Number(hour), Number(minute), Number(second.replace(',', '.'))];
  if (h > 24 || m > 59 || s >= 61 || (h === 24 && m + s > 0)) return Number.NaN;
  return days + ((h * 60 + m - minutesOf(offset)) * 60 + s) / 86_400;
}

function minutesOf(offset: string | undefined): number {
  if (offset === undefined || offset === 'Z') return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2));
  return offset[0] === '-' ? -minutes : minutes;
}

/** Days from 1970-01-01 to a day of the Gregorian calendar; NaN for none such as 30 February. */
function civilDays(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1) return Number.NaN;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (day > lengths[month - 1]) return Number.NaN;
  const before = lengths.slice(0, month - 1).reduce((sum, length) => sum + length, 0);
  return yearStart(year) + before + day - 1;
}

/** Days from 1970-01-01 to 1 January of a year. */
function yearStart(year: number): number {
  const past = year - 1;
  const leaps = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  return 365 * (year - 1970) + leaps - 477;
}

/** How far through its year a day is, from 0 to 1. */
function placeInYear(days: number): number {
  let year = 1970 + Math.floor(days / 365.2425);
  while (yearStart(year) > days) year--;
  while (yearStart(year + 1) <= days) year++;
  return (days - yearStart(year)) / (yearStart(year + 1) - yearStart(year));
}

/** Where a day is in a cycle, from 0 to 1; 1970-01-01 was a Thursday, weeks start on Monday. */
const CYCLES: Readonly<Record<Exclude<Part, 'days'>, (days: number) => number>> = {
  year: placeInYear,
  week: (days) => ((((days + 3) % 7) + 7) % 7) / 7,
  day: (days) => days - Math.floor(days),
};

const reading = ({ oneOf, list }: Fields) => ({
  format: oneOf(
    DATE_FORMATS,
    'How dates are written: iso (2024-01-31, with a time or not), or day, month and year in this order.',
  ),
  parts: list(
    oneOf(PARTS, 'A part.'),
    `a list of ${PARTS.join(', ')}`,
    'Features of a date: days since 1970-01-01, and its place in the year, the week and the day, each as sine and cosine.',
  ),
});

export function dateOptions(fields: Fields) {
  const { format, parts } = reading(fields);
  return { format: format.default('iso'), parts: parts.default(['days']), ...fillOptions(fields) };
}

const DATE_NEXT: Readonly<Record<DateFormat, string>> = {
  iso: '2024-01-31',
  'd.m.y': '31.1.2024',
  'd/m/y': '31/1/2024',
  'm/d/y': '1/31/2024',
};

export const date = numberColumn<FillOptions & DateReading & { readonly kind: string }, DateReading>({
  saved: reading,
  keep: ({ format, parts }) => ({ format, parts }),
  parse: (text, { format }) => parseDate(text, format),
  cell: (value, { format }) => {
    const days = value instanceof Date ? value.getTime() / 86_400_000 : parseDate(String(value), format);
    return (typeof value === 'string' || value instanceof Date) && Number.isFinite(days) ? days : undefined;
  },
  refusal: ({ format }) => ({
    expected: `a date such as ${DATE_NEXT[format]}`,
    next: 'correct it, or set format of the column',
  }),
  features: (name, { parts }) =>
    parts.flatMap((part) => (part === 'days' ? [name] : [`${name} sin ${part}`, `${name} cos ${part}`])),
  write: (out, at, value, { parts }) => {
    let to = at;
    for (const part of parts) {
      if (part === 'days') out[to++] = value;
      else {
        const angle = 2 * Math.PI * CYCLES[part](value);
        out[to++] = sin(angle);
        out[to++] = cos(angle);
      }
    }
  },
  isPlain: false,
});
