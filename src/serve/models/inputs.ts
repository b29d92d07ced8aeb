// From the tensors of a request to the rows of a model: one tensor `x`, or one tensor for each column by its name.

import { encodeNamedRows } from '../../columns/namedRows.ts';
import type { TableColumns } from '../../columns/tableColumns.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import { describeValue, listed, nearest } from '../../messages.ts';
import { checkInputs, featureUnits } from '../../runtime/prepare.ts';
import { asRefusal, badField } from '../problem.ts';
import type { Tensor } from '../protocol/tensorData.ts';

/** What a model takes. */
export class ModelInputs {
  readonly #units: ReturnType<typeof featureUnits>;

  constructor(
    readonly posterior: AnyPosterior,
    /** Its columns by name, and how a cell becomes features; null where they have no names. */
    readonly table: TableColumns | null,
  ) {
    this.#units = featureUnits(posterior);
  }

  /** Rows that can be predicted, each number finite and within float32. @throws RequestProblem that names the tensor */
  read(tensors: readonly Tensor[]): Matrix {
    const x = tensors.find((tensor) => tensor.name === 'x' && !this.#isColumn(tensor, tensors.length));
    return asRefusal(
      () => {
        const matrix = x === undefined ? this.#fromColumns(tensors) : this.#fromTable(tensors, x);
        return checkInputs('request', this.posterior.model, this.#units, matrix);
      },
      (message) => message.replace(/^request\b/, tensors[0].at),
    );
  }

  /** Whether `x` is a column of this model and not its rows; of a model of one input both mean the same. */
  #isColumn({ name, shape }: Tensor, tensors: number): boolean {
    const { inputSize } = this.posterior.model;
    const rows = tensors === 1 && shape.length === 2 && shape[1] === inputSize;
    return inputSize > 1 && !rows && this.table?.features.some((column) => column.name === name) === true;
  }

  #fromTable(tensors: readonly Tensor[], x: Tensor): Matrix {
    if (tensors.length > 1) {
      const other = tensors.find((tensor) => tensor !== x) as Tensor;
      throw badField(`${other.at}.name`, 'no tensor beside x', describeValue(other.name), 'leave it out');
    }
    const { inputSize } = this.posterior.model;
    const { shape, at } = x;
    // One row may be sent without its first size.
    const [rows, columns] = shape.length === 1 && inputSize > 1 ? [1, shape[0]] : [shape[0], shape[1] ?? 1];
    if (shape.length > 2 || columns !== inputSize)
      throw badField(
        `${at}.shape`,
        `[rows, ${inputSize}]`,
        `[${shape.join(', ')}]`,
        'see the metadata of the model',
      );
    return { data: numbers(x), rows, columns };
  }

  #fromColumns(tensors: readonly Tensor[]): Matrix {
    const { table } = this;
    if (table === null) {
      const { at, name } = tensors[0];
      throw badField(`${at}.name`, 'x', describeValue(name), 'the columns of this model have no names');
    }
    const names = table.features.map(({ name }) => name);
    const rows = tensors[0].shape[0];
    for (const { name, shape, at } of tensors) {
      if (!names.includes(name)) {
        const near = nearest(name, names);
        const next = near === null ? 'see the metadata of the model' : `did you mean ${near}?`;
        throw badField(`${at}.name`, 'x or the name of a column', describeValue(name), next);
      }
      if (shape.length > 2 || (shape[1] ?? 1) !== 1 || shape[0] !== rows) {
        const expected = `[${rows}] or [${rows}, 1]`;
        throw badField(`${at}.shape`, expected, `[${shape.join(', ')}]`, 'send one cell a row');
      }
    }
    const missing = names.filter((name) => !tensors.some((tensor) => tensor.name === name));
    if (missing.length > 0) {
      const shown = missing.slice(0, 3).map(describeValue);
      const got = missing.length > 3 ? `none for ${missing.length} of them` : `none for ${listed(shown)}`;
      throw badField('inputs', `a tensor for each of ${names.length} columns`, got, 'add it, or send x');
    }
    const cell = (value: number | string | null) => (Number.isNaN(value) ? null : value);
    const named = Array.from({ length: rows }, (_, r) =>
      Object.fromEntries(tensors.map(({ name, values }) => [name, cell(values[r])])),
    );
    return encodeNamedRows('inputs', table, named);
  }
}

/** The numbers of x, all of which are needed: only a column by its name may have missing cells. */
function numbers({ values, firstNull, at, datatype }: Tensor): Float64Array {
  if (!(values instanceof Float64Array))
    throw badField(`${at}.datatype`, 'a type of numbers', datatype, 'send FP64 or FP32');
  if (firstNull === null) return values;
  throw badField(firstNull, `a number of type ${datatype}`, 'null', 'fill it in, or leave the row out');
}
