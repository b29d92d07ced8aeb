// Whether the first record of a text table is a header, and how places in such a table are called. Records come from delimited.ts.

import { count, fail, show } from '../message.ts';
import { type Authority, setting } from './authority.ts';
import { isMissing, isNumberLike, looksNumeric } from './number.ts';

/** Who receives the records: `start` once before the first row, then `row` for each, in the order of the file. */
export interface RecordSink {
  start(names: readonly string[] | null, columns: number, line: number): void;
  row(cells: readonly string[], line: number): void;
}

/** `line 7, column 4 "mass"`, or with the index that a config would use where the column has no name. */
export function cellPlace(
  where: string,
  line: number,
  column: number,
  names: readonly string[] | null,
): string {
  return `${where}: line ${line}, ${columnPlace(column, names)}`;
}

/** Refuses a row that has not the columns of the first record. */
export function refuseWidth(
  where: string,
  line: number,
  got: number,
  expected: number,
  names: readonly string[] | null,
  authority: Authority | undefined,
): never {
  const skip = names === null ? null : setting('header', 'skip', authority);
  const next =
    skip === null
      ? 'check the delimiter and the quotes in this line'
      : `check this line, or ${skip} if the first line is no header`;
  const like = names === null ? 'as in the first row' : 'as in the header';
  return fail(`${where}: line ${line}`, `${count(expected, 'column')} ${like}`, `${got}`, next);
}

export function columnPlace(column: number, names: readonly string[] | null): string {
  const name = names?.[column];
  return name ? `column ${column + 1} ${show(name)}` : `column ${column + 1} (index ${column})`;
}

/**
 * Whether cells are 0, 1, 2 …, as pandas writes a table without names (with its index: behind an empty cell), or 1, 2, 3 … above
 * something else than whole numbers.
 */
function countsColumns(cells: readonly string[], second: readonly string[] | null): boolean {
  const names = cells[0] === '' ? cells.slice(1) : cells;
  if (names.length === 0 || cells.length < 2) return false;
  if (names.every((name, i) => name === String(i))) return true;
  const fromOne = names.length > 2 && names.every((name, i) => name === String(i + 1));
  return fromOne && (second ?? []).some((cell) => cell !== '' && !/^\d+$/.test(cell));
}

function isText(cell: string): boolean {
  return cell !== '' && !isNumberLike(cell) && !isMissing(cell);
}

/** Whether two records have texts in the same columns, as far as their cells are filled. */
function areAlike(first: readonly string[], second: readonly string[]): boolean {
  return first.every(
    (cell, c) =>
      cell === '' ||
      !second[c] ||
      isMissing(cell) ||
      isMissing(second[c]) ||
      isText(cell) === isText(second[c]),
  );
}

/** Cells of a record without the empty ones at its end that the other record has too, or ends before. */
function filledWidth(record: readonly string[], other: readonly string[] | null): number {
  let width = record.length;
  while (width > 1 && record[width - 1] === '' && (other?.[width - 1] ?? '') === '') width--;
  return width;
}

/**
 * Whether the first record names the columns, which `auto` finds out. `skip` passes over it; `skipUnlessRow` too, unless it has numbers
 * where the next record has them: a file to predict from may lack the line that was skipped in training.
 */
export type HeaderMode = boolean | 'auto' | 'skip' | 'skipUnlessRow';

/** Holds the first record back until the second shows whether it is a header, and cuts off what stands behind the last delimiter. */
export class HeaderDecision {
  #first: { cells: readonly string[]; line: number } | null = null;
  #started = false;
  #rows = 0;
  /** Columns; empty cells behind them are left by a delimiter at the end of a line. */
  #width = 0;

  constructor(
    readonly where: string,
    readonly header: HeaderMode,
    readonly sink: RecordSink,
    readonly knownNames: readonly string[] | null,
    readonly authority: Authority | undefined,
  ) {}

  record(cells: readonly string[], line: number): void {
    if (this.#started) this.#row(cells, line);
    else if (this.#first === null) this.#first = { cells, line };
    else {
      this.#start(cells, line);
      this.#row(cells, line);
    }
  }

  end(): number {
    if (this.#first === null) fail(this.where, 'at least 1 row', 'no rows', 'check how the file was written');
    if (!this.#started) this.#start(null, 0);
    if (this.#rows === 0) {
      const set = setting('header', 'false', this.authority);
      const next =
        set === null ? 'add rows to predict from' : `add data, or ${set} if line ${this.#first.line} is data`;
      fail(this.where, 'at least 1 row', 'a header and no rows', next);
    }
    return this.#rows;
  }

  #row(cells: readonly string[], line: number): void {
    this.#rows++;
    const behind = cells.slice(this.#width);
    const cut = behind.length > 0 && behind.every((cell) => cell === '');
    this.sink.row(cut ? cells.slice(0, this.#width) : cells, line);
  }

  #start(second: readonly string[] | null, secondLine: number): void {
    const first = this.#first!;
    this.#started = true;
    const mode = this.#mode(first.cells, second);
    if (mode === 'skip' && second !== null) {
      this.#width = filledWidth(second, first.cells);
      this.sink.start(null, this.#width, secondLine);
      return;
    }
    this.#width = filledWidth(first.cells, second);
    const cells = first.cells.slice(0, this.#width);
    if (mode === true) {
      this.#checkNames(cells, first.line);
      this.sink.start(cells, cells.length, first.line);
    } else {
      this.sink.start(null, cells.length, first.line);
      if (mode === false) this.#row(cells, first.line);
    }
  }

  #mode(first: readonly string[], second: readonly string[] | null): boolean | 'skip' {
    if (this.header === 'auto') return this.#guess(first, second);
    if (this.header !== 'skipUnlessRow') return this.header;
    const isRow = first.some(isNumberLike) && !countsColumns(first, second) && areAlike(first, second ?? []);
    return isRow ? false : 'skip';
  }

  #guess(all: readonly string[], second: readonly string[] | null): boolean {
    if (this.knownNames?.length && this.knownNames.every((name) => all.includes(name))) return true;
    const first = all.slice(0, filledWidth(all, second));
    if (countsColumns(first, second)) {
      const next = this.#next('if it is a row');
      this.#refuse(
        'a header of names or a row of data',
        `${show(first.join(' '))}, the numbers of columns`,
        next,
      );
    }
    const text = first.filter(isText).length;
    const filled = first.filter((cell) => cell !== '' && !isMissing(cell)).length;
    if (text === 0) return false;
    if (second === null) return text === filled;
    if (text === filled && second.some(looksNumeric)) return true;
    if (areAlike(first, second)) return false;
    const got = `${show(first.join(' '))} above ${show(second.join(' '))}`;
    const next = this.#next('if it is data', ', skip to pass over it');
    return this.#refuse('a header of text or a row like the next', got, next);
  }

  #next(isData: string, more = ''): string {
    const set = setting('header', 'true', this.authority);
    return set === null
      ? `delete the line if it names the columns; ${isData}, put another row first`
      : `${set} if line ${this.#first!.line} names the columns, false ${isData}${more}`;
  }

  #refuse(expected: string, got: string, next: string): never {
    return fail(`${this.where}: line ${this.#first!.line}`, expected, got, next);
  }

  #checkNames(names: readonly string[], line: number): void {
    const seen = new Map<string, number>();
    names.forEach((name, c) => {
      const before = seen.get(name);
      if (before !== undefined && name !== '') {
        const at = cellPlace(this.where, line, c, names);
        fail(
          at,
          'a name of its own for each column',
          `the name of column ${before + 1} again`,
          'rename one of the two',
        );
      }
      seen.set(name, c);
    });
  }
}
