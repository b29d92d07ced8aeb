// Which columns of a file a frame is made of: features, further texts and what is said of each, by names or by places.

import type { ColumnSpec } from '../../columns/index.ts';
import type { MissingRules } from '../../columns/missing.ts';
import type { LearnedColumn } from '../../columns/tableColumns.ts';
import {
  type ColumnRef,
  type FileColumns,
  MODEL_FEATURES,
  resolveColumns,
  resolveTable,
  type TrainingLayout,
} from '../columns.ts';
import type { Standardized, Task } from '../dataset.ts';
import type { TextFormat } from '../formats/delimited.ts';
import { count, fail, show } from '../message.ts';

export interface FrameOptions extends TextFormat {
  readonly task: Task;
  /** Null where the targets are not wanted. */
  readonly target: readonly ColumnRef[] | null;
  /** Default: every column that is neither a target nor one of `texts`. */
  readonly features?: readonly ColumnRef[] | undefined;
  /** What columns hold, by name or number; others hold numbers. */
  readonly columns: Readonly<Record<string, ColumnSpec>>;
  readonly missing: MissingRules;
  /** Columns that are kept as they are written. */
  readonly texts?: readonly ColumnRef[] | undefined;
  /** The column with the weights of the rows. */
  readonly weights?: ColumnRef | undefined;
  /** Columns by which rows are divided; they may be among the others. */
  readonly keys?: readonly ColumnRef[] | undefined;
  /** Columns of a posterior, which are then the features. */
  readonly learned?: readonly LearnedColumn[] | undefined;
  /** Whether rows may be dropped. */
  readonly drops: boolean;
  readonly classNames?: readonly string[] | undefined;
  readonly standardized?: Standardized | undefined;
  /** How the training file was laid out, for files without names. */
  readonly trainedOn?: TrainingLayout | undefined;
}

/** Name of a column: that of the header, else its number. */
export function columnName(names: readonly string[] | null, column: number): string {
  return names?.[column] || `column${column}`;
}

/** Columns of a file that are kept as texts. */
export function textColumns(all: FileColumns, options: FrameOptions): number[] {
  const { texts = [], learned, trainedOn } = options;
  if (texts.length === 0) return [];
  if (learned === undefined) return resolveColumns(texts, all, 'data.passThrough');
  // New rows need not have them.
  return texts.flatMap((ref) => {
    const column = all.names?.indexOf(String(ref)) ?? -1;
    if (column >= 0) return [column];
    const number = numberOf(String(ref));
    if (number === null || number >= all.count) return [];
    const isSame =
      all.names === null ? (trainedOn?.columns ?? all.count) === all.count : all.names[number] === '';
    return isSame ? [number] : [];
  });
}

/** What is said of columns, by their place in the file. */
export function columnSpecs(all: FileColumns, options: FrameOptions): Map<number, ColumnSpec> {
  const { columns, learned } = options;
  const specs = new Map<number, ColumnSpec>();
  for (const [key, spec] of Object.entries(columns)) {
    const ref = refOf(all, key);
    // A file to predict from need not have every column.
    if (learned !== undefined && !has(all, ref)) continue;
    const [column] = resolveColumns([ref], all, 'data.columns');
    specs.set(column, spec);
  }
  return specs;
}

/** Columns of a file that are features, in the order of the features. @throws DataError where the file has not those of the posterior */
export function featureColumns(
  all: FileColumns,
  texts: readonly number[],
  specs: ReadonlyMap<number, ColumnSpec>,
  options: FrameOptions,
): number[] {
  const { learned, features = null, trainedOn } = options;
  if (learned === undefined) {
    const others = texts.filter((column) => !specs.has(column));
    return resolveTable(all, options.target ?? [], features, others).features;
  }
  if (learned.length === 0) return [];
  const names = learned.map(({ name }) => name);
  if (all.names !== null && names.some((name) => all.names?.includes(name)))
    return resolveColumns(names, all, MODEL_FEATURES);
  if (all.count === learned.length) return names.map((_, c) => c);
  const numbered = names.map((name) => numberOf(name) ?? Number.NaN);
  if ((trainedOn?.columns ?? all.count) === all.count && numbered.every((column) => column < all.count))
    return numbered;
  if (trainedOn !== undefined && all.count === trainedOn.columns) {
    const refs = [...trainedOn.target, ...(trainedOn.features ?? [])];
    if (refs.every((ref) => typeof ref === 'number'))
      return resolveTable(all, trainedOn.target, trainedOn.features, texts).features;
  }
  const expected = all.names === null ? count(learned.length, 'column') : `columns ${show(names[0])} …`;
  const next = 'give the file a header with the names of the training file, or the columns in its order';
  return fail(all.where, expected, `${all.count}`, next);
}

/** The column that columnName called so for want of a name, or null. */
function numberOf(name: string): number | null {
  const number = /^column(\d+)$/.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

/** A key of a map of columns: a name of the header, else the number of a column. */
function refOf({ names }: FileColumns, key: string): ColumnRef {
  if (names?.includes(key) || !/^-?\d+$/.test(key)) {
    return (names === null ? numberOf(key) : null) ?? key;
  }
  return Number(key);
}

function has({ names, count: width }: FileColumns, ref: ColumnRef): boolean {
  if (typeof ref === 'string') return names?.includes(ref) ?? false;
  return ref < width && ref >= -width;
}
