// Tables as a program reads them: the options of a config's data, checked by the same schema; parts that train and predict take.

import { KERNEL_EPOCH } from '../backend/kernelEpoch.ts';
import type { Treatment } from '../columns/column.ts';
import type { ColumnInput, ColumnSpec } from '../columns/index.ts';
import { type MissingOptions, missingRules } from '../columns/missing.ts';
import { COLUMNS_VERSION, featureNames, type TableColumns } from '../columns/tableColumns.ts';
import { checkPosterior } from '../core/arguments.ts';
import { type Matrix, unchangingMatrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { ColumnRef } from '../data/columns.ts';
import { defaultMaxBytes } from '../data/files.ts';
import type { Encoding } from '../data/formats/encoding.ts';
import type { DecimalMark, ThousandsMark } from '../data/formats/number.ts';
import { type CsvSpec, textFormat } from '../data/spec.ts';
import { divideFrame, divisionKeys } from '../data/table/divide.ts';
import { encodeFrame, learnColumns } from '../data/table/encode.ts';
import type { Frame, TextColumn } from '../data/table/frame.ts';
import type { FrameOptions } from '../data/table/frameColumns.ts';
import { type ColumnGuess, guessTable, guessTask, isNumeric } from '../data/table/guess.ts';
import { sequence, tableOf } from '../data/table/loadTable.ts';
import { readFrame } from '../data/table/readFrame.ts';
import { surveyTable } from '../data/table/survey.ts';
import { describeValue, mismatch } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import { shuffledOf } from '../random/earlierEpochs.ts';
import type { Seed } from '../random/seed.ts';
import { rowsSchema, splitSchema, tableSchema } from './config/tableFields.ts';

/** How the text of a table is written. */
export interface TextOptions {
  /** One character, `tab` or `whitespace`. Default: found out from the first line. */
  readonly delimiter?: string;
  /** Whether the first line names the columns; `skip` passes over it. Default: `auto`. */
  readonly header?: boolean | 'auto' | 'skip';
  /** What stands before the fraction of numbers. Default: a point. */
  readonly decimal?: DecimalMark;
  /** What stands between groups of three digits. Default: nothing. */
  readonly thousands?: ThousandsMark;
  /** Default: UTF-16 where the file starts with its byte order mark, else UTF-8. */
  readonly encoding?: Encoding;
  /** Lines that start with this are passed over. Default: none. */
  readonly comment?: string;
}

/** What a table holds; the words are those of `data` in a config. */
export interface TableOptions extends TextOptions {
  /** What is predicted: a column by name or number (−1 is the last), or a list. Default: the last. */
  readonly target?: ColumnRef | readonly ColumnRef[];
  /** Default: regression. With `columns: 'auto'` what the target looks like. */
  readonly task?: 'regression' | 'classification';
  /** Columns that predict. Default: all that are neither targets nor passed through. */
  readonly features?: readonly ColumnRef[];
  /** What columns hold, by name or number. Default: numbers. `auto`: what they look like, as `varpool init` proposes. */
  readonly columns?: 'auto' | Readonly<Record<string, ColumnInput>>;
  /** What is done about missing cells. Default: an error; with `columns: 'auto'` median. */
  readonly missing?: Treatment | MissingOptions;
  /** A column with the weight of each training row: 2 is a row given twice. It is no feature. Default: all weigh 1. */
  readonly weights?: ColumnRef;
  /** Columns such as an id that come back with predictions. */
  readonly passThrough?: readonly ColumnRef[];
}

/** How a table is divided; rows are drawn by `seed`, as a config draws them by its own. */
export interface SplitOptions {
  /** Part of the rows for the test. Default: none. */
  readonly testFraction?: number;
  /** Rows held out of the training rows: how many, or below 1 which part. Default: none. */
  readonly validation?: number;
  /** Whether classes give rows to the parts in proportion. Default: false. */
  readonly stratify?: boolean;
  /** A column whose equal cells stay in one part. */
  readonly groups?: ColumnRef;
  /** A column by which the last rows are the test; true: as they stand in the file. */
  readonly order?: ColumnRef | true;
  /** Default: `varpool`. */
  readonly seed?: Seed;
}

/** A table that was read; `split` makes features of it. */
export interface DataTable {
  readonly rows: number;
  /** Names of the columns that predict. */
  readonly features: readonly string[];
  readonly targets: readonly string[];
  readonly task: 'regression' | 'classification';
  /** Null where targets are numbers. */
  readonly classNames: readonly string[] | null;
}

/** Rows of a table as `train`, `evaluate` and `predict` take them. */
export interface TablePart {
  readonly x: Matrix;
  readonly y: Matrix | Int32Array;
  /** Of each row, for training; left out where the table has none. */
  readonly weights?: Float64Array;
  /** What was learned of the columns on the training rows. */
  readonly columns: TableColumns;
  /** Left out where targets are numbers. */
  readonly classNames?: readonly string[];
  /** Names of the columns of x. */
  readonly featureNames: readonly string[];
  /** Number of each row in the file, from 0. */
  readonly rows: Int32Array;
  /** Columns that pass through, as they are written. */
  readonly passThrough: Readonly<Record<string, readonly string[]>>;
}

export interface TableParts {
  readonly train: TablePart;
  readonly validation: TablePart | null;
  readonly test: TablePart | null;
}

interface Read {
  readonly spec: CsvSpec;
  readonly options: FrameOptions;
  readonly frame: Frame;
}

const tables = new WeakMap<DataTable, Read>();

/**
 * Reads a table of delimited text or JSON lines.
 *
 *     const { train, test } = split(readTable('houses.csv', { target: 'price', columns: 'auto' }), { testFraction: 0.2 });
 *
 * @throws DataError, in one line, naming file, line and column; TypeError or RangeError for options
 */
export function readTable(path: string, options: TableOptions = {}): DataTable {
  checkPath('readTable', path);
  const spec = specOf(path, checkOptions('readTable', tableSchema, options));
  const read = frameOf(spec);
  const { frame } = read;
  const { targets } = frame;
  const table: DataTable = {
    rows: frame.rows,
    features: frame.features.map(({ name }) => name),
    targets: frame.targetNames,
    task: read.options.task === 'classification' ? 'classification' : 'regression',
    classNames: targets?.kind === 'labels' ? targets.classNames : null,
  };
  tables.set(table, read);
  return table;
}

/**
 * Divides a table, learns its columns on the training rows and makes features of all parts.
 * @throws DataError where a part would be empty or has a cell that the training rows have not; TypeError or RangeError for options
 */
export function split(table: DataTable, options: SplitOptions = {}): TableParts {
  const read = typeof table === 'object' && table !== null ? tables.get(table) : undefined;
  if (read === undefined)
    throw new TypeError(mismatch('split', 'a table', describeValue(table), 'pass what readTable gave'));
  const { seed = 'varpool', ...wanted } = checkOptions('split', splitSchema, options);
  const spec = { ...read.spec, ...wanted };
  // Columns by which rows are divided were not kept when it was read.
  const { frame, options: settings } = divisionKeys(spec).length > 0 ? frameOf(spec) : read;
  const shuffle = (order: Int32Array, purpose: string) =>
    void order.set(shuffledOf(KERNEL_EPOCH, order.length, seed as Seed, `${purpose} rows`));
  const context = { baseDir: '', task: settings.task, shuffle };
  const parts = divideFrame(frame, sequence(frame.rows), spec, context, () => undefined);
  const columns: TableColumns = {
    version: COLUMNS_VERSION,
    markers: settings.missing.markers,
    features: learnColumns(frame, parts.train, settings.missing),
    targets: frame.targetNames,
    passThrough: frame.texts.map(({ name }) => name),
  };
  const part = (rows: Int32Array) => partOf(frame, columns, rows);
  return {
    train: part(parts.train),
    validation: parts.validation && part(parts.validation),
    test: parts.test && part(parts.test),
  };
}

/**
 * Reads rows to predict for a posterior that knows the names of its columns, and what passes through of them.
 * @throws DataError, in one line, naming file, line and column; TypeError or RangeError for other arguments
 */
export function readRows(
  path: string,
  posterior: AnyPosterior,
  options: TextOptions = {},
): Pick<TablePart, 'x' | 'featureNames' | 'passThrough'> {
  checkPath('readRows', path);
  const { columns } = checkPosterior('readRows', posterior);
  if (columns === undefined) {
    const next = 'train on a part of a table that was read';
    throw new TypeError(
      mismatch('readRows', 'a posterior that knows its columns', 'one without names', next),
    );
  }
  const frame = readFrame(path, {
    ...checkOptions('readRows', rowsSchema, options),
    authority: 'file',
    task: 'regression',
    target: null,
    columns: {},
    missing: { ...missingRules(undefined), markers: columns.markers },
    texts: columns.passThrough,
    learned: columns.features,
    drops: false,
    standardized: { features: true, targets: true },
  });
  return {
    x: unchangingMatrix(encodeFrame(frame, columns, sequence(frame.rows), defaultMaxBytes())),
    featureNames: featureNames(columns),
    passThrough: passed(frame.texts, sequence(frame.rows)),
  };
}

function partOf(frame: Frame, columns: TableColumns, rows: Int32Array): TablePart {
  const { features, targets, weights } = tableOf(frame, columns, rows, defaultMaxBytes());
  return {
    x: unchangingMatrix(features),
    y: targets.kind === 'labels' ? targets.labels : unchangingMatrix(targets.values),
    ...(weights === undefined ? {} : { weights }),
    columns,
    ...(targets.kind === 'labels' ? { classNames: targets.classNames } : {}),
    featureNames: featureNames(columns),
    rows: rows.map((row) => frame.numbers[row]),
    passThrough: passed(frame.texts, rows),
  };
}

function passed(texts: readonly TextColumn[], rows: Int32Array): Record<string, string[]> {
  return Object.fromEntries(
    texts.map(({ name, codes, texts }) => [name, Array.from(rows, (row) => texts[codes[row]])]),
  );
}

function frameOf(spec: CsvSpec & { readonly task?: 'regression' | 'classification' | undefined }): Read {
  const options: FrameOptions = {
    ...textFormat(spec),
    task: spec.task ?? 'regression',
    target: listOf(spec.target),
    features: spec.features as readonly ColumnRef[] | undefined,
    columns: spec.columns ?? {},
    missing: missingRules(spec.missing),
    texts: spec.passThrough,
    weights: spec.weights,
    keys: divisionKeys(spec),
    drops: true,
    standardized: { features: true, targets: true },
  };
  return { spec, options, frame: readFrame(spec.path, options) };
}

type Checked = ReturnType<(typeof tableSchema)['parse']>;

/** What is said of a table, with what it looks like where that is asked for. */
function specOf(path: string, { columns, ...said }: Checked): CsvSpec & Pick<Checked, 'task'> {
  const spec = { kind: 'csv', path, ...said } as CsvSpec & Pick<Checked, 'task'>;
  if (columns !== 'auto') return columns === undefined ? spec : { ...spec, columns };
  const survey = surveyTable(path, textFormat(spec));
  const guess = guessTable(survey);
  const decimal = said.decimal ?? guess.decimal;
  const thousands = said.thousands ?? guess.thousands ?? undefined;
  const targets = new Set(listOf(spec.target));
  const isAmong =
    (refs: ReadonlySet<ColumnRef>) =>
    ({ survey: { name, column } }: ColumnGuess) =>
      refs.has(name) || refs.has(column) || refs.has(column - survey.columns.length);
  const isTarget = isAmong(targets);
  const isWeight = isAmong(new Set(spec.weights === undefined ? [] : [spec.weights]));
  const others = guess.columns.filter((column) => !isTarget(column) && !isWeight(column));
  // Several targets are numbers.
  const target = targets.size === 1 ? guess.columns.find(isTarget)?.survey : undefined;
  const kinds = others.filter(({ kind }) => kind !== null);
  const passes = others.filter(({ role }) => role === 'passThrough');
  const parsed = tableSchema.parse({
    columns: Object.fromEntries(kinds.map(({ survey: { column }, kind }) => [String(column), kind])),
  }) as { columns: Record<string, ColumnSpec> };
  return {
    ...spec,
    header: said.header ?? guess.header ?? undefined,
    decimal,
    thousands,
    task:
      said.task ??
      (target === undefined
        ? undefined
        : guessTask(target, isNumeric(target, decimal, thousands ?? null)).task),
    features:
      said.features ?? others.filter(({ role }) => role === 'feature').map(({ survey }) => survey.column),
    columns: parsed.columns,
    missing: said.missing ?? 'median',
    passThrough: said.passThrough ?? passes.map(({ survey }) => survey.column),
  };
}

function listOf(refs: CsvSpec['target']): readonly ColumnRef[] {
  return typeof refs === 'object' ? (refs as readonly ColumnRef[]) : [refs];
}

function checkPath(where: string, path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw new TypeError(mismatch(where, 'the path of a file', describeValue(path), 'write it as a string'));
}
