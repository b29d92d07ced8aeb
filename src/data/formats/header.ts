// Whether the first record of a text table is a header, and how places in such a table are called. Records come from delimited.ts.

import { fail, show } from '../message.ts';
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

/** Cells of a record without the empty ones at its end that the other record has too, or ends before. */
function filledWidth(record: readonly string[], other: readonly string[] | null): number {
  let width = record.length;
  while (width > 1 && record[width - 1] === '' && (other?.[width - 1] ?? '') === '') width--;
  return width;
}

/** Who can still say whether there is a header: the config that data are trained by, or only the file that is predicted from. */
export type HeaderAuthority = 'config' | 'file';

/** Holds the first record back until the second shows whether it is a header, and cuts off what stands behind the last delimiter. */
export class HeaderDecision {
  #first: { cells: readonly string[]; line: number } | null = null;
  #started = false;
  #rows = 0;
  /** Columns; empty cells behind them are left by a delimiter at the end of a line. */
  #width = 0;

  constructor(
    readonly where: string,
    readonly header: boolean | 'auto' | 'skip',
    readonly sink: RecordSink,
    readonly knownNames: readonly string[] | null,
    readonly authority: HeaderAuthority,
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
      const next =
        this.authority === 'config'
          ? 'add data, or set data.header to false if line 1 is data'
          : 'add rows to predict from';
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
    const mode = this.header === 'auto' ? this.#guess(first.cells, second) : this.header;
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

  #guess(all: readonly string[], second: readonly string[] | null): boolean {
    if (this.knownNames?.length && this.knownNames.every((name) => all.includes(name))) return true;
    const first = all.slice(0, filledWidth(all, second));
    if (countsColumns(first, second)) {
      const next = this.#next('if it names the columns', 'if it is a row');
      this.#refuse(
        'a header of names or a row of data',
        `${show(first.join(' '))}, the numbers of columns`,
        next,
      );
    }
    const isText = (cell: string): boolean => cell !== '' && !isNumberLike(cell) && !isMissing(cell);
    const text = first.filter(isText).length;
    const filled = first.filter((cell) => cell !== '' && !isMissing(cell)).length;
    if (text === 0) return false;
    if (second === null) return text === filled;
    if (text === filled && second.some(looksNumeric)) return true;
    const alike = first.every(
      (cell, c) =>
        cell === '' ||
        !second[c] ||
        isMissing(cell) ||
        isMissing(second[c]) ||
        isText(cell) === isText(second[c]),
    );
    if (alike) return false;
    const got = `${show(first.join(' '))} above ${show(second.join(' '))}`;
    const next = this.#next('if line names the columns', 'if it is data', ', skip to pass over it');
    return this.#refuse('a header of text or a row like the next', got, next);
  }

  #next(names: string, data: string, more = ''): string {
    return this.authority === 'config'
      ? `set data.header to true ${names}, false ${data}${more}`
      : `delete the line ${names.replace('line ', 'it ')}; ${data}, put another row first`;
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
