// Tables in JSON lines: an object a line, all with the same names. Cells keep their types.

import { describeValue, listed } from '../../messages.ts';
import type { DataFile } from '../files.ts';
import { fail, show } from '../message.ts';
import type { TextFormat } from './delimited.ts';
import { utf8Content } from './encoding.ts';

/** Who receives typed records: `start` once before the first row, then `row` for each, in the order of the file. */
export interface TypedSink {
  start(names: readonly string[] | null, columns: number, line: number): void;
  row(cells: readonly unknown[], line: number): void;
}

/** Whether a file is of JSON lines, by its name or its first bytes. */
export function looksLikeJsonLines(path: string, head: Buffer): boolean {
  return /\.(jsonl|ndjson)(\.gz)?$/i.test(path) || /^\uFEFF?\s*\{\s*["}]/.test(head.toString('utf8'));
}

/** Hands every object to `sink` as the cells of the first one's names; returns how many there were. @throws DataError naming the line */
export function scanJsonLines(file: DataFile, format: TextFormat, sink: TypedSink): number {
  const text = utf8Content(file, format)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  let names: string[] | null = null;
  let rows = 0;
  let line = 0;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const part = text.slice(from, end < 0 ? text.length : end).trim();
    from = end < 0 ? text.length : end + 1;
    line++;
    if (part === '') continue;
    const row = objectOf(part, `${file.where}: line ${line}`);
    if (names === null) {
      names = Object.keys(row);
      if (names.length === 0) fail(`${file.where}: line ${line}`, 'an object with names', '{}', 'add data');
      sink.start(names, names.length, line);
    }
    sink.row(cellsOf(row, names, `${file.where}: line ${line}`), line);
    rows++;
  }
  if (rows === 0) fail(file.where, 'at least 1 row', 'no rows', 'check how the file was written');
  return rows;
}

function objectOf(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail(where, 'a JSON object', show(text), 'write one object a line');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return fail(where, 'a JSON object', describeValue(value), 'write one object a line');
}

function cellsOf(row: Record<string, unknown>, names: readonly string[], where: string): unknown[] {
  const cells = names.map((name) => {
    if (Object.hasOwn(row, name)) return row[name];
    return fail(where, `a value for ${show(name)}`, 'none', 'write null where it is missing');
  });
  const keys = Object.keys(row);
  if (keys.length > names.length) {
    const strange = keys.find((key) => !names.includes(key)) as string;
    const known = listed(names.slice(0, 10).map((name) => show(name)));
    fail(
      where,
      `the names of the first object (${known})`,
      show(strange),
      'write null there where it is missing',
    );
  }
  return cells;
}
