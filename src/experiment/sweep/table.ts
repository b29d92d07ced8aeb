// What a sweep found: per setting the mean of every metric over its repeats with the standard error of that mean, and the best setting
// by the validation metric. As JSON and CSV; how it looks on a terminal is the command's.

import { meanAndStandardError } from '../../core/metrics/meanAndStandardError.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import type { Sweep, SweepCell } from './cells.ts';
import type { CellResult, SweepDirectory } from './directory.ts';
import type { Setting } from './search.ts';

/** Mean over repeats; the standard error is null where one repeat says nothing of it. */
export interface Averaged {
  readonly mean: number;
  readonly standardError: number | null;
  readonly count: number;
}

export interface TableRow {
  readonly setting: Setting;
  readonly cells: number;
  readonly finished: number;
  readonly failed: number;
  /** The best by the sweep's metric. */
  readonly best: boolean;
  readonly validation: Readonly<Record<string, Averaged>>;
  readonly test: Readonly<Record<string, Averaged>>;
  /** Mean seconds of a cell. */
  readonly seconds: number | null;
}

export interface SweepTable {
  readonly select: Sweep['select'];
  readonly fields: readonly string[];
  /** In the order of the settings. */
  readonly rows: readonly TableRow[];
}

/** Names in an evaluation that are no metrics. */
const COUNTS = new Set(['rows', 'draws', 'nllMonteCarloError']);

/** The table of the cells that have ended. */
export function sweepTable(sweep: Sweep, results: ReadonlyMap<SweepCell, CellResult>): SweepTable {
  const rows = sweep.settings.map((setting, s): TableRow => {
    const cells = sweep.cells.filter((cell) => cell.setting === s);
    const ended = cells.flatMap((cell) => results.get(cell) ?? []);
    const finished = ended.filter(({ status }) => status === 'finished');
    return {
      setting,
      cells: cells.length,
      finished: finished.length,
      failed: ended.length - finished.length,
      best: false,
      validation: averages(finished.map(({ validation }) => validation)),
      test: averages(finished.map(({ test }) => test)),
      seconds: finished.length === 0 ? null : mean(finished.map(({ seconds }) => seconds)).mean,
    };
  });
  const best = bestRow(rows, sweep.select);
  const fields = [...new Set(sweep.settings.flatMap((setting) => Object.keys(setting)))];
  return { select: sweep.select, fields, rows: rows.map((row, i) => ({ ...row, best: i === best })) };
}

/**
 * The best among the settings whose cells all ended well: one that sometimes diverges is not better for the repeats that did not. Only
 * where every setting has lost cells are all of them compared.
 */
function bestRow(rows: readonly TableRow[], select: Sweep['select']): number {
  if (select === null) return -1;
  const name = select.metric.slice('validation.'.length);
  const sign = select.mode === 'min' ? 1 : -1;
  const value = (row: TableRow) => sign * (row.validation[name]?.mean ?? Number.NaN);
  const whole = (row: TableRow) => row.finished === row.cells && Number.isFinite(value(row));
  const eligible = rows.some(whole) ? whole : (row: TableRow) => Number.isFinite(value(row));
  return rows.reduce(
    (best, row, i) => (eligible(row) && (best < 0 || value(row) < value(rows[best])) ? i : best),
    -1,
  );
}

/** Averages of the metrics that every repeat has as a number. */
function averages(repeats: readonly CellResult['test'][]): Record<string, Averaged> {
  const [first, ...others] = repeats;
  if (!first) return {};
  const names = Object.keys(first).filter((name) => !COUNTS.has(name));
  return Object.fromEntries(
    names.flatMap((name) => {
      const values = [first, ...others].map((metrics) => metrics?.[name]);
      return values.every((value) => typeof value === 'number') ? [[name, mean(values)]] : [];
    }),
  );
}

function mean(values: readonly number[]): Averaged {
  const { mean: center, standardError, count } = meanAndStandardError(values);
  return { mean: center, standardError: Number.isFinite(standardError) ? standardError : null, count };
}

/** Writes table.json, table.csv and cells.csv, each whole or not at all. @throws ConfigError if one cannot be written */
export function writeTables(
  table: SweepTable,
  sweep: Sweep,
  results: ReadonlyMap<SweepCell, CellResult>,
  directory: SweepDirectory,
): void {
  writeFileAtomic(directory.path('tableJson'), `${JSON.stringify(table, null, 2)}\n`);
  writeFileAtomic(directory.path('table'), tableCsv(table));
  writeFileAtomic(directory.path('cellTable'), cellsCsv(table.fields, sweep, results));
}

/** One line per setting. */
export function tableCsv({ fields, rows }: SweepTable): string {
  const columns = (['validation', 'test'] as const).flatMap((part) =>
    namesOf(rows.map((row) => row[part])).flatMap((name) => [
      { header: `${part}.${name}.mean`, cell: (row: TableRow) => row[part][name]?.mean },
      { header: `${part}.${name}.standardError`, cell: (row: TableRow) => row[part][name]?.standardError },
    ]),
  );
  const header = [
    ...fields,
    'best',
    'cells',
    'finished',
    'failed',
    ...columns.map((column) => column.header),
    'seconds',
  ];
  const lines = rows.map((row) => [
    ...fields.map((field) => row.setting[field]),
    row.best ? 1 : 0,
    row.cells,
    row.finished,
    row.failed,
    ...columns.map(({ cell }) => cell(row)),
    row.seconds,
  ]);
  return csv([header, ...lines]);
}

/** One line per cell. */
export function cellsCsv(
  fields: readonly string[],
  sweep: Sweep,
  results: ReadonlyMap<SweepCell, CellResult>,
): string {
  const all = [...results.values()];
  const columns = (['validation', 'test'] as const).flatMap((part) =>
    namesOf(all.map((result) => result[part])).map((name) => ({
      header: `${part}.${name}`,
      cell: (result: CellResult) => result[part]?.[name],
    })),
  );
  const tail = ['epochs', 'epochKept', 'seconds', 'posteriorDigest', 'run', 'error'] as const;
  const header = [...fields, 'seed', 'split', 'status', ...columns.map((column) => column.header), ...tail];
  const lines = sweep.cells.map((cell) => {
    const result = results.get(cell);
    return [
      ...fields.map((field) => cell.values[field]),
      cell.seed,
      cell.split,
      result?.status ?? 'not run',
      ...columns.map((column) => result && column.cell(result)),
      ...tail.map((name) => result?.[name]),
    ];
  });
  return csv([header, ...lines]);
}

function namesOf(parts: readonly (Readonly<Record<string, unknown>> | null)[]): string[] {
  const names = new Set(parts.flatMap((part) => Object.keys(part ?? {})));
  return [...names].filter((name) => !COUNTS.has(name));
}

/** RFC 4180: quotes where needed; what is no number or string stands as JSON, what is missing as nothing. */
function csv(lines: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown) => {
    if (value === null || value === undefined) return '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map((line) => `${line.map(cell).join(',')}\n`).join('');
}
