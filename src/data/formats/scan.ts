// Any table by what its file holds: text, JSON lines or Parquet. The records go to a sink, as texts or with the types they have.

import { contentHead, type DataFile } from '../files.ts';
import { scanRecords, type TextFormat } from './delimited.ts';
import { looksLikeJsonLines, scanJsonLines, type TypedSink } from './jsonLines.ts';
import { looksLikeParquet, scanParquet } from './parquet.ts';

/** Bytes that tell a format. */
const HEAD = 64;

/** Whether the cells of a file have types, as far as its name tells. */
export function hasTypedName(path: string): boolean {
  return /\.(jsonl|ndjson|parquet)(\.gz)?$/i.test(path);
}

/** Whether the cells of a file have types. */
export function hasTypedCells(file: DataFile): boolean {
  const head = contentHead(file, HEAD);
  return looksLikeParquet(head) || looksLikeJsonLines(file.path, head);
}

/** Hands every record of a file to `sink`; returns how many rows there were. @throws DataError as the reader of the format */
export function scanTable(
  file: DataFile,
  format: TextFormat,
  sink: TypedSink,
  knownNames: readonly string[] | null = null,
): number {
  const head = contentHead(file, HEAD);
  if (looksLikeParquet(head)) return scanParquet(file, sink);
  if (looksLikeJsonLines(file.path, head)) return scanJsonLines(file, format, sink);
  return scanRecords(file, format, sink, knownNames);
}
