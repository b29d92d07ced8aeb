// Records of a delimited text file, each with its line: delimiter and header are found here, csv-parse does the splitting.
// What a cell means is left to csv.ts.

import { isUtf8 } from 'node:buffer';
import type { CsvError } from 'csv-parse/sync';
import { parse } from 'csv-parse/sync';
import type { DataFile, ReadOptions } from './files.ts';
import { contentWhole } from './files.ts';
import { count, fail, show } from './message.ts';
import { isDecimal, isNumberLike } from './number.ts';

/** How a text table is laid out. */
export interface TextFormat extends ReadOptions {
  /** One character, `tab`, or `whitespace` (any run of blanks and tabs); found from the first line if not given. */
  readonly delimiter?: string | undefined;
  /** Whether the first record names the columns; `skip`: it is there but is not to be used; default `auto`. */
  readonly header?: boolean | 'auto' | 'skip' | undefined;
  /** Lines starting with this are passed over; default none. */
  readonly comment?: string | undefined;
}

/** Who receives the records: `start` once before the first row, then `row` for each, in the order of the file. */
export interface RecordSink {
  start(names: readonly string[] | null, columns: number, line: number): void;
  row(cells: readonly string[], line: number): void;
}

const WHITESPACE = 'whitespace';
const NAMED: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  comma: ',',
  semicolon: ';',
  ' ': WHITESPACE,
  space: WHITESPACE,
};

// Far above any honest row, far below what would hurt: a file without line breaks stops here instead of in memory.
const LONGEST_RECORD = 2 ** 24;

/**
 * Hands every record of a file to `sink`; returns how many rows there were. With `header: 'auto'` the first record is a header if it is
 * all text above a record with numbers, or holds all of `knownNames`; a mixture of both is an error, because a guess could eat a row.
 * @throws DataError naming file, line and column; whatever `sink` throws
 */
