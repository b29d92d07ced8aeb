// From what a config says to tables for training, validation and test, with a record of every file that was read.

import { basename } from 'node:path';
import type { Table } from './dataset.ts';
import { selectRows } from './dataset.ts';
import { readCsv } from './formats/csv.ts';
import { idxTable, readIdxParts } from './formats/idx.ts';
import { npyMatrix, npyTargets, readNpy } from './formats/npy.ts';
import { count, fail, showPath } from './message.ts';
import { allRows } from './partRows.ts';
import {
  type LoadContext,
  type LoadedData,
  type Parts,
  refuseConstant,
  refuseSplit,
  sameFeatures,
  strataOf,
} from './parts.ts';
import {
  type CsvSpec,
  type DataSpec,
  type IdxSpec,
  type NpySpec,
  type SplitSpec,
  type SyntheticSpec,
  textFormat,
} from './spec.ts';
import { SpecFiles } from './specFiles.ts';
import type { Split, SplitOptions } from './split.ts';
import { splitRows } from './split.ts';
import { regressionCurve } from './synthetic.ts';
import { loadTable, named, needsFrame } from './table/loadTable.ts';

export type { LoadContext, LoadedData };

/**
 * Reads, checks and divides the data of a spec.
 * @throws DataError, one line, naming file and place
 */
export function loadData(spec: DataSpec, context: LoadContext): LoadedData {
  const files = new SpecFiles(context);
  const parts = loadParts(spec, context, files);
  const { train, validation, test, rows } = parts;
  return { train, validation, test, rows, provenance: files.provenance(), description: describe(parts) };
}

function loadParts(spec: DataSpec, context: LoadContext, files: SpecFiles): Parts {
  switch (spec.kind) {
    case 'idx':
      return loadIdx(spec, context, files);
    case 'csv':
      return loadCsv(spec, context, files);
    case 'npy':
      return loadNpy(spec, context, files);
    case 'synthetic':
      return loadSynthetic(spec, context, files);
  }
}

function loadIdx(spec: IdxSpec, context: LoadContext, files: SpecFiles): Parts {
  const dir = files.resolve(spec.dir);
  if (context.task !== 'classification') {
    fail(
      showPath(dir),
      'a categorical likelihood',
      `a task of ${context.task}`,
      'IDX labels are classes: set likelihood.kind',
    );
  }
  const parts = readIdxParts(dir, context);
  if (parts.train === null) {
    const next = 'use it with predict or evaluate, or check data.dir';
    fail(showPath(dir), 'train-images-idx3-ubyte and its labels', 'only the test part (t10k)', next);
  }
  for (const part of [parts.train, parts.test]) {
    if (part !== null) files.note(part.images.source, part.labelSource);
  }
  const { train, validation } = splitRows(parts.train.labels.length, spec, context.shuffle, showPath(dir));
  const divisor = spec.divisor ?? 255;
  const of = basename(parts.train.images.source.path);
  const { test } = parts;
  return {
    name: basename(dir),
    train: idxTable(parts.train, divisor, train),
    validation: validation && idxTable(parts.train, divisor, validation),
    test: test && idxTable(test, divisor),
    rows: {
      train: { of, indices: train },
      validation: validation && { of, indices: validation },
      test: test && allRows(basename(test.images.source.path), test.labels.length),
    },
  };
}

function loadCsv(spec: CsvSpec, context: LoadContext, files: SpecFiles): Parts {
  if (needsFrame(spec)) return loadTable(spec, context, files);
  const path = files.resolve(spec.path);
  const target = files.columns(spec.target);
  const features = spec.features === undefined ? undefined : files.columns(spec.features);
  const options = {
    ...textFormat(spec),
    target,
    features,
    task: context.task,
    standardized: context.standardized,
    maxBytes: context.maxBytes,
  };
  const table = named(readCsv(path, options));
  files.note(...table.source);
  const where = showPath(path);
  refuseConstant(table.targets, where, 'name another column as data.target');
  if (spec.testPath === undefined) return divided(basename(path), table, spec, context, files, where);
  refuseSplit(spec, where, 'data.testPath');
  const classNames = table.targets.kind === 'labels' ? table.targets.classNames : undefined;
  const test = readCsv(files.resolve(spec.testPath), { ...options, classNames });
  files.note(...test.source);
  sameFeatures(table, test, showPath(files.resolve(spec.testPath)));
  const parts = divided(basename(path), table, spec, context, files, where);
  return withTest(parts, test, basename(spec.testPath));
}

