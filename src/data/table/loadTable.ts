// A table whose columns are more than numbers, from a spec to its parts: what is learned of columns is learned on the training rows.

import { basename } from 'node:path';
import { missingRules } from '../../columns/missing.ts';
import {
  COLUMNS_VERSION,
  featureNames,
  plainColumns,
  type TableColumns,
} from '../../columns/tableColumns.ts';
import { selectLabels, selectMatrixRows, type Table, type Targets } from '../dataset.ts';
import { defaultMaxBytes } from '../files.ts';
import { hasTypes } from '../formats/jsonLines.ts';
import { fail, showPath } from '../message.ts';
import { type LoadContext, type Parts, refuseConstant, refuseSplit } from '../parts.ts';
import { type CsvSpec, textFormat } from '../spec.ts';
import type { SpecFiles } from '../specFiles.ts';
import { type Split, splitRows } from '../split.ts';
import { encodeFrame, learnColumns } from './encode.ts';
import type { Frame } from './frame.ts';
import type { FrameOptions } from './frameColumns.ts';
import { readFrame } from './readFrame.ts';

/** Whether a spec says of its columns what plain numbers need not. */
export function needsFrame({ columns, missing, passThrough, path }: CsvSpec): boolean {
  return columns !== undefined || missing !== undefined || passThrough !== undefined || hasTypes(path);
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
    target: files.columns(spec.target),
    features: spec.features === undefined ? undefined : files.columns(spec.features),
    columns: spec.columns ?? {},
    missing,
    texts: spec.passThrough,
    drops: true,
    standardized: context.standardized,
    maxBytes: context.maxBytes,
  };
  const frame = readFrame(path, options);
  files.note(...frame.source);
  refuseConstant(frame.targets as Targets, where, 'name another column as data.target');
  const split = splitFrame(frame, spec, context, files);
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

/** Rows of a frame as a table of the features that `columns` say. */
export function tableOf(frame: Frame, columns: TableColumns, rows: Int32Array, maxBytes: number): Table {
  return {
    features: encodeFrame(frame, columns, rows, maxBytes),
    featureNames: featureNames(columns),
    targets: selectTargets(frame.targets as Targets, rows),
    source: frame.source,
    columns,
  };
}

/** The rows of the parts by their place among the rows that were kept; files of row numbers count the rows of the file. */
function splitFrame(frame: Frame, spec: CsvSpec, context: LoadContext, files: SpecFiles): Split {
  const place = new Int32Array(frame.allRows).fill(-1);
  frame.numbers.forEach((number, row) => {
    place[number] = row;
  });
  const kept = (path: string | undefined) =>
    files
      .rows(path, frame.allRows)
      ?.map((number) => (number >= 0 && number < place.length ? place[number] : number))
      .filter((row) => row >= 0);
  const options = {
    testIndices: kept(spec.testIndices),
    trainIndices: kept(spec.trainIndices),
    testFraction: spec.testFraction,
    validation: spec.validation,
    limit: spec.limit,
  };
  return splitRows(frame.rows, options, context.shuffle, frame.where);
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
