// Rows given as objects, cells by the names of columns: the features a posterior takes of them.

import { describeValue, listed, mismatch, nearest } from '../messages.ts';
import { type LearnedBase, Refused } from './column.ts';
import { columnKind } from './index.ts';
import { featureNames, type TableColumns } from './tableColumns.ts';

/** A row by the names of its columns: numbers, texts, booleans, dates, and null for a missing cell. */
export type NamedRow = Readonly<Record<string, unknown>>;

/** Whether `x` is a list whose first entry is an object with names, and so no table of numbers. */
export function areNamedRows(x: unknown): x is readonly NamedRow[] {
  if (!Array.isArray(x) || x.length === 0) return false;
  const first: unknown = x.find((row) => row !== null && row !== undefined);
  return (
    typeof first === 'object' &&
    first !== null &&
    !Array.isArray(first) &&
    !ArrayBuffer.isView(first) &&
    Object.prototype.toString.call(first) === '[object Object]'
  );
}

/**
 * Features of rows, row-major in float64: the same numbers as of the same rows in a file.
 * @param columns of the posterior; null where it knows none
 * @throws TypeError naming the row and the column that does not fit
 */
export function encodeNamedRows(
  where: string,
  columns: TableColumns | null,
  rows: readonly unknown[],
): { readonly data: Float64Array; readonly rows: number; readonly columns: number } {
  if (columns === null) {
    const next = 'pass rows of numbers, or train on a table with names';
    throw new TypeError(mismatch(where, 'rows of numbers', 'objects, for a model that knows no names', next));
  }
  const width = featureNames(columns).length;
  const data = new Float64Array(rows.length * width);
  const encoders = columns.features.map((learned) => cellEncoder(columns, learned));
  for (let r = 0; r < rows.length; r++) {
    const row = rows[r];
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw new TypeError(
        mismatch(
          where,
          `an object in row ${r} like those before`,
          describeValue(row),
          'pass one object per row',
        ),
      );
    }
    let at = r * width;
    for (const { name, width: own, encode } of encoders) {
      if (!Object.hasOwn(row, name)) missingName(where, r, name, Object.keys(row), columns);
      try {
        encode(data, at, (row as NamedRow)[name]);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const place = `${where}: row ${r}, column ${JSON.stringify(name)}`;
        throw new TypeError(mismatch(place, error.expected, error.got, error.next));
      }
      at += own;
    }
  }
  return { data, rows: rows.length, columns: width };
}

function cellEncoder({ markers }: TableColumns, learned: LearnedBase) {
  const kind = columnKind(learned.kind);
  const encode = kind.encoder(learned);
  const takesMissing = kind.takesMissing(learned);
  return {
    name: learned.name,
    width: kind.features(learned).length,
    encode: (out: Float64Array, at: number, value: unknown): void => {
      if (value === null || (typeof value === 'string' && markers.includes(value.trim()))) {
        if (!takesMissing) throw noMissing(describeValue(value));
        encode(out, at, null);
        return;
      }
      const cell = kind.cell(typeof value === 'string' ? value.trim() : value, learned);
      if (cell === undefined) {
        const { expected, next } = kind.refusal(learned) ?? plainNumber(value, takesMissing);
        throw new Refused(expected, describeValue(value), next);
      }
      encode(out, at, cell);
    },
  };
}

/** What is refused where a cell is missing in a column that had no missing cells in training, or whose rows were dropped. */
export function noMissing(got: string): Refused {
  return new Refused(
    'a value',
    got,
    'the model was trained without missing cells in this column: fill it in, or leave the row out',
  );
}

function plainNumber(value: unknown, takesMissing: boolean): { expected: string; next: string } {
  const expected = 'a finite number';
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)))
    return { expected, next: 'pass it as a number, not as text' };
  return { expected, next: takesMissing ? 'pass a number, or null where it is missing' : 'clean the data' };
}

function missingName(
  where: string,
  r: number,
  name: string,
  others: readonly string[],
  { features }: TableColumns,
): never {
  const used = new Set(features.map((column) => column.name));
  const near = nearest(
    name,
    others.filter((other) => !used.has(other)),
  );
  const got =
    others.length === 0
      ? 'an empty object'
      : listed(others.slice(0, 10).map((other) => JSON.stringify(other)));
  const next = near === null ? 'add it, as null where it is missing' : `is it ${JSON.stringify(near)}?`;
  throw new TypeError(mismatch(`${where}: row ${r}`, `a column ${JSON.stringify(name)}`, got, next));
}
