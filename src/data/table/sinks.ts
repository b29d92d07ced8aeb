// Cells of one column gathered row by row into typed arrays: numbers, or codes into the distinct texts. No cell is an object of its own.

import type { RawColumn, Refused } from '../../columns/column.ts';
import { grown } from '../grown.ts';

/** Takes the cells of a column in the order of the rows. */
export interface ColumnSink {
  /** `null` for a missing cell. @throws Refused for a text that the column does not take */
  text(cell: string | null): void;
  /** A cell of a file whose cells have types. @throws Refused as text */
  value(cell: unknown): void;
  column(rows: number): RawColumn;
}

/** Numbers; `parse` and `of` give NaN or undefined for what is refused in the words of `refuse`. */
export class NumberSink implements ColumnSink {
  #values = new Float64Array(1024);
  #size = 0;

  constructor(
    readonly parse: (text: string) => number,
    readonly of: (value: unknown) => number | string | undefined,
    readonly refuse: (got: unknown) => Refused,
  ) {}

  text(cell: string | null): void {
    if (cell === null) {
      this.#push(Number.NaN);
      return;
    }
    const value = this.parse(cell);
    if (Number.isNaN(value)) throw this.refuse(cell);
    this.#push(value);
  }

  value(cell: unknown): void {
    const value = this.of(cell);
    if (typeof value !== 'number' || Number.isNaN(value)) throw this.refuse(cell);
    this.#push(value);
  }

  column(rows: number): RawColumn {
    return { values: this.#values.subarray(0, rows), texts: null };
  }

  #push(value: number): void {
    if (this.#size === this.#values.length) this.#values = grown(this.#values);
    this.#values[this.#size++] = value;
  }
}

/** Texts, each distinct one kept once. */
export class TextSink implements ColumnSink {
  #codes = new Int32Array(1024);
  #size = 0;
  readonly #codeOf = new Map<string, number>();

  constructor(
    readonly of: (value: unknown) => number | string | undefined,
    readonly refuse: (got: unknown) => Refused,
  ) {}

  text(cell: string | null): void {
    let code = -1;
    if (cell !== null) {
      const known = this.#codeOf.get(cell);
      code = known ?? this.#codeOf.size;
      if (known === undefined) this.#codeOf.set(cell, code);
    }
    if (this.#size === this.#codes.length) this.#codes = grown(this.#codes);
    this.#codes[this.#size++] = code;
  }

  value(cell: unknown): void {
    const text = this.of(cell);
    if (text === undefined) throw this.refuse(cell);
    this.text(String(text));
  }

  column(rows: number): RawColumn {
    return { values: this.#codes.subarray(0, rows), texts: [...this.#codeOf.keys()] };
  }
}
