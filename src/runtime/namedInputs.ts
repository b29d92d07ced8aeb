// Rows by the names of their columns at the edge of the runtime: where a posterior knows them, objects become features.

import { areNamedRows, encodeNamedRows } from '../columns/namedRows.ts';
import { columnsProblem, tableColumnsSchema } from '../columns/record.ts';
import type { TableColumns } from '../columns/tableColumns.ts';
import { type MatrixLike, unchangingMatrix } from '../core/matrix.ts';
import { mismatch } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import type { RowsLike } from './options.ts';

/** Rows as a table of features. @throws TypeError naming the row and the column of a cell that does not fit */
export function namedInputs(where: string, columns: TableColumns | undefined, x: RowsLike): MatrixLike {
  if (!areNamedRows(x)) return x as MatrixLike;
  return unchangingMatrix(encodeNamedRows(where, columns ?? null, x));
}

/** Columns that `where` was given, which must be those of a model of `inputSize` inputs. @throws TypeError */
export function checkColumns(where: string, given: unknown, inputSize: number): TableColumns | undefined {
  if (given === undefined) return undefined;
  const columns = checkOptions(where, tableColumnsSchema, given);
  const problem = columnsProblem(columns, inputSize);
  if (problem === null) return columns;
  const { at, expected, got } = problem;
  throw new TypeError(mismatch(`${where}: ${at}`, expected, got, 'pass the columns that x was made of'));
}
