// Which columns of a file a config means: names, indices from either end, or a file of indices, checked against what is there.

import { nearest } from '../messages.ts';
import { listed } from './dataset.ts';
import { type Authority, fieldName, setting } from './formats/authority.ts';
import { columnPlace } from './formats/header.ts';
import { count, fail, show } from './message.ts';

/** What the columns a model was trained with are called in a message. */
export const MODEL_FEATURES = 'features of the model';

/** A column by its name in the header, or by its index: 0 is the first, −1 the last. */
export type ColumnRef = string | number;

/** The columns of a file as its header or its first row tells. */
export interface FileColumns {
  readonly where: string;
  readonly names: readonly string[] | null;
  readonly count: number;
  /** Where the layout of the file can be set. */
  readonly authority?: Authority | undefined;
}

/** How the training file was laid out: its columns, and what its config says of them. */
export interface TrainingLayout {
  readonly columns: number;
  readonly target: readonly ColumnRef[];
  readonly features: readonly ColumnRef[] | null;
}

/**
 * Indices of the columns meant by `refs`; `option` is what the config calls the list.
 * @throws DataError for an unknown name (with the nearest one), an index outside, a column named twice or an empty list
 */
export function resolveColumns(refs: readonly ColumnRef[], file: FileColumns, option: string): number[] {
  if (refs.length === 0)
    fail(`${file.where}: ${option}`, 'at least 1 column', 'none', `name a column in ${option}`);
  const seen = new Set<number>();
  const others = file.names?.filter((name) => name !== '' && !refs.includes(name)) ?? [];
  return refs.map((ref) => {
    const column = typeof ref === 'number' ? byIndex(ref, file, option) : byName(ref, file, option, others);
    if (seen.has(column)) {
      fail(
        `${file.where}: ${option}`,
        'each column once',
        `${columnPlace(column, file.names)} twice`,
        'remove one of the two',
      );
    }
    seen.add(column);
    return column;
  });
}

/**
 * Feature and target columns of a table; features default to all columns that are no target and none of `others`.
 * @throws DataError as resolveColumns, and for a target among the features, no feature left, or a feature without a name in the header
 */
export function resolveTable(
  file: FileColumns,
  target: readonly ColumnRef[],
  features: readonly ColumnRef[] | null,
  others: readonly number[] = [],
): { targets: number[]; features: number[] } {
  const targets = target.length === 0 ? [] : resolveColumns(target, file, 'data.target');
  if (features !== null) {
    const chosen = resolveColumns(features, file, 'data.features');
    const both = chosen.find((column) => targets.includes(column));
    if (both !== undefined) {
      const got = `the target ${columnPlace(both, file.names)} among them`;
      fail(
        `${file.where}: data.features`,
        'columns that are not the target',
        got,
        'remove it from data.features',
      );
    }
    return { targets, features: chosen };
  }
  const isTarget = new Set([...targets, ...others]);
  const rest: number[] = [];
  for (let c = 0; c < file.count; c++) if (!isTarget.has(c)) rest.push(c);
  if (rest.length === 0) {
    const got = `${count(file.count, 'column')} in the file, ${targets.length === 1 ? 'the target' : 'all targets'}`;
    fail(file.where, 'at least 1 feature column', got, 'check data.delimiter and data.target');
  }
  // A table saved with its row numbers has them in a column without a name: as a feature they would leak the order of the rows.
  const unnamed = rest.find((c) => file.names?.[c] === '');
  if (unnamed !== undefined) {
    const next = 'name it, or list the columns to use in data.features';
    fail(`${file.where}: column ${unnamed + 1}`, 'a column name', 'an empty header cell', next);
  }
  return { targets, features: rest };
}

/**
 * Index of the column called `name`.
 * @param others names of the file that may be meant instead
 * @throws DataError that names the nearest one
 */
function byName(name: string, file: FileColumns, option: string, others: readonly string[]): number {
  if (file.names === null) {
    const set = setting('header', 'true', file.authority);
    const next = `give an index from 0 to ${file.count - 1}${set === null ? '' : `, or ${set} if line 1 names the columns`}`;
    fail(`${file.where}: ${option}`, 'a column index (the file has no header)', show(name), next);
  }
  const column = file.names.indexOf(name);
  if (column >= 0) return column;
  const near = nearest(name, others);
  const there = `the file has ${listed(file.names)}`;
  if (option === MODEL_FEATURES) {
    const next =
      near === null ? 'add the column, with which the model was trained' : `did you mean ${show(near)}?`;
    fail(`${file.where}: ${option}`, `a column ${show(name)}`, `none (${there})`, next);
  }
  fail(
    `${file.where}: ${option}`,
    'the name of a column',
    show(name),
    near === null ? there : `did you mean ${show(near)}?`,
  );
}

function byIndex(index: number, file: FileColumns, option: string): number {
  const column = index < 0 ? file.count + index : index;
  if (Number.isInteger(column) && column >= 0 && column < file.count) return column;
  const expected = `a column index from ${-file.count} to ${file.count - 1} (the file has ${count(file.count, 'column')})`;
  return fail(
    `${file.where}: ${option}`,
    expected,
    `${index}`,
    `check the index and ${fieldName('delimiter', file.authority)}`,
  );
}