function loadNpy(spec: NpySpec, context: LoadContext, files: SpecFiles): Parts {
  const path = files.resolve(spec.features);
  const features = readNpy(path, context);
  const targets = readNpy(files.resolve(spec.targets), context);
  files.note(features.source, targets.source);
  const matrix = npyMatrix(features, context.standardized?.features);
  if (targets.shape[0] !== matrix.rows) {
    const expected = `${count(matrix.rows, 'row')} as in ${features.where}`;
    fail(targets.where, expected, `${targets.shape[0]}`, 'use features and targets of the same rows');
  }
  const table: Table = {
    features: matrix,
    featureNames: null,
    targets: npyTargets(targets, context.task, null, context.standardized?.targets),
    source: [features.source, targets.source],
  };
  refuseConstant(table.targets, targets.where, 'use other targets');
  return divided(basename(path), table, spec, context, files, features.where);
}

function loadSynthetic(spec: SyntheticSpec, context: LoadContext, files: SpecFiles): Parts {
  if (context.task !== 'regression') {
    fail(
      'data.kind',
      'a likelihood for regression',
      `a task of ${context.task}`,
      'the synthetic curve is a regression: set likelihood.kind',
    );
  }
  const { curveSources } = context;
  if (curveSources === undefined)
    throw new TypeError('loadData: expected context.curveSources for synthetic data — pass it');
  const { low, high, noise } = spec;
  const make = (part: 'train' | 'test', rows: number): Table =>
    regressionCurve({ rows, low, high, noise }, curveSources(part, spec.seed ?? null));
  if (spec.testRows !== undefined) refuseSplit(spec, 'data', 'data.testRows');
  const parts = divided('regression curve', make('train', spec.rows ?? 1024), spec, context, files, 'data');
  return spec.testRows === undefined ? parts : withTest(parts, make('test', spec.testRows), 'fresh rows');
}

/** Parts with a test part of its own, all of whose rows count. */
function withTest(parts: Parts, test: Table, of: string): Parts {
  return { ...parts, test, rows: { ...parts.rows, test: allRows(of, test.features.rows) } };
}

type SplitLimits = Pick<SplitOptions, 'validation' | 'limit'>;

function divided(
  name: string,
  table: Table,
  spec: SplitSpec & SplitLimits,
  context: LoadContext,
  files: SpecFiles,
  where: string,
): Parts {
  const rows = table.features.rows;
  const options: SplitOptions = {
    testIndices: files.rows(spec.testIndices, rows),
    trainIndices: files.rows(spec.trainIndices, rows),
    testFraction: spec.testFraction,
    validation: spec.validation,
    limit: spec.limit,
    strata: strataOf(spec.stratify, table.targets, where),
  };
  const split: Split = splitRows(rows, options, context.shuffle, where);
  // Nothing taken out: the table itself will do, a copy would only cost memory.
  const whole = split.train.length === rows && split.train.every((r, i) => r === i);
  return {
    name,
    train: whole ? table : selectRows(table, split.train),
    validation: split.validation && selectRows(table, split.validation),
    test: split.test && selectRows(table, split.test),
    rows: {
      train: { of: name, indices: split.train },
      validation: split.validation && { of: name, indices: split.validation },
      test: split.test && { of: name, indices: split.test },
    },
  };
}

function describe(parts: Parts): string {
  const { train, validation, test } = parts;
  const rows = [`${train.features.rows} train`];
  if (validation !== null) rows.push(`${validation.features.rows} validation`);
  if (test !== null) rows.push(`${test.features.rows} test`);
  const { targets } = train;
  const outputs =
    targets.kind === 'labels'
      ? `${targets.classNames.length} classes`
      : count(targets.values.columns, 'target');
  return `${showPath(parts.name)}: ${rows.join(', ')} rows of ${count(train.features.columns, 'feature')}, ${outputs}`;
}
