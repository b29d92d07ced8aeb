// The same table in every form MatrixLike allows gives the same training and the same predictions.

import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toMatrix } from '../../src/core/matrix.ts';
import { build, createRuntime, type MatrixLike, posteriorDigest, type Runtime } from '../../src/index.ts';

let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 1, seed: 'inputs' });
});
afterAll(() => runtime.close());

const rows = Array.from({ length: 12 }, (_, r) => [Math.fround(r / 7), Math.fround((r * r) / 31 - 1)]);
const flat = Float32Array.from(rows.flat());

const FORMS: Record<string, () => MatrixLike> = {
  'nested arrays': () => rows,
  'rows of Float32Array': () => rows.map((row) => Float32Array.from(row)),
  'rows of Float64Array': () => rows.map((row) => Float64Array.from(row)),
  'a flat Float32Array with a shape': () => ({ data: flat, shape: [12, 2] }),
  'a flat array with a shape': () => ({ data: [...flat], shape: [12, 2] }),
  'a Matrix': () => ({ data: flat, rows: 12, columns: 2 }),
  'a tf.Tensor2D': () => tf.tensor2d(rows),
};

describe.each(Object.entries(FORMS))('%s', (_, form) => {
  test('trains and predicts like the others', async () => {
    const model = build({ inputSize: 2, hiddenSizes: [5], outputSize: 1 });
    const y = rows.map(([a]) => Math.fround(a * 2));
    const options = { epochs: 3, batchSize: 5 };
    const want = await runtime.train(model, { x: rows, y }, options);
    const posterior = await runtime.train(model, { x: form(), y: tf.tensor1d(y) }, options);
    expect(posteriorDigest(posterior)).toBe(posteriorDigest(want));
    const predictions = { draws: 4 };
    expect(await runtime.predict(posterior, form(), predictions)).toEqual(
      await runtime.predict(want, rows, predictions),
    );
  });

  test('becomes the same row-major table, in its own precision', () => {
    const { data, ...sizes } = toMatrix(form(), 'test');
    expect(sizes).toEqual({ rows: 12, columns: 2 });
    const float32 = _.includes('Float32Array') || _.includes('Matrix') || _.includes('tf.');
    expect(data).toEqual(float32 ? flat : Float64Array.from(flat));
  });
});

test('one column: a flat array, typed or not, a tensor of rank 1', () => {
  const column = { data: Float64Array.of(1, 2, 3), rows: 3, columns: 1 };
  for (const form of [[1, 2, 3], Int32Array.of(1, 2, 3), Float64Array.of(1, 2, 3)])
    expect(toMatrix(form, 'test')).toEqual(column);
  for (const form of [Float32Array.of(1, 2, 3), tf.tensor1d([1, 2, 3])])
    expect(toMatrix(form, 'test')).toEqual({ ...column, data: Float32Array.of(1, 2, 3) });
});

test.each([
  [[[1, 2], null], 'test: expected 2 columns in row 1, got null — make all rows equally long'],
  [[[1, 2], 3], 'test: expected 2 columns in row 1, got number — make all rows equally long'],
  [[[1, 2], [3]], 'test: expected 2 columns in row 1, got 1 — make all rows equally long'],
  [
    [{}],
    'test: expected rows of numbers, got an array of object — pass number[][], a Float32Array with a shape, or a tensor',
  ],
  [
    ['ab'],
    'test: expected rows of numbers, got an array of string — pass number[][], a Float32Array with a shape, or a tensor',
  ],
  [
    7,
    'test: expected rows of numbers, got number — pass number[][], a Float32Array with a shape, or a tensor',
  ],
])('refuses %j', (value, message) => {
  expect(() => toMatrix(value as never, 'test')).toThrow(message);
});

test("the caller's arrays are never changed", async () => {
  const data = Float32Array.from(flat);
  const y = Float32Array.from({ length: 12 }, (_, i) => i);
  const model = build({ inputSize: 2, hiddenSizes: [5], outputSize: 1 });
  const posterior = await runtime.train(model, { x: { data, shape: [12, 2] }, y }, { epochs: 1 });
  await runtime.predict(posterior, { data, shape: [12, 2] }, { draws: 2, quantiles: [0.5] });
  expect(data).toEqual(flat);
  expect(y).toEqual(Float32Array.from({ length: 12 }, (_, i) => i));
});
