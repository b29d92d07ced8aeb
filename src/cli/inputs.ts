// Rows a user points an existing run at: features alone for predict, features with targets for evaluate.

import { statSync } from 'node:fs';
import { missingRules } from '../columns/missing.ts';
import { arePlain, type TableColumns } from '../columns/tableColumns.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import { takesFloat64 } from '../core/standardize.ts';
import type { ColumnRef, TrainingLayout } from '../data/columns.ts';
import { alignClasses, type Table } from '../data/dataset.ts';
import { contentHead, defaultMaxBytes, openDataFile } from '../data/files.ts';
import { readCsv } from '../data/formats/csv.ts';
import type { TextFormat } from '../data/formats/delimited.ts';
import { idxTable, looksLikeIdx, readIdxParts } from '../data/formats/idx.ts';
import { looksLikeNpy, npyMatrix, npyOf, npyTargets, readNpy } from '../data/formats/npy.ts';
import { hasTypedCells } from '../data/formats/scan.ts';
import { readIndices } from '../data/indices.ts';
import { readInputs } from '../data/inputs.ts';
import { count, fail, showPath } from '../data/message.ts';
import { textFormat } from '../data/spec.ts';
import { withTargetsOf } from '../data/table/divide.ts';
import { encodeFrame } from '../data/table/encode.ts';
import type { Frame, TextColumn } from '../data/table/frame.ts';
import type { FrameOptions } from '../data/table/frameColumns.ts';
import { readTargets, sequence, tableOf } from '../data/table/loadTable.ts';
import { frameOf } from '../data/table/readFrame.ts';
import { dataTask } from '../experiment/run/data.ts';
import type { Run } from '../experiment/run/directory.ts';
import { checkMember } from '../experiment/trainings/checkMember.ts';
import { trainingsOf } from '../experiment/trainings/trainingsOf.ts';
import { warn } from './output.ts';

/** The posterior of a run; of an ensemble, one member where one is asked for. */
export function posteriorOf(run: Run, member: number | undefined): AnyPosterior {
  const posterior = run.posterior(warn);
  if (member === undefined) return posterior;
  return membersOf(posterior)[checkMember(member, trainingsOf(run.config).members, 'a run')];
}

/** Rows to predict: their features, and the cells of columns that come back with the predictions. */
export interface RunInputs {
  readonly features: Matrix;
  readonly passThrough: readonly TextColumn[];
}

/** Features of rows to predict, read as the run's own data where that says how. */
export function runInputs(run: Run, posterior: AnyPosterior, path: string): RunInputs {
  const { data } = run.config;
  const frame = learnedFrame(run, posterior, path, false);
  if (frame !== null) {
    const { columns } = posterior;
    const features = encodeFrame(frame, columns as TableColumns, sequence(frame.rows), defaultMaxBytes());
    return { features, passThrough: frame.texts };
  }
  const { features } = readInputs(path, {
    ...(data.kind === 'csv' ? inputFormat(data) : {}),
    columns: posterior.model.inputSize,
    names: run.manifest.featureNames ?? null,
    ...(data.kind === 'csv' ? { trainedOn: layoutOf(run, data) } : {}),
    standardized: takesFloat64(posterior),
    ...(data.kind === 'idx' ? { divisor: data.divisor } : {}),
  });
  return { features, passThrough: [] };
}

/** The cells of a text file for a posterior whose features are more than the numbers in it; null for other posteriors and files. */
function learnedFrame(run: Run, posterior: AnyPosterior, path: string, withTargets: boolean): Frame | null {
  const { data } = run.config;
  const { columns } = posterior;
  if (data.kind !== 'csv' || columns === undefined || isDirectory(path)) return null;
  const file = openDataFile(path);
  const head = contentHead(file, 8);
  if (looksLikeNpy(head) || looksLikeIdx(head)) return null;
  const plain = arePlain(columns) && columns.passThrough.length === 0 && data.targetPath === undefined;
  if (plain && !hasTypedCells(file)) return null;
  return frameOf(
    file,
    frameOptions(run, posterior, withTargets && data.targetPath === undefined, withTargets),
  );
}

/** The text of rows to predict: as that of the training file, which may have a line above its rows that these lack. */
function inputFormat(data: Parameters<typeof textFormat>[0]): TextFormat {
  const format = textFormat(data);
  return {
    ...format,
    header: format.header === 'skip' ? 'skipUnlessRow' : format.header,
    authority: 'file',
  };
}

/** How a file is read for a posterior that knows its columns. */
function frameOptions(run: Run, posterior: AnyPosterior, withTargets: boolean, drops: boolean): FrameOptions {
  const { data } = run.config as { data: Run['config']['data'] & { readonly kind: 'csv' } };
  const columns = posterior.columns as TableColumns;
  return {
    ...(drops ? { ...textFormat(data), authority: 'file' } : inputFormat(data)),
    task: dataTask(run.config),
    target: withTargets ? fieldColumns(data.target) : null,
    columns: data.columns ?? {},
    missing: { ...missingRules(data.missing), markers: columns.markers },
    texts: columns.passThrough,
    learned: columns.features,
    drops,
    classNames: posterior.classNames ?? undefined,
    standardized: { features: takesFloat64(posterior), targets: true },
    trainedOn: layoutOf(run, data),
  };
}

