// Predictions as tensors of the caller's own TensorFlow.js, which is seen through the one function that is called of it.

import { describeValue } from '../../messages.ts';
import { readable } from '../../options/readable.ts';
import { isDetached } from '../matrix.ts';
import type { Draw, Prediction } from './prediction.ts';

/** What is called of TensorFlow.js: the module of any of its packages fits. */
export interface TensorMaker<Tensor> {
  tensor(values: Float32Array, shape: number[], dtype: 'float32'): Tensor;
}

/** An array of a prediction as a tensor: what is null stays null, what is optional stays so. */
type AsTensor<Value, Tensor> = Value extends Float32Array | Float64Array ? Tensor : Value;

/** A Prediction whose arrays are tensors of shape [rows, outputs]; entropies of a categorical likelihood are [rows]. */
export type TensorPrediction<Tensor> = {
  readonly [K in Exclude<keyof Prediction, 'quantiles'>]: AsTensor<Prediction[K], Tensor>;
} & {
  readonly quantiles: ReadonlyArray<{ readonly level: number; readonly values: Tensor }> | null;
};

/** A draw whose values are a tensor [rows, outputs], and its noise one of [outputs], or of [rows, outputs], in float32. */
export type TensorDraw<Tensor> = Omit<Draw, 'values' | 'noiseScale'> & {
  readonly values: Tensor;
  readonly noiseScale: Tensor | null;
};

/**
 * The same prediction, or the same draw, with a tensor of `tf` in place of every array; numbers are copied, rounded to float32 because
 * TensorFlow.js has no float64: variances of very small or large units become 0 or Infinity. The tensors are the
 * caller's to dispose of: call it inside `tf.tidy`, or pass the result to `tf.dispose`.
 */
export function toTensors<Tensor>(tf: TensorMaker<Tensor>, prediction: Prediction): TensorPrediction<Tensor>;
export function toTensors<Tensor>(tf: TensorMaker<Tensor>, draw: Draw): TensorDraw<Tensor>;
export function toTensors<Tensor>(
  tf: TensorMaker<Tensor>,
  from: Prediction | Draw,
): TensorPrediction<Tensor> | TensorDraw<Tensor> {
  checkArguments(tf, from);
  const { rows, outputs } = from;
  const tensor = (values: Float32Array | Float64Array, name: string) => {
    // One number a row is the entropy over classes, one an output the noise of a draw; a single output is a column like any other table.
    const flat = values.length !== rows * outputs || (name === 'noiseScale' && rows === 1);
    return tf.tensor(Float32Array.from(values), flat ? [values.length] : [rows, outputs], 'float32');
  };
  const converted = (value: unknown, name: string): unknown => {
    if (value instanceof Float32Array || value instanceof Float64Array) return tensor(value, name);
    if (!Array.isArray(value)) return value;
    return value.map(({ level, values }) => ({ level, values: tensor(values, name) }));
  };
  return Object.fromEntries(
    Object.entries(from).map(([name, value]) => [name, converted(value, name)]),
  ) as never;
}

function checkArguments(tf: unknown, from: unknown): void {
  readable('toTensors', () => {
    if (typeof (tf as { tensor?: unknown } | null | undefined)?.tensor !== 'function') {
      throw new TypeError(
        `toTensors: expected a module of TensorFlow.js, got ${describeValue(tf)} — import * as tf and pass it`,
      );
    }
    const { rows, outputs, ...rest } = (from ?? {}) as Partial<Prediction>;
    const fits = Object.values(rest).every((value) =>
      Array.isArray(value) ? value.every(isLevel) : !ArrayBuffer.isView(value) || !isDetached(value),
    );
    if (Number.isInteger(rows) && Number.isInteger(outputs) && fits) return;
    const next = describeValue(from) === 'a promise' ? 'await it first' : 'pass what predict or draws gave';
    throw new TypeError(`toTensors: expected a prediction or a draw, got ${describeValue(from)} — ${next}`);
  });
}

function isLevel(item: unknown): boolean {
  const { values } = (item ?? {}) as { values?: unknown };
  return (values instanceof Float32Array || values instanceof Float64Array) && !isDetached(values);
}
