// Tables from delimited text: which columns are features and targets, every cell a finite number or a class label.

import type { Matrix } from '../../core/matrix.ts';
import type { ColumnRef, FileColumns, TrainingLayout } from '../columns.ts';
import { MODEL_FEATURES, resolveColumns, resolveTable } from '../columns.ts';
import type { Standardized, Table, Targets, Task } from '../dataset.ts';
import type { DataFile } from '../files.ts';
import { openDataFile, provenance } from '../files.ts';
import { grown } from '../grown.ts';
import { LabelCollector } from '../labels.ts';
import { count, fail, show } from '../message.ts';
import type { TextFormat } from './delimited.ts';
import { scanRecords } from './delimited.ts';
import { cellPlace, columnPlace, refuseWidth } from './header.ts';
import { type Role, toNumber, whyNotNumber } from './number.ts';

export interface CsvOptions extends TextFormat {
  /** The column (for regression and binary: or columns) to predict. */
  readonly target: ColumnRef | readonly ColumnRef[];
  readonly task: Task;
  /** Default: every column that is no target, in the order of the file. */
  readonly features?: readonly ColumnRef[] | undefined;
  /** Classes of a model already trained: labels become indices into these, and one class alone is allowed. */
  readonly classNames?: readonly string[] | undefined;
  /** What will be standardized, and so may be of any size; other numbers must fit float32. Default: nothing. */
  readonly standardized?: Standardized | undefined;
}

export interface FeatureOptions extends TextFormat {
  /** How many features the model takes. */
  readonly columns: number;
  /** Their names, if the model knows them: with a header, columns are matched by name and others are passed over. */
  readonly names?: readonly string[] | null | undefined;
  /** Take these columns of the file instead. */
  readonly features?: readonly ColumnRef[] | undefined;
  /** How the training file was laid out: one of as many columns may be given with its target, named or not. */
  readonly trainedOn?: TrainingLayout | undefined;
  /** Whether they will be; otherwise they must fit float32. Default: false. */
  readonly standardized?: boolean | undefined;
}

/**
 * Reads a table of features and targets from delimited text, gzip or not.
 * @throws DataError naming file, line and column of the first cell that is not what it should be
 */
export function readCsv(path: string, options: CsvOptions): Table {
  const target = Array.isArray(options.target)
    ? (options.target as readonly ColumnRef[])
    : [options.target as ColumnRef];
  const file = openDataFile(path, options);
  if (options.task === 'classification' && target.length !== 1) {
    fail(`${file.where}: data.target`, '1 column of class labels', `${target.length}`, 'name one column');
  }
  const sink = new TableSink(file, target, options);
  const rows = scanRecords(file, options, sink);
  return sink.table(rows);
}

/**
 * Reads only the features a model needs, for prediction.
 * @throws DataError as readCsv, and if the columns are not those the model was trained on
 */
export function readFeatures(
  path: string,
  options: FeatureOptions,
): { features: Matrix; source: Table['source'] } {
  return featuresOf(openDataFile(path, options), options);
}

/** readFeatures of a file that is open already. */
export function featuresOf(
  file: DataFile,
  given: FeatureOptions,
): { features: Matrix; source: Table['source'] } {
  const options: FeatureOptions = { ...given, authority: 'file' };
  const known = options.names ?? null;
  let cells: Cells | null = null;
  const sink = {
    start(names: readonly string[] | null, columns: number, line: number): void {
      const all = { where: file.where, names, count: columns, authority: options.authority };
      let chosen: number[];
      if (options.features !== undefined) chosen = resolveColumns(options.features, all, 'features');
      else if (names !== null && known !== null) chosen = resolveColumns(known, all, MODEL_FEATURES);
      else chosen = trainingColumns(all, options) ?? Array.from({ length: columns }, (_, c) => c);
      if (chosen.length !== options.columns) {
        const next =
          chosen.length > options.columns
            ? 'is the label column still in?'
            : 'are columns missing, or is the delimiter another one?';
        fail(`${file.where}: line ${line}`, count(options.columns, 'column'), `${chosen.length}`, next);
      }
      cells = new Cells(file, names, columns, chosen, options.standardized ?? false, options, 'input');
    },
    row: (record: readonly string[], line: number): void => cells!.row(record, line),
  };
  const rows = scanRecords(file, options, sink, options.features === undefined ? known : null);
  const { columns } = cells! as Cells;
  return { features: (cells! as Cells).matrix(rows), source: [provenance(file, [rows, columns])] };
}

