// A thread that reads one Parquet file with the package hyparquet and gives its columns back as typed arrays: the caller waits for it,
// because readers of tables are synchronous and hyparquet is not.

import { workerData } from 'node:worker_threads';
import * as zlib from 'node:zlib';
import type { ParquetAnswer, ParquetColumn, ParquetRequest } from './parquetColumns.ts';

const { bytes, port, signal } = workerData as ParquetRequest;

/** Of Node, by the names Parquet has for them; hyparquet brings Snappy itself. */
function decompressors(): Record<string, (input: Uint8Array) => Uint8Array> {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array };
  return {
    GZIP: (input) => zlib.gunzipSync(input),
    BROTLI: (input) => zlib.brotliDecompressSync(input),
    ...(zstdDecompressSync === undefined ? {} : { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) }),
  };
}

/** Gathers the cells of a column; what it holds is what its first cell is. */
class Gatherer {
  #kind: ParquetColumn['kind'] = 'numbers';
  #known = false;
  #strange: string | null = null;
  readonly #values: Float64Array;
  readonly #codes = new Map<string, number>();

  constructor(
    readonly name: string,
    rows: number,
  ) {
    this.#values = new Float64Array(rows).fill(Number.NaN);
  }

  set(row: number, cell: unknown): void {
    if (cell === null || cell === undefined || (typeof cell === 'number' && Number.isNaN(cell))) return;
    const [kind, value] = this.#read(cell);
    if (!this.#known) this.#kind = kind;
    this.#known = true;
    if (kind !== this.#kind) this.#strange = `cells of ${this.#kind} and ${kind}`;
    this.#values[row] = value;
  }

  #read(cell: unknown): [ParquetColumn['kind'], number] {
    if (typeof cell === 'number') return ['numbers', cell];
    if (typeof cell === 'bigint') {
      const value = Number(cell);
      return Number.isSafeInteger(value) ? ['numbers', value] : ['texts', this.#code(String(cell))];
    }
    if (typeof cell === 'boolean') return ['booleans', cell ? 1 : 0];
    if (cell instanceof Date) return ['dates', cell.getTime()];
    if (typeof cell === 'string') return ['texts', this.#code(cell)];
    this.#strange = cell instanceof Uint8Array ? 'bytes' : 'lists or maps';
    return [this.#kind, Number.NaN];
  }

  #code(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    this.#codes.set(text, this.#codes.size);
    return this.#codes.size - 1;
  }

  column(): ParquetColumn {
    return {
      name: this.name,
      kind: this.#kind,
      values: this.#values,
      texts: [...this.#codes.keys()],
      strange: this.#strange,
    };
  }
}

async function read(): Promise<ParquetAnswer> {
  let hyparquet: typeof import('hyparquet');
  try {
    hyparquet = await import(/* webpackIgnore: true */ 'hyparquet');
  } catch {
    return { absent: true };
  }
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const metadata = hyparquet.parquetMetadata(file);
    const rows = Number(metadata.num_rows);
    const columns = hyparquet
      .parquetSchema(metadata)
      .children.map(({ element }) => new Gatherer(element.name, rows));
    const byName = new Map(columns.map((column) => [column.name, column]));
    await hyparquet.parquetRead({
      file,
      metadata,
      compressors: decompressors() as never,
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = byName.get(columnName) as Gatherer;
        for (let i = 0; i < columnData.length; i++) column.set(rowStart + i, columnData[i]);
      },
    });
    return { rows, columns: columns.map((column) => column.column()) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

port.postMessage(await read());
Atomics.store(signal, 0, 1);
Atomics.notify(signal, 0);