export function scanRecords(
  file: DataFile,
  format: TextFormat,
  sink: RecordSink,
  knownNames: readonly string[] | null = null,
): number {
  const content = checkedText(file);
  const comment = checkedComment(format.comment);
  const delimiter =
    format.delimiter === undefined ? detect(file.path, content, comment) : checkedDelimiter(format.delimiter);
  const header = new HeaderDecision(file.where, format.header ?? 'auto', sink, knownNames);
  const blank = delimiter === WHITESPACE;
  let drift = 0; // csv-parse counts a CR LF inside quotes as two lines
  let lastLine = 0;
  const onRecord = (record: string[], info: { lines: number }): null => {
    let line = info.lines - drift;
    // A record that follows right below the one before holds no line break: the usual case needs no search.
    if (line > lastLine + 1) {
      const inside = lineBreaks(record);
      drift += inside.pairs;
      line -= inside.pairs;
      lastLine = line;
      line -= inside.pairs + inside.singles;
    } else {
      lastLine = line;
    }
    const cells = blank ? record.filter((cell) => cell !== '') : record;
    if (cells.length > 0) header.record(cells, line);
    return null;
  };
  try {
    parse(content, {
      bom: true,
      delimiter: blank ? [' ', '\t'] : delimiter,
      // All three at once: discovery from the first line would glue the rows of a file with mixed line endings together.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: LONGEST_RECORD,
      on_record: onRecord,
      ...(comment === null ? {} : { comment, comment_no_infix: true }),
    });
  } catch (error) {
    if (isCsvError(error)) refuse(file.where, error, drift, lastLine);
    throw error;
  }
  return header.end();
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
class HeaderDecision {
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

function checkedText(file: DataFile): Buffer {
  const content = contentWhole(file);
  const utf16 =
    content.length >= 2 &&
    ((content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff));
  if (utf16) fail(`${file.where}: byte 0`, 'UTF-8 text', 'UTF-16', 'save the file as UTF-8');
  if (!isUtf8(content)) {
    const line = lineOfBadUtf8(content);
    fail(`${file.where}: line ${line}`, 'UTF-8 text', 'bytes that are not UTF-8', 'save the file as UTF-8');
  }
  return content;
}

function lineOfBadUtf8(content: Buffer): number {
  let line = 1;
  for (let from = 0; ; line++) {
    const end = content.indexOf(10, from);
    if (end < 0 || !isUtf8(content.subarray(from, end))) return line;
    from = end + 1;
  }
}

function checkedComment(comment: string | undefined): string | null {
  if (comment === undefined || comment === '') return null;
  if (comment.length > 8 || /["\s,;]/.test(comment)) {
    fail(
      'data.comment',
      'a short mark such as #',
      show(comment),
      'choose one without blanks, quotes or delimiters',
    );
  }
  return comment;
}

function checkedDelimiter(given: string): string {
  const delimiter = Object.hasOwn(NAMED, given) ? NAMED[given] : given;
  if (delimiter === WHITESPACE || /^[^\w"\r\n.+-]$/u.test(delimiter)) return delimiter;
  return fail(
    'data.delimiter',
    'one character, tab or whitespace',
    show(given),
    'use for instance "," or whitespace',
  );
}

function detect(path: string, content: Buffer, comment: string | null): string {
  const line = firstLine(content, comment);
  const bare = line.replace(/"[^"]*"/g, '""'); // what is quoted separates nothing
  const occurrences = (c: string): number => bare.split(c).length - 1;
  // Where both occur, commas are decimal commas or prose more often than semicolons are.
  if (occurrences(';') > 0) return ';';
  if (occurrences(',') > 0 && occurrences(',') >= occurrences('\t')) return ',';
  if (occurrences('\t') > 0) {
    if (/\.(tsv|tab)(\.gz)?$/i.test(path)) return '\t';
    const cells = bare.split('\t').map((cell) => cell.trim());
    return cells.some((cell) => cell === '' || /\s/.test(cell)) && bare.split(/\s+/).some(isDecimal)
      ? WHITESPACE
      : '\t';
  }
  return /\S[ ]+\S/.test(bare) ? WHITESPACE : ',';
}

function firstLine(content: Buffer, comment: string | null): string {
  const lines = content
    .toString('utf8', 0, Math.min(content.length, 2 ** 20))
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/, 1000);
  return lines.find((line) => line.trim() !== '' && (comment === null || !line.startsWith(comment))) ?? '';
}

function lineBreaks(record: readonly string[]): { pairs: number; singles: number } {
  let pairs = 0;
  let singles = 0;
  for (const cell of record) {
    for (const hit of cell.match(/\r\n|\n|\r/g) ?? []) {
      if (hit.length === 2) pairs++;
      else singles++;
    }
  }
  return { pairs, singles };
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && /^(CSV_|INVALID_OPENING_QUOTE)/.test(String((error as CsvError).code));
}

function refuse(where: string, error: CsvError, drift: number, lastLine: number): never {
  const line = `${where}: line ${Number(error.lines ?? 0) - drift}`;
  const cell = `${line}, column ${Number(error.column ?? 0) + 1}`;
  const quotes = 'write a quote inside a quoted field twice, and quote fields as a whole';
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return fail(
        `${where}: line ${lastLine + 1}`,
        'a closing quote',
        'the end of the file',
        'close the quoted field that starts here or below',
      );
    case 'INVALID_OPENING_QUOTE':
      return fail(cell, 'a quote only at the start of a field', 'one in the middle', quotes);
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE':
      return fail(cell, 'a delimiter after the closing quote', 'something else', quotes);
    case 'CSV_MAX_RECORD_SIZE':
      return fail(
        line,
        `a row of at most ${count(LONGEST_RECORD, 'character')}`,
        'a longer one',
        'check line ends, quotes and the delimiter',
      );
    default:
      return fail(line, 'delimited text', show(error.message, 120), 'check the file and data.delimiter');
  }
}
