// Reads a table into a frame: which columns are features, targets or kept as texts, which cells are missing, which rows are dropped.

import { type MissingCells, Refused } from '../../columns/column.ts';
import { type ColumnSpec, columnKind, DEFAULT_COLUMN } from '../../columns/index.ts';
import { levelOf } from '../../columns/levels.ts';
import { noMissing } from '../../columns/namedRows.ts';
import type { LearnedColumn } from '../../columns/tableColumns.ts';
import { describeValue } from '../../messages.ts';
import { type FileColumns, resolveColumns } from '../columns.ts';
import type { Targets } from '../dataset.ts';
import { type DataFile, openDataFile, provenance } from '../files.ts';
import { cellPlace, columnPlace, refuseWidth } from '../formats/header.ts';
import { type Role, toNumber, whyNotNumber } from '../formats/number.ts';
import { scanTable } from '../formats/scan.ts';
import { grown } from '../grown.ts';
import { LabelCollector } from '../labels.ts';
import { fail, show } from '../message.ts';
import type { Frame, FrameColumn, TextColumn } from './frame.ts';
import { columnName, columnSpecs, type FrameOptions, featureColumns, textColumns } from './frameColumns.ts';
import { type ColumnSink, NumberSink, TextSink } from './sinks.ts';

/** @throws DataError naming file, line and column of the first cell that is not what it should be */
export function readFrame(path: string, options: FrameOptions): Frame {
  const file = openDataFile(path, options);
  return frameOf(file, options);
}

/** readFrame of a file that is open already. */
export function frameOf(file: DataFile, options: FrameOptions): Frame {
  const builder = new FrameBuilder(file, options);
  const known = options.learned?.map(({ name }) => name) ?? null;
  scanTable(file, options, builder, known);
  return builder.frame();
}

interface Feature {
  readonly column: number;
  readonly name: string;
  readonly from: ColumnSpec | LearnedColumn;
  readonly sink: ColumnSink;
  /** Null where a missing cell is taken. */
  readonly refuseMissing: ((got: string) => Refused) | null;
}

class FrameBuilder {
  #names: readonly string[] | null = null;
  #width = 0;
  #features: readonly Feature[] = [];
  #targets: readonly number[] = [];
  #values: readonly NumberSink[] = [];
  #texts: readonly { readonly column: number; readonly sink: TextSink }[] = [];
  /** Columns of `#texts` that come back with predictions, and those by which rows are divided. */
  #passed: readonly number[] = [];
  #keys: readonly number[] = [];
  /** Columns whose missing cells drop the row. */
  #dropping: readonly number[] = [];
  #weights: { readonly column: number; readonly sink: NumberSink } | null = null;
  readonly #labels = new LabelCollector();
  readonly #markers: ReadonlySet<string>;
  #lines = new Int32Array(1024);
  #numbers = new Int32Array(1024);
  #rows = 0;
  #all = 0;

  constructor(
    readonly file: DataFile,
    readonly options: FrameOptions,
  ) {
    this.#markers = new Set(options.missing.markers);
  }

  start(names: readonly string[] | null, columns: number): void {
    this.#names = names;
    this.#width = columns;
    const { target, missing, drops } = this.options;
    const { authority } = this.options;
    const all: FileColumns = { where: this.file.where, names, count: columns, authority };
    const texts = textColumns(all, this.options);
    this.#keys = (this.options.keys ?? []).map(
      (ref) => resolveColumns([ref], all, 'data.groups or order')[0],
    );
    this.#passed = texts;
    const kept = [...new Set([...texts, ...this.#keys])];
    this.#texts = kept.map((column) => ({
      column,
      sink: new TextSink(writtenOf, (got) => new Refused('a text', describeValue(got), 'write it as one')),
    }));
    this.#targets = target === null ? [] : resolveColumns(target, all, 'data.target');
    const specs = columnSpecs(all, this.options);
    const { weights } = this.options;
    if (weights !== undefined)
      this.#weights = { column: resolveColumns([weights], all, 'data.weights')[0], sink: this.#weightSink() };
    const others = this.#weights === null ? kept : [...kept, this.#weights.column];
    const places = featureColumns(all, others, specs, this.options);
    const { learned } = this.options;
    this.#features = places.map((column, f) => this.#feature(column, specs.get(column), learned?.[f]));
    const dropping = places.filter((column) => {
      const spec = specs.get(column) ?? DEFAULT_COLUMN;
      return drops && columnKind(spec.kind).treatment(spec, missing) === 'drop';
    });
    this.#dropping = [...dropping, ...(drops && missing.dropWithoutTarget ? this.#targets : [])];
    const { task } = this.options;
    if (task === 'classification' && this.#targets.length > 1)
      fail(
        `${this.file.where}: data.target`,
        '1 column of class labels',
        `${this.#targets.length}`,
        'name one column',
      );
    if (task !== 'classification')
      this.#values = this.#targets.map(() => this.#targetSink(task === 'binary'));
  }

