// Tables in Parquet: cells keep their types. The package hyparquet reads them, where it is installed, in a thread of its own.

import { MessageChannel, receiveMessageOnPort, Worker, type WorkerOptions } from 'node:worker_threads';
import { contentWhole, type DataFile } from '../files.ts';
import { fail, show } from '../message.ts';
import type { TypedSink } from './jsonLines.ts';
import type { ParquetAnswer, ParquetColumn, ParquetRequest } from './parquetColumns.ts';

/** Longer than any file takes that fits in memory. */
const PATIENCE_MS = 600_000;

export function looksLikeParquet(head: Uint8Array): boolean {
  return head.length >= 4 && String.fromCharCode(...head.subarray(0, 4)) === 'PAR1';
}

/** Hands every row to `sink`; returns how many there were. @throws DataError where hyparquet is absent or cannot read the file */
export function scanParquet(file: DataFile, sink: TypedSink): number {
  const answer = ask(contentWhole(file));
  if (answer === null)
    fail(file.where, 'a Parquet file that can be read', 'no answer', 'save the table as CSV');
  if ('absent' in answer) {
    const next = 'npm install hyparquet, or save the table as CSV';
    fail(file.where, 'the package hyparquet to read Parquet', 'none', next);
  }
  if ('problem' in answer) {
    const next = 'is it damaged? If not, save it with Snappy or gzip, or as CSV';
    fail(file.where, 'a Parquet file that hyparquet can read', show(answer.problem, 120), next);
  }
  const { rows, columns } = answer;
  const strange = columns.find((column) => column.strange !== null);
  if (strange !== undefined) {
    const next = 'leave it out when you save the table';
    fail(
      `${file.where}: column ${show(strange.name)}`,
      'numbers, texts, booleans or dates',
      strange.strange ?? '',
      next,
    );
  }
  if (rows === 0) fail(file.where, 'at least 1 row', 'no rows', 'check how the file was written');
  sink.start(
    columns.map(({ name }) => name),
    columns.length,
    1,
  );
  for (let row = 0; row < rows; row++)
    sink.row(
      columns.map((column) => cellOf(column, row)),
      row + 1,
    );
  return rows;
}

function cellOf({ kind, values, texts }: ParquetColumn, row: number): unknown {
  const value = values[row];
  if (Number.isNaN(value)) return null;
  return CELLS[kind](value, texts);
}

const CELLS: Readonly<Record<ParquetColumn['kind'], (value: number, texts: readonly string[]) => unknown>> = {
  numbers: (value) => value,
  booleans: (value) => value === 1,
  dates: (value) => new Date(value),
  texts: (value, texts) => texts[value],
};

/** The columns of a file; null where the thread never answers. */
function ask(content: Buffer): ParquetAnswer | null {
  const { port1, port2 } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const request: ParquetRequest = { bytes: content, port: port2, signal };
  const worker = start({ workerData: request, transferList: [port2] });
  try {
    Atomics.wait(signal, 0, 0, PATIENCE_MS);
    return (receiveMessageOnPort(port1)?.message as ParquetAnswer | undefined) ?? null;
  } finally {
    port1.close();
    worker.unref();
    void worker.terminate();
  }
}

/** Threads run the build. */
function start(options: WorkerOptions): Worker {
  if (import.meta.url.endsWith('.ts')) return new Worker(builtEntry(), options);
  return new Worker(new URL('./parquetEntry.js', import.meta.url), options);
}

function builtEntry(here = import.meta.url): URL {
  return new URL('../../../dist/data/formats/parquetEntry.js', here);
}
