// Whether the first record of a text table is a header, and how places in such a table are called. Records come from delimited.ts.

import { fail, show } from './message.ts';
import { isDecimal, isNumberLike } from './number.ts';

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

/** Holds the first record back until the second shows whether it is a header. */
export class HeaderDecision {
  #first: { cells: readonly string[]; line: number } | null = null;
  #started = false;
  #rows = 0;

  constructor(
    readonly where: string,
    readonly header: boolean | 'auto' | 'skip',
    readonly sink: RecordSink,
    readonly knownNames: readonly string[] | null,
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
      fail(
        this.where,
        'at least 1 row',
        'a header and no rows',
        'add data, or set data.header to false if line 1 is data',
      );
    }
    return this.#rows;
  }

  #row(cells: readonly string[], line: number): void {
    this.#rows++;
    this.sink.row(cells, line);
  }

  #start(second: readonly string[] | null, secondLine: number): void {
    const first = this.#first!;
    this.#started = true;
    const mode = this.header === 'auto' ? this.#guess(first.cells, second) : this.header;
    if (mode === true) {
      this.#checkNames(first.cells, first.line);
      this.sink.start(first.cells, first.cells.length, first.line);
    } else if (mode === 'skip') {
      this.sink.start(null, second?.length ?? first.cells.length, second === null ? first.line : secondLine);
    } else {
      this.sink.start(null, first.cells.length, first.line);
      this.#row(first.cells, first.line);
    }
  }

  #guess(first: readonly string[], second: readonly string[] | null): boolean {
    if (this.knownNames?.length && this.knownNames.every((name) => first.includes(name))) return true;
    const isText = (cell: string): boolean => cell !== '' && !isNumberLike(cell);
    const text = first.filter(isText).length;
    const filled = first.filter((cell) => cell !== '').length;
    if (text === 0) return false;
    if (second === null) return text === filled;
    if (text === filled && second.some(isDecimal)) return true;
    const alike = first.every((cell, c) => cell === '' || !second[c] || isText(cell) === isText(second[c]));
    if (alike) return false;
    const got = `${show(first.join(' '))} above ${show(second.join(' '))}`;
    const next =
      'set data.header to true if line names the columns, false if it is data, skip to pass over it';
    fail(`${this.where}: line ${this.#first!.line}`, 'a header of text or a row like the next', got, next);
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