  row(cells: readonly unknown[], line: number): void {
    const { file, options } = this;
    if (cells.length !== this.#width)
      refuseWidth(file.where, line, cells.length, this.#width, this.#names, options.authority);
    this.#all++;
    if (this.#dropping.some((column) => this.#isMissing(cells[column]))) return;
    if (this.#rows === this.#lines.length) {
      this.#lines = grown(this.#lines);
      this.#numbers = grown(this.#numbers);
    }
    this.#lines[this.#rows] = line;
    this.#numbers[this.#rows++] = this.#all - 1;
    let column = 0;
    try {
      for (const feature of this.#features) {
        column = feature.column;
        const cell = cells[column];
        if (!this.#isMissing(cell)) put(feature.sink, cell);
        else if (feature.refuseMissing === null) feature.sink.text(null);
        else throw feature.refuseMissing(said(cell));
      }
      for (const [t, at] of this.#targets.entries()) {
        column = at;
        this.#target(cells[at], t);
      }
      if (this.#weights !== null) {
        column = this.#weights.column;
        put(this.#weights.sink, cells[column] ?? '');
      }
      for (const { column: at, sink } of this.#texts) {
        column = at;
        put(sink, cells[at] ?? '');
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fail(this.#place(line, column), error.expected, error.got, error.next);
    }
  }

  frame(): Frame {
    const rows = this.#rows;
    const { where } = this.file;
    if (rows === 0 && this.#all > 0)
      fail(where, 'rows without missing cells', 'none', 'choose another treatment than drop');
    const lines = this.#lines.subarray(0, rows);
    return {
      where,
      width: this.#width,
      rows,
      allRows: this.#all,
      numbers: this.#numbers.subarray(0, rows),
      features: this.#features.map(
        ({ name, column, from, sink }): FrameColumn => ({ name, column, from, raw: sink.column(rows) }),
      ),
      targets: this.options.target === null ? null : this.#finishTargets(rows, lines),
      targetNames: this.#targets.map((column) => columnName(this.#names, column)),
      weights: (this.#weights?.sink.column(rows).values as Float64Array | undefined) ?? null,
      texts: this.#passed.map((column) => this.#textColumn(column, rows)),
      keys: this.#keys.map((column) => this.#textColumn(column, rows)),
      source: [provenance(this.file, [this.#all, this.#width])],
      place: (row, column) => this.#place(lines[row], column),
    };
  }

  #textColumn(column: number, rows: number): TextColumn {
    const sink = this.#texts.find((text) => text.column === column)?.sink as TextSink;
    const { values, texts } = sink.column(rows);
    const name = columnName(this.#names, column);
    return { name, column, codes: values as Int32Array, texts: texts as readonly string[] };
  }

  #isMissing(cell: unknown): boolean {
    return typeof cell === 'string' ? this.#markers.has(cell) : cell === null;
  }

  #feature(column: number, spec: ColumnSpec = DEFAULT_COLUMN, learned?: LearnedColumn): Feature {
    const kind = columnKind((learned ?? spec).kind);
    const from = learned ?? spec;
    const { decimal, thousands, standardized, missing } = this.options;
    const plain = (text: string) => toNumber(text, standardized?.features ?? false, decimal, thousands);
    const role: Role = this.options.learned === undefined ? 'feature' : 'input';
    const refuse = (got: unknown) => {
      const refusal = kind.refusal(from) ?? whyNotNumber(typeof got === 'string' ? got : 'x', role, decimal);
      return new Refused(refusal.expected, said(got), refusal.next);
    };
    const of = (value: unknown) => kind.cell(value, from);
    const sink = kind.numbers
      ? new NumberSink((text) => kind.parse!(text, from as never, plain), of, refuse)
      : new TextSink(of, refuse);
    const name = learned?.name ?? columnName(this.#names, column);
    return {
      column,
      name,
      from,
      sink,
      refuseMissing: refusalOfMissing(kind, from, learned !== undefined, missing),
    };
  }

  #targetSink(binary: boolean): NumberSink {
    const { decimal, thousands, standardized } = this.options;
    const parse = (text: string) => {
      const value = toNumber(text, standardized?.targets ?? false, decimal, thousands);
      return binary && value !== 0 && value !== 1 ? Number.NaN : value;
    };
    const refuse = (got: unknown) => {
      const { expected, next } = binary
        ? {
            expected: '0 or 1',
            next: 'encode the two outcomes as 0 and 1, or set likelihood.kind to categorical',
          }
        : whyNotNumber(typeof got === 'string' ? got : 'x', 'target', decimal);
      return new Refused(expected, said(got), next);
    };
    const of = (value: unknown) =>
      typeof value === 'number' && Number.isFinite(value) && (!binary || value === 0 || value === 1)
        ? value
        : undefined;
    return new NumberSink(parse, of, refuse);
  }

  #weightSink(): NumberSink {
    const { decimal, thousands } = this.options;
    const next = 'write a number, 0 for a row that is not to count';
    return new NumberSink(
      (text) => {
        const value = toNumber(text, true, decimal, thousands);
        return value >= 0 ? value : Number.NaN;
      },
      (value) => (typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : undefined),
      (got) => new Refused('a weight of at least 0', said(got), next),
    );
  }

  #target(cell: unknown, t: number): void {
    if (this.#isMissing(cell)) {
      const next = 'drop rows without a target, or set target: drop in data.missing';
      const what = this.options.task === 'classification' ? 'a class label' : 'a number';
      throw new Refused(what, said(cell), next);
    }
    if (this.options.task !== 'classification') {
      put(this.#values[t], cell);
      return;
    }
    const label = levelOf(cell);
    if (label === undefined) throw new Refused('a class label', said(cell), 'write it as a text');
    this.#labels.push(label);
  }

  #finishTargets(rows: number, lines: Int32Array): Targets {
    const { task, classNames = null } = this.options;
    if (task !== 'classification') {
      const K = this.#values.length;
      const data = new Float64Array(rows * K);
      this.#values.forEach((sink, k) => {
        const { values } = sink.column(rows);
        for (let r = 0; r < rows; r++) data[r * K + k] = values[r];
      });
      const names = this.#names && this.#targets.map((column) => this.#names![column]);
      return { kind: 'values', values: { data, rows, columns: K }, names };
    }
    const [column] = this.#targets;
    const at = (row: number) => this.#place(lines[row], column);
    const place = `${this.file.where}: ${columnPlace(column, this.#names)}`;
    return { kind: 'labels', ...this.#labels.finish(at, place, classNames) };
  }

  #place(line: number, column: number): string {
    return cellPlace(this.file.where, line, column, this.#names);
  }
}

function refusalOfMissing(
  kind: ReturnType<typeof columnKind>,
  from: ColumnSpec | LearnedColumn,
  isLearned: boolean,
  missing: MissingCells,
): ((got: string) => Refused) | null {
  if (isLearned) return kind.takesMissing(from as LearnedColumn) ? null : noMissing;
  const treatment = kind.treatment(from, missing);
  if (treatment !== 'error' && treatment !== 'drop') return null;
  const next = 'fill it in, or say what to do about missing cells in data.missing';
  return (got) => new Refused('a value', got, next);
}

/** A cell as it is written; a date in its ISO form. */
function writtenOf(value: unknown): string | undefined {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : levelOf(value);
}

function put(sink: ColumnSink, cell: unknown): void {
  if (typeof cell === 'string') sink.text(cell);
  else sink.value(cell);
}

function said(cell: unknown): string {
  if (typeof cell !== 'string') return describeValue(cell);
  return cell === '' ? 'an empty cell' : show(cell);
}