/** Rows with targets of a posterior that knows its columns; the targets stand in the file, or in one of their own. */
function learnedTable(run: Run, posterior: AnyPosterior, read: Frame, targets: string | undefined): Table {
  const { data } = run.config;
  const columns = posterior.columns as TableColumns;
  if (data.kind !== 'csv' || data.targetPath === undefined)
    return tableOf(read, columns, sequence(read.rows), defaultMaxBytes());
  if (targets === undefined)
    fail(read.where, 'the targets in a file of their own', 'none', 'add --targets FILE');
  const options = frameOptions(run, posterior, true, true);
  const other = readTargets(targets, fieldColumns(data.target), options);
  const { frame, usable } = withTargetsOf(read, other);
  return tableOf(frame, columns, usable, defaultMaxBytes());
}

/**
 * Rows with targets: a directory of IDX files (its t10k part, or without one its train part), an NPY file with `targets`, or delimited
 * text laid out as the run's own.
 * @throws DataError naming file and place
 */
export function runTable(
  run: Run,
  posterior: AnyPosterior,
  path: string,
  targets: string | undefined,
): Table {
  const where = showPath(path);
  const table = readTable(run, posterior, path, targets);
  const { inputSize } = posterior.model;
  if (table.features.columns !== inputSize) {
    const next = 'is this data for another model?';
    fail(where, count(inputSize, 'feature column'), `${table.features.columns}`, next);
  }
  return posterior.classNames === null ? table : alignClasses(table, posterior.classNames, where);
}

function readTable(run: Run, posterior: AnyPosterior, path: string, targets: string | undefined): Table {
  const { data } = run.config;
  const task = dataTask(run.config);
  const where = showPath(path);
  const frame = learnedFrame(run, posterior, path, true);
  if (frame !== null) return learnedTable(run, posterior, frame, targets);
  if (isDirectory(path)) {
    if (task !== 'classification') {
      fail(
        where,
        'a file of rows with targets',
        'a directory',
        'only classifiers are evaluated on IDX files',
      );
    }
    const parts = readIdxParts(path);
    return idxTable((parts.test ?? parts.train)!, data.kind === 'idx' ? data.divisor : 255);
  }
  const file = openDataFile(path);
  if (looksLikeNpy(contentHead(file, 8))) {
    if (targets === undefined)
      fail(where, 'the targets in a file of their own', 'none', 'add --targets FILE.npy');
    const features = npyOf(file);
    const values = readNpy(targets);
    const matrix = npyMatrix(features, takesFloat64(posterior));
    if (values.shape[0] !== matrix.rows) {
      const next = 'use features and targets of the same rows';
      fail(showPath(targets), count(matrix.rows, 'row'), `${values.shape[0]}`, next);
    }
    return {
      features: matrix,
      featureNames: null,
      targets: npyTargets(values, task, posterior.classNames, true),
      source: [features.source, values.source],
    };
  }
  const layout =
    data.kind === 'csv'
      ? {
          ...textFormat(data),
          authority: 'file' as const,
          target: fieldColumns(data.target),
        }
      : { target: [-1] };
  const options = {
    ...layout,
    task,
    standardized: { features: takesFloat64(posterior), targets: true },
    ...(posterior.classNames === null ? {} : { classNames: posterior.classNames }),
  };
  const given = data.kind === 'csv' && data.features !== undefined ? fieldColumns(data.features) : undefined;
  const table = readCsv(path, { ...options, features: given });
  // The columns the model was trained on, by name, wherever this file has them.
  const known = run.manifest.featureNames;
  const moved = known && table.featureNames?.some((name, c) => name !== known[c]);
  return moved || (known && table.featureNames?.length !== known.length && table.featureNames !== null)
    ? readCsv(path, { ...options, features: known })
    : table;
}

/** Columns of the training file, and which of them the config names. */
function layoutOf(
  { manifest }: Run,
  data: Run['config']['data'] & { readonly kind: 'csv' },
): TrainingLayout | undefined {
  const width = manifest.data.find(({ shape }) => shape.length === 2)?.shape[1];
  if (width === undefined) return undefined;
  const features = data.features === undefined ? null : fieldColumns(data.features);
  return { columns: width, target: data.targetPath === undefined ? fieldColumns(data.target) : [], features };
}

function fieldColumns(
  refs: ColumnRef | readonly ColumnRef[] | { readonly file: string },
): readonly ColumnRef[] {
  if (typeof refs === 'string' || typeof refs === 'number') return [refs];
  if ('file' in refs) return [...readIndices(refs.file, 'column', null).indices];
  return refs;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
