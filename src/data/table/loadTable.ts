// A table whose columns are more than numbers, from a spec to its parts: what is learned of columns is learned on the training rows.

import { basename } from 'node:path';
import { missingRules } from '../../columns/missing.ts';
import {
  COLUMNS_VERSION,
  featureNames,
  plainColumns,
  type TableColumns,
} from '../../columns/tableColumns.ts';
import type { ColumnRef } from '../columns.ts';
import { selectLabels, selectMatrixRows, type Table, type Targets } from '../dataset.ts';
import { defaultMaxBytes } from '../files.ts';
import { hasTypedName } from '../formats/scan.ts';
import { fail, showPath } from '../message.ts';
import { type LoadContext, type Parts, refuseConstant, refuseSplit } from '../parts.ts';
import { type CsvSpec, textFormat } from '../spec.ts';
import type { SpecFiles } from '../specFiles.ts';
import { divideFrame, divisionKeys, withTargetsOf } from './divide.ts';
import { encodeFrame, learnColumns } from './encode.ts';
import type { Frame } from './frame.ts';
import type { FrameOptions } from './frameColumns.ts';
import { readFrame } from './readFrame.ts';

/** Whether a spec says of its columns what plain numbers need not. */
export function needsFrame(spec: CsvSpec): boolean {
  const { columns, missing, passThrough, groups, order, targetPath, weights } = spec;
  const said = [columns, missing, passThrough, groups, order, targetPath, weights].some(
    (value) => value !== undefined,
  );
  return said || hasTypedName(spec.path);
}

/** A table of plain numbers with what its columns are called. */
export function named(table: Table): Table {
  const { featureNames: names, targets } = table;
  if (names === null) return table;
  return { ...table, columns: plainColumns(names, targets.kind === 'values' ? (targets.names ?? []) : []) };
}

/** @throws DataError, one line, naming file and place */
export function loadTable(spec: CsvSpec, context: LoadContext, files: SpecFiles): Parts {
  const path = files.resolve(spec.path);
  const where = showPath(path);
  const missing = missingRules(spec.missing);
  const options: FrameOptions = {
    ...textFormat(spec),
    task: context.task,
    target: spec.targetPath === undefined ? files.columns(spec.target) : null,
    features: spec.features === undefined ? undefined : files.columns(spec.features),
    columns: spec.columns ?? {},
    missing,
    texts: spec.passThrough,
    weights: spec.weights,
    keys: divisionKeys(spec),
    drops: true,
    standardized: context.standardized,
    maxBytes: context.maxBytes,
  };
  const read = readFrame(path, options);
  files.note(...read.source);
  const { frame, usable } =
    spec.targetPath === undefined
      ? { frame: read, usable: sequence(read.rows) }
      : joined(read, spec, options, files);
  refuseConstant(frame.targets as Targets, where, 'name another column as data.target');
  const split = divideFrame(frame, usable, spec, context, (path, size) => files.rows(path, size));
  const maxBytes = context.maxBytes ?? defaultMaxBytes();
  const columns: TableColumns = {
    version: COLUMNS_VERSION,
    markers: missing.markers,
    features: learnColumns(frame, split.train, missing),
    targets: frame.targetNames,
    passThrough: frame.texts.map(({ name }) => name),
  };
  const part = (rows: Int32Array): Table => tableOf(frame, columns, rows, maxBytes);
  const name = basename(path);
  const numbered = (rows: Int32Array) => ({ of: name, indices: rows.map((row) => frame.numbers[row]) });
  const parts: Parts = {
    name,
    train: part(split.train),
    validation: split.validation && part(split.validation),
    test: split.test && part(split.test),
    rows: {
      train: numbered(split.train),
      validation: split.validation && numbered(split.validation),
      test: split.test && numbered(split.test),
    },
  };
  if (spec.testPath === undefined) return parts;
  refuseSplit(spec, where, 'data.testPath');
  if (spec.targetPath !== undefined)
    fail(
      where,
      'one of data.testPath and data.targetPath',
      'both',
      'put the target into the files themselves',
    );
  const classNames = frame.targets?.kind === 'labels' ? frame.targets.classNames : undefined;
  const other = readFrame(files.resolve(spec.testPath), { ...options, classNames });
  files.note(...other.source);
  checkSame(frame, other);
  const test = tableOf(other, columns, sequence(other.rows), maxBytes);
  return {
    ...parts,
    test,
    rows: { ...parts.rows, test: { of: basename(spec.testPath), indices: other.numbers.slice() } },
  };
}

/** The rows of a frame with the targets that stand in a file of their own. */
function joined(frame: Frame, spec: CsvSpec, options: FrameOptions, files: SpecFiles) {
  const targets = readTargets(files.resolve(spec.targetPath as string), files.columns(spec.target), options);
  files.note(...targets.source);
  return withTargetsOf(frame, targets);
}

/** The target columns of a file, without features. */
export function readTargets(path: string, target: readonly ColumnRef[], options: FrameOptions): Frame {
  return readFrame(path, { ...options, target, learned: [], texts: [], keys: [], weights: undefined });
}

/** Rows of a frame as a table of the features that `columns` say. */
export function tableOf(frame: Frame, columns: TableColumns, rows: Int32Array, maxBytes: number): Table {
  return {
    features: encodeFrame(frame, columns, rows, maxBytes),
    featureNames: featureNames(columns),
    targets: selectTargets(frame.targets as Targets, rows),
    ...(frame.weights === null ? {} : { weights: Float64Array.from(rows, (row) => frame.weights![row]) }),
    source: frame.source,
    columns,
  };
}

function selectTargets(targets: Targets, rows: Int32Array): Targets {
  return targets.kind === 'labels'
    ? { ...targets, labels: selectLabels(targets.labels, rows) }
    : { ...targets, values: selectMatrixRows(targets.values, rows) };
}

function checkSame(train: Frame, test: Frame): void {
  const other = train.features.findIndex(({ name }, f) => name !== test.features[f]?.name);
  if (other < 0 && train.features.length === test.features.length) return;
  const expected = `feature ${other + 1} to be ${train.features[Math.max(other, 0)].name} as in the training file`;
  const got = test.features[Math.max(other, 0)]?.name ?? 'none';
  fail(
    test.where,
    showPath(expected),
    showPath(got),
    'use files of the same layout, or list data.features by name',
  );
}

export function sequence(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}
