// What is said between a reader of Parquet and the thread that reads for it.

import type { MessagePort } from 'node:worker_threads';

export interface ParquetRequest {
  readonly bytes: Uint8Array;
  readonly port: MessagePort;
  /** 1 when the answer has been posted. */
  readonly signal: Int32Array<SharedArrayBuffer>;
}

/** A column: numbers, 0 or 1, milliseconds since 1970 in UTC, or codes into `texts`; NaN where a cell is missing. */
export interface ParquetColumn {
  readonly name: string;
  readonly kind: 'numbers' | 'booleans' | 'dates' | 'texts';
  readonly values: Float64Array;
  readonly texts: readonly string[];
  /** What it holds besides, which no table takes; null for nothing. */
  readonly strange: string | null;
}

export type ParquetAnswer =
  | { readonly rows: number; readonly columns: readonly ParquetColumn[] }
  | { readonly absent: true }
  | { readonly problem: string };
