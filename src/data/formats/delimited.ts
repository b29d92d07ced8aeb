// Records of a delimited text file, each with its line: the delimiter is found here, csv-parse does the splitting. Which record is a
// header is left to header.ts, what a cell means to csv.ts.

import type { CsvError } from 'csv-parse/sync';
import { parse } from 'csv-parse/sync';
import type { DataFile, ReadOptions } from '../files.ts';
import { contentWhole } from '../files.ts';
import { count, fail, show } from '../message.ts';
import { type Authority, fieldName } from './authority.ts';
import { type Encoding, utf8Content } from './encoding.ts';
import { HeaderDecision, type HeaderMode, type RecordSink } from './header.ts';
import { type DecimalMark, isDecimal, type ThousandsMark } from './number.ts';

/** How a text table is laid out. */
export interface TextFormat extends ReadOptions {
  /** One character, `tab`, or `whitespace` (any run of blanks and tabs); found from the first line if not given. */
  readonly delimiter?: string | undefined;
  /** Default: `auto`. */
  readonly header?: HeaderMode | undefined;
  /** What stands before the fraction of numbers; default a point. */
  readonly decimal?: DecimalMark | undefined;
  /** What stands between groups of three digits; default nothing. */
  readonly thousands?: ThousandsMark | undefined;
  /** Default: UTF-16 where a byte order mark says so, else UTF-8. */
  readonly encoding?: Encoding | undefined;
  /** Lines starting with this are passed over; default none. */
  readonly comment?: string | undefined;
  /** Where all this can be set, for messages; default: in a config. */
  readonly authority?: Authority | undefined;
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
  const { authority } = format;
  const { content, separator } = withoutSeparatorLine(checkedText(file, format));
  const comment = checkedComment(format.comment);
  const delimiter =
    format.delimiter === undefined && separator === null
      ? detect(file.path, content, comment, format.decimal ?? '.')
      : checkedDelimiter((format.delimiter ?? separator)!, authority);
  const header = new HeaderDecision(file.where, format.header ?? 'auto', sink, knownNames, authority);
  const blank = delimiter === WHITESPACE;
  let drift = separator === null ? 0 : -1; // csv-parse counts a CR LF inside quotes as two lines
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
    if (isCsvError(error)) refuse(file.where, error, drift, lastLine, authority);
    throw error;
  }
  return header.end();
}

/** First bytes of files that are no text, what they are and what to do about it. */
const NO_TEXT: ReadonlyArray<{ starts: string; has?: string; is: string; next: string }> = [
  { starts: 'PK\x03\x04', has: 'xl/', is: 'an Excel workbook', next: 'save the sheet as CSV' },
  { starts: 'PK\x03\x04', has: '.npy', is: 'an NPZ archive', next: 'save each array as a .npy file' },
  { starts: 'PK\x03\x04', is: 'a ZIP archive', next: 'unpack it first' },
  { starts: '\xd0\xcf\x11\xe0', is: 'an old Excel workbook', next: 'save the sheet as CSV' },
  { starts: 'PAR1', is: 'a Parquet file', next: 'end its name in .parquet' },
];

function checkedText(file: DataFile, format: TextFormat): Buffer {
  const content = contentWhole(file);
  const kind = NO_TEXT.find(
    ({ starts, has }) =>
      content.toString('latin1', 0, starts.length) === starts && (has === undefined || content.includes(has)),
  );
  if (kind !== undefined) fail(file.where, 'delimited text', kind.is, kind.next);
  const text = utf8Content(file, format);
  if (/^\uFEFF?\s*\[\s*\{/.test(text.toString('utf8', 0, 64)))
    fail(file.where, 'delimited text or JSON lines', 'a JSON list of objects', 'write one object a line');
  return text;
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

function checkedDelimiter(given: string, authority: Authority | undefined): string {
  const delimiter = Object.hasOwn(NAMED, given) ? NAMED[given] : given;
  if (delimiter === WHITESPACE || /^[^\w"\r\n.+-]$/u.test(delimiter)) return delimiter;
  return fail(
    fieldName('delimiter', authority),
    'one character, tab or whitespace',
    show(given),
    'use for instance "," or whitespace',
  );
}

/** A line such as `sep=;` at the start, with which Excel tells itself the delimiter, taken off and read. */
function withoutSeparatorLine(content: Buffer): { content: Buffer; separator: string | null } {
  const found = /^\uFEFF?"?sep=([^\r\n"])"?(?:\r\n|\n|\r)/i.exec(content.toString('utf8', 0, 24));
  if (found === null) return { content, separator: null };
  return { content: content.subarray(Buffer.byteLength(found[0])), separator: found[1] };
}

function detect(path: string, content: Buffer, comment: string | null, decimal: DecimalMark): string {
  const line = firstLine(content, comment);
  const bare = line.replace(/"[^"]*"/g, '""'); // what is quoted separates nothing
  const occurrences = (c: string): number => bare.split(c).length - 1;
  // Where both occur, commas are decimal commas or prose more often than semicolons are.
  if (occurrences(';') > 0) return ';';
  const commas = decimal === '.' ? occurrences(',') : (bare.match(/"",|,""/g)?.length ?? 0);
  if (commas > 0 && commas >= occurrences('\t')) return ',';
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

function refuse(
  where: string,
  error: CsvError,
  drift: number,
  lastLine: number,
  authority: Authority | undefined,
): never {
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
      return fail(
        line,
        'delimited text',
        show(error.message, 120),
        `check the file and ${authority === 'file' ? 'its delimiter' : fieldName('delimiter', authority)}`,
      );
  }
}
