// The table every reader returns, and choosing rows of it. Where the numbers come from is the readers' business.

import type { TableColumns } from '../columns/tableColumns.ts';
import type { Matrix } from '../core/matrix.ts';
import { fail, show } from './message.ts';

/** A file some numbers came from: enough to say later whether it is still the same file. */
export interface FileProvenance {
  /** As the user gave it. */
  readonly path: string;
  /** Size on disk, compressed if it is. */
  readonly bytes: number;
  /** SHA-256 in hex of the bytes on disk. */
  readonly sha256: string;
  /** What it holds: [rows, columns] of text (header excluded), the dimensions of an IDX or NPY array, [entries] of an index file. */
  readonly shape: readonly number[];
}

/** Numbers to predict, one column per output of the network. */
export interface ValueTargets {
  readonly kind: 'values';
  readonly values: Matrix; // [rows, outputs]
  readonly names: readonly string[] | null;
}

/** Classes to predict: `labels[r]` is an index into `classNames`. */
export interface LabelTargets {
  readonly kind: 'labels';
  readonly labels: Int32Array; // [rows]
  readonly classNames: readonly string[];
}

export type Targets = ValueTargets | LabelTargets;

/** Rows to learn from or to be tested on. Every number in it is finite. */
export interface Table {
  readonly features: Matrix; // [rows, columns]
  /** Null where the file does not name its columns. */
  readonly featureNames: readonly string[] | null;
  readonly targets: Targets;
  /** Of each row; left out where all weigh 1. */
  readonly weights?: Float64Array | undefined;
  readonly source: readonly FileProvenance[];
  /** What its columns are called and how their cells became features; left out where they have no names. */
  readonly columns?: TableColumns | undefined;
}

/**
 * How the target column is to be read: `regression` numbers, `classification` class labels (text or integers), `binary` numbers
 * that are 0 or 1.
 */
export type Task = 'regression' | 'classification' | 'binary';

/** What of a table will be standardized before anything else is done with it. */
export interface Standardized {
  readonly features: boolean;
  readonly targets: boolean;
}

/** Rows `indices` of a matrix, in that order. @throws RangeError for an index outside of it */
export function selectMatrixRows(matrix: Matrix, indices: ArrayLike<number>): Matrix {
  const { columns } = matrix;
  const size = indices.length * columns;
  const data = matrix.data instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  for (let i = 0; i < indices.length; i++) {
    const r = checkedRow(indices[i], matrix.rows);
    data.set(matrix.data.subarray(r * columns, (r + 1) * columns), i * columns);
  }
  return { data, rows: indices.length, columns };
}

/** Rows `indices` of a table, in that order; names, classes and source stay. @throws RangeError for an index outside of it */
export function selectRows(table: Table, indices: ArrayLike<number>): Table {
  const features = selectMatrixRows(table.features, indices);
  const targets = table.targets;
  const { weights: all } = table;
  const weights = all === undefined ? {} : { weights: Float64Array.from(indices, (r) => all[r]) };
  if (targets.kind === 'values') {
    const values = selectMatrixRows(targets.values, indices);
    return { ...table, ...weights, features, targets: { ...targets, values } };
  }
  return {
    ...table,
    ...weights,
    features,
    targets: { ...targets, labels: selectLabels(targets.labels, indices) },
  };
}

/** Labels of the rows `indices`, in that order. @throws RangeError for an index outside */
export function selectLabels(labels: Int32Array, indices: ArrayLike<number>): Int32Array {
  const selected = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) selected[i] = labels[checkedRow(indices[i], labels.length)];
  return selected;
}

/**
 * The same table with its labels counted by `classNames` (those a model was trained with) instead of its own.
 * @throws DataError starting with `where` if a row has a class that is not among them
 */
export function alignClasses(table: Table, classNames: readonly string[], where: string): Table {
  const targets = table.targets;
  if (targets.kind !== 'labels') {
    fail(where, `class labels (${classNames.length} classes)`, 'numbers', 'read the target as classes');
  }
  const index = new Map(classNames.map((name, k) => [name, k]));
  const labels = targets.labels.map((label, r) => {
    const name = targets.classNames[label];
    return (
      index.get(name) ??
      fail(
        `${where}: row ${r + 1}`,
        `one of the classes ${listed(classNames)}`,
        show(name),
        'the model never saw this class: drop the row or train with it',
      )
    );
  });
  return { ...table, targets: { kind: 'labels', labels, classNames } };
}

/** The first few of a list of names, for a message. */
export function listed(names: readonly string[], max = 10): string {
  const shown = names.slice(0, max).map((name) => show(name, 24));
  return shown.join(', ') + (names.length > max ? `, … (${names.length} in all)` : '');
}

function checkedRow(r: number, rows: number): number {
  if (Number.isInteger(r) && r >= 0 && r < rows) return r;
  throw new RangeError(
    `selectRows: expected a row index from 0 to ${rows - 1}, got ${r} — check the indices`,
  );
}
