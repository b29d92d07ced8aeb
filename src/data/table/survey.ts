// Looks through a table for what its columns hold: counts of each kind of cell, nothing kept but a bounded number of distinct texts.

import { isTruth } from '../../columns/boolean.ts';
import { DATE_FORMATS, type DateFormat, parseDate } from '../../columns/date.ts';
import { MISSING_MARKERS } from '../../columns/missing.ts';
import { type DataFile, openDataFile, type ReadOptions } from '../files.ts';
import type { TextFormat } from '../formats/delimited.ts';
import { isDecimal, toNumber } from '../formats/number.ts';
import { scanTable } from '../formats/scan.ts';
import { columnName } from './frameColumns.ts';

/** More distinct texts than this are no categories. */
export const MOST_DISTINCT = 1000;

/** What was found in a column. */
export interface ColumnSurvey {
  /** As a posterior calls it. */
  readonly name: string;
  /** The cell of the header; null without a header, empty where it is. */
  readonly header: string | null;
  readonly column: number;
  readonly cells: number;
  readonly missing: number;
  /** Cells that are numbers: with a point, with a comma, or with either and digits in groups. */
  readonly point: number;
  readonly comma: number;
  readonly groupedPoint: number;
  readonly groupedComma: number;
  readonly wholeNumbers: number;
  /** Whole numbers with a zero in front: codes rather than numbers. */
  readonly leadingZeros: number;
  readonly truths: number;
  readonly dates: Readonly<Record<DateFormat, number>>;
  /** Distinct texts and how often each is there; null where there are more than MOST_DISTINCT. */
  readonly distinct: ReadonlyMap<string, number> | null;
  /** Whether each cell is the number of the one before plus 1. */
  readonly counts: boolean;
}

export interface TableSurvey {
  readonly rows: number;
  readonly columns: readonly ColumnSurvey[];
  /** How the first line was taken, where that had to be found out from all rows; null where a reader finds it out. */
  readonly header: boolean | null;
}

/** @throws DataError as a reader of the table */
export function surveyTable(path: string, options: TextFormat & ReadOptions = {}): TableSurvey {
  const file = openDataFile(path, options);
  const found = scan(file, options);
  if ((options.header ?? 'auto') !== 'auto' || found.names !== null) return found.survey(null);
  // All text above all text: names stand in their column once, categories more often.
  const isHeader = found.firstIsNames();
  if (isHeader === null) return found.survey(null);
  return isHeader ? scan(file, { ...options, header: true }).survey(true) : found.survey(false);
}

function scan(file: DataFile, options: TextFormat): SurveySink {
  const sink = new SurveySink();
  scanTable(file, options, sink);
  return sink;
}

class SurveySink {
  names: readonly string[] | null = null;
  #first: readonly string[] = [];
  #columns: ColumnCounter[] = [];
  #rows = 0;

  start(names: readonly string[] | null, columns: number): void {
    this.names = names;
    this.#columns = Array.from({ length: columns }, (_, c) => new ColumnCounter(columnName(names, c), c));
  }

  row(cells: readonly unknown[]): void {
    if (this.#rows++ === 0) this.#first = cells.map(textOf);
    for (let c = 0; c < this.#columns.length; c++) this.#columns[c].add(textOf(cells[c]));
  }

  /** Whether the first row names the columns; null where it holds a number or an empty cell, and so is none. */
  firstIsNames(): boolean | null {
    if (this.#rows < 3 || this.#first.some((cell) => cell === '' || isDecimal(cell))) return null;
    const once = this.#columns.filter(({ distinct }, c) => distinct?.get(this.#first[c]) === 1);
    const repeats = this.#columns.some(({ distinct }) => distinct !== null && distinct.size < this.#rows / 2);
    return (
      repeats && once.length === this.#columns.length && new Set(this.#first).size === this.#first.length
    );
  }

  survey(header: boolean | null): TableSurvey {
    const columns = this.#columns.map((counter) => ({
      ...counter.counts(),
      header: this.names?.[counter.column] ?? null,
    }));
    return { rows: this.#rows, columns, header };
  }
}

function textOf(cell: unknown): string {
  if (cell instanceof Date) return cell.toISOString();
  return cell === null || cell === undefined ? '' : String(cell);
}

const MISSING = new Set(MISSING_MARKERS);

class ColumnCounter {
  distinct: Map<string, number> | null = new Map();
  #cells = 0;
  #missing = 0;
  #last = Number.NaN;
  #rises = true;
  readonly #numbers = {
    point: 0,
    comma: 0,
    groupedPoint: 0,
    groupedComma: 0,
    wholeNumbers: 0,
    leadingZeros: 0,
  };
  #truths = 0;
  readonly #dates: Record<DateFormat, number> = { iso: 0, 'd.m.y': 0, 'd/m/y': 0, 'm/d/y': 0 };

  constructor(
    readonly name: string,
    readonly column: number,
  ) {}

  add(text: string): void {
    this.#cells++;
    if (MISSING.has(text)) {
      this.#missing++;
      return;
    }
    if (this.distinct !== null) {
      this.distinct.set(text, (this.distinct.get(text) ?? 0) + 1);
      if (this.distinct.size > MOST_DISTINCT) this.distinct = null;
    }
    this.#addNumber(text);
    if (isTruth(text)) this.#truths++;
    if (/^\d/.test(text))
      for (const format of DATE_FORMATS) if (!Number.isNaN(parseDate(text, format))) this.#dates[format]++;
  }

  #addNumber(text: string): void {
    const n = this.#numbers;
    if (isDecimal(text)) n.point++;
    if (!Number.isNaN(toNumber(text, true, ','))) n.comma++;
    if (!Number.isNaN(toNumber(text, true, '.', ','))) n.groupedPoint++;
    if (!Number.isNaN(toNumber(text, true, ',', '.'))) n.groupedComma++;
    const whole = /^[+-]?\d+$/.test(text);
    if (whole) n.wholeNumbers++;
    if (/^0\d/.test(text)) n.leadingZeros++;
    const value = whole ? Number(text) : Number.NaN;
    this.#rises &&= this.#cells === 1 ? value === 0 || value === 1 : value === this.#last + 1;
    this.#last = value;
  }

  counts(): Omit<ColumnSurvey, 'header'> {
    return {
      name: this.name,
      column: this.column,
      cells: this.#cells,
      missing: this.#missing,
      ...this.#numbers,
      truths: this.#truths,
      dates: this.#dates,
      distinct: this.distinct,
      counts: this.#rises && this.#missing === 0 && this.#cells > 2,
    };
  }
}