/** The features among the columns of a file that is laid out as that of the training, target and all; null for any other file. */
function trainingColumns(file: FileColumns, { columns, trainedOn }: FeatureOptions): number[] | null {
  if (trainedOn === undefined || file.count !== trainedOn.columns || file.count === columns) return null;
  const refs = [...trainedOn.target, ...(trainedOn.features ?? [])];
  if (file.names === null && refs.some((ref) => typeof ref === 'string')) return null;
  return resolveTable(file, trainedOn.target, trainedOn.features).features;
}

/** Number cells of chosen columns, gathered row by row. */
class Cells {
  #data = new Float64Array(1024);
  #size = 0;

  constructor(
    readonly file: DataFile,
    readonly names: readonly string[] | null,
    readonly columns: number,
    readonly chosen: readonly number[],
    readonly standardized: boolean,
    readonly format: TextFormat,
    readonly role: Role,
    readonly binary = false,
  ) {}

  row(cells: readonly string[], line: number): void {
    const { file, columns, names } = this;
    if (cells.length !== columns)
      refuseWidth(file.where, line, cells.length, columns, names, this.format.authority);
    if (this.#size + this.chosen.length > this.#data.length) {
      this.#data = grown(this.#data, Math.max(2 * this.#data.length, this.chosen.length));
    }
    for (const column of this.chosen) {
      const text = cells[column];
      const value = toNumber(text, this.standardized, this.format.decimal, this.format.thousands);
      if (Number.isNaN(value) && (!this.binary || text === '')) this.#notNumber(text, line, column);
      if (this.binary && value !== 0 && value !== 1) {
        fail(
          cellPlace(this.file.where, line, column, this.names),
          '0 or 1',
          show(text),
          'encode the two outcomes as 0 and 1, or set likelihood.kind to categorical',
        );
      }
      this.#data[this.#size++] = value;
    }
  }

  matrix(rows: number): Matrix {
    return { data: this.#data.slice(0, this.#size), rows, columns: this.chosen.length };
  }

  #notNumber(text: string, line: number, column: number): never {
    const { expected, next } = whyNotNumber(text, this.role, this.format.decimal);
    const got = text === '' ? 'an empty cell' : show(text);
    fail(cellPlace(this.file.where, line, column, this.names), expected, got, next);
  }
}

class TableSink {
  #names: readonly string[] | null = null;
  #columns = 0;
  #features!: Cells;
  #targets!: Cells;
  readonly #labels = new LabelCollector();
  // Line of each row, kept for the message about a label: a wrong one shows only when all are known.
  #lines = new Int32Array(1024);
  #rows = 0;

  constructor(
    readonly file: DataFile,
    readonly target: readonly ColumnRef[],
    readonly options: CsvOptions,
  ) {}

  start(names: readonly string[] | null, columns: number): void {
    this.#names = names;
    this.#columns = columns;
    const { authority } = this.options;
    const all = { where: this.file.where, names, count: columns, authority };
    const chosen = resolveTable(all, this.target, this.options.features ?? null);
    const { task, standardized } = this.options;
    this.#features = new Cells(
      this.file,
      names,
      columns,
      chosen.features,
      standardized?.features ?? false,
      this.options,
      'feature',
    );
    const targets = standardized?.targets ?? false;
    this.#targets = new Cells(
      this.file,
      names,
      columns,
      chosen.targets,
      targets,
      this.options,
      'target',
      task === 'binary',
    );
  }

  row(cells: readonly string[], line: number): void {
    this.#features.row(cells, line);
    if (this.options.task !== 'classification') {
      this.#targets.row(cells, line);
      return;
    }
    const column = this.#targets.chosen[0];
    if (cells[column] === '') {
      const at = cellPlace(this.file.where, line, column, this.#names);
      fail(at, 'a class label', 'an empty cell', 'drop rows without a label');
    }
    this.#labels.push(cells[column]);
    if (this.#rows === this.#lines.length) this.#lines = grown(this.#lines);
    this.#lines[this.#rows++] = line;
  }

  table(rows: number): Table {
    const namesOf = (columns: readonly number[]): string[] | null =>
      this.#names && columns.map((c) => this.#names![c]);
    return {
      features: this.#features.matrix(rows),
      featureNames: namesOf(this.#features.chosen),
      targets: this.#finishTargets(rows, namesOf(this.#targets.chosen)),
      source: [provenance(this.file, [rows, this.#columns])],
    };
  }

  #finishTargets(rows: number, names: string[] | null): Targets {
    if (this.options.task !== 'classification')
      return { kind: 'values', values: this.#targets.matrix(rows), names };
    const column = this.#targets.chosen[0];
    const at = (row: number): string => cellPlace(this.file.where, this.#lines[row], column, this.#names);
    const place = `${this.file.where}: ${columnPlace(column, this.#names)}`;
    return { kind: 'labels', ...this.#labels.finish(at, place, this.options.classNames ?? null) };
  }
}
