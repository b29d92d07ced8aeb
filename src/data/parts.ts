// What reading a data set needs and gives, and the checks of its parts that every reader makes.

import type { FileProvenance, Standardized, Table, Targets, Task } from './dataset.ts';
import type { ReadOptions } from './files.ts';
import { count, fail, show, showPath } from './message.ts';
import type { SplitRows } from './partRows.ts';
import type { SplitSpec } from './spec.ts';
import type { Shuffle } from './split.ts';
import type { CurveSources } from './synthetic.ts';

/** What loading needs beside the spec. */
export interface LoadContext extends ReadOptions {
  /** Relative paths are relative to this directory: that of the config, as the user gave it. */
  readonly baseDir: string;
  readonly task: Task;
  /** What may be of any size because it will be standardized. */
  readonly standardized?: Standardized | undefined;
  readonly shuffle: Shuffle;
  /** Numbers for synthetic data; `seed` is null where the spec has none. */
  readonly curveSources?:
    | ((part: 'train' | 'test', seed: string | number | null) => CurveSources)
    | undefined;
}

export interface LoadedData {
  readonly train: Table;
  readonly validation: Table | null;
  readonly test: Table | null;
  /** Which rows the parts are made of. */
  readonly rows: SplitRows;
  /** Every file read, index files included, with paths as the spec gives them. */
  readonly provenance: readonly FileProvenance[];
  /** One line for people: `mnist: 50000 train, 10000 validation, 10000 test rows of 784 features, 10 classes`. */
  readonly description: string;
}

/** The parts of a data set as its reader makes them. */
export interface Parts {
  readonly name: string;
  readonly train: Table;
  readonly validation: Table | null;
  readonly test: Table | null;
  readonly rows: SplitRows;
}

/** Refuses a column of values of which all rows have the same one. Of classes, the reader does. */
export function refuseConstant(targets: Targets, where: string, next: string): void {
  if (targets.kind === 'labels') return;
  const { values, names } = targets;
  const { data, rows, columns } = values;
  for (let k = 0; rows > 1 && k < columns; k++) {
    let same = 1;
    while (same < rows && data[same * columns + k] === data[k]) same++;
    if (same < rows) continue;
    const place = names === null ? `target ${k + 1}` : `target ${show(names[k])}`;
    const got = `${data[k]} in all ${rows} rows`;
    fail(
      `${where}: ${place}`,
      'at least 2 different values',
      got,
      `there is nothing to predict in it: ${next}`,
    );
  }
}

/** Refuses a split of a table beside a test part of its own. */
export function refuseSplit(spec: SplitSpec, where: string, other: string): void {
  for (const key of ['testFraction', 'testIndices', 'trainIndices'] as const) {
    if (spec[key] !== undefined)
      fail(where, `one kind of test part`, `${other} and data.${key}`, 'remove one of the two');
  }
}

/** Refuses a test part whose features are not those of the training part. */
export function sameFeatures(train: Table, test: Table, where: string): void {
  if (test.features.columns !== train.features.columns) {
    const expected = `${count(train.features.columns, 'feature column')} as in the training file`;
    fail(where, expected, `${test.features.columns}`, 'use files of the same layout');
  }
  const [a, b] = [train.featureNames, test.featureNames];
  const other = a && b ? a.findIndex((name, c) => name !== b[c]) : -1;
  if (other >= 0) {
    const expected = `feature ${other + 1} to be ${a![other]} as in the training file`;
    fail(
      where,
      showPath(expected),
      showPath(b![other]),
      'use files of the same layout, or list data.features by name',
    );
  }
}

/** Classes by which a split is to be in proportion; undefined where none is asked for. @throws DataError for targets that are no classes */
export function strataOf(
  stratify: boolean | undefined,
  targets: Targets,
  where: string,
): Int32Array | undefined {
  if (stratify !== true) return undefined;
  if (targets.kind === 'labels') return targets.labels;
  const { data, columns } = targets.values;
  if (columns === 1 && data.every((value) => value === 0 || value === 1)) return Int32Array.from(data);
  return fail(`${where}: data.stratify`, 'classes as targets', 'numbers', 'leave it out');
}
