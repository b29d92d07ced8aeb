// From the tensors of a request to the rows of a model: one tensor `x`, or one tensor for each column by its name.

import type { Matrix } from '../../core/matrix.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import { describeValue, listed, nearest } from '../../messages.ts';
import { checkInputs, featureUnits } from '../../runtime/prepare.ts';
import { badField, RequestProblem } from '../problem.ts';
import type { Tensor } from '../protocol/tensorData.ts';

/** What a model takes. */
export class ModelInputs {
  readonly #units: ReturnType<typeof featureUnits>;

  constructor(
    readonly posterior: Pick<AnyPosterior, 'model'> & AnyPosterior,
    /** Columns by the names of the data's header; null where they have none. */
    readonly columns: readonly string[] | null,
  ) {
    this.#units = featureUnits(posterior);
  }

  /** Rows that can be predicted, each number finite and within float32. @throws RequestProblem that names the tensor */
  read(tensors: readonly Tensor[]): Matrix {
    const x = tensors.find(({ name }) => name === 'x' && !this.columns?.includes('x'));
    const matrix = x === undefined ? this.#fromColumns(tensors) : this.#fromTable(tensors, x);
    try {
      return checkInputs('request', this.posterior.model, this.#units, matrix);
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError)
        throw new RequestProblem(400, error.message.replace('request', tensors[0].at));
      throw error;
    }
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
    const { columns } = this;
    if (columns === null) {
      const { at, name } = tensors[0];
      throw badField(`${at}.name`, 'x', describeValue(name), 'the columns of this model have no names');
    }
    const known = new Map(columns.map((name, c) => [name, c]));
    const rows = tensors[0].shape[0];
    const data = new Float64Array(rows * columns.length);
    const seen = new Set<number>();
    for (const tensor of tensors) {
      const c = known.get(tensor.name);
      if (c === undefined) {
        const near = nearest(tensor.name, columns);
        const next = near === null ? 'see the metadata of the model' : `did you mean ${near}?`;
        throw badField(`${tensor.at}.name`, 'x or the name of a column', describeValue(tensor.name), next);
      }
      const { shape } = tensor;
      if (shape.length > 2 || (shape[1] ?? 1) !== 1 || shape[0] !== rows) {
        const expected = `[${rows}] or [${rows}, 1]`;
        throw badField(`${tensor.at}.shape`, expected, `[${shape.join(', ')}]`, 'send one number a row');
      }
      seen.add(c);
      const values = numbers(tensor);
      for (let r = 0; r < rows; r++) data[r * columns.length + c] = values[r];
    }
    if (seen.size < columns.length) {
      const missing = columns.filter((_, c) => !seen.has(c));
      const shown = missing.slice(0, 3).map(describeValue);
      const got = missing.length > 3 ? `none of ${missing.length} columns` : `no ${listed(shown)}`;
      throw badField('inputs', `a tensor for each of ${columns.length} columns`, got, 'add it, or send x');
    }
    return { data, rows, columns: columns.length };
  }
}

function numbers({ values, at, datatype }: Tensor): Float64Array {
  if (values instanceof Float64Array) return values;
  throw badField(`${at}.datatype`, 'a type of numbers', datatype, 'send FP64 or FP32');
}
