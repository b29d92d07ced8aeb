// The same table in every form MatrixLike allows gives the same training and the same predictions.

import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toMatrix } from '../../src/core/matrix.ts';
import {
  build,
  createRuntime,
  elboLoss,
  klCost,
  type MatrixLike,
  openSession,
  posteriorDigest,
  type Runtime,
} from '../../src/index.ts';

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
  [[[1, 2], 3], 'test: expected 2 columns in row 1, got 3 — make all rows equally long'],
  [[[1, 2], [3]], 'test: expected 2 columns in row 1, got 1 — make all rows equally long'],
  [[{}], 'test: expected numbers, got a map in row 0 — clean the data'],
  [['ab'], 'test: expected numbers, got "ab" in row 0 — clean the data'],
  [7, 'test: expected rows of numbers, got 7 — pass number[][], a Float32Array with a shape, or a tensor'],
])('refuses %j', (value, message) => {
  expect(() => toMatrix(value as never, 'test')).toThrow(message);
});

/** What `Number` makes a number of, and what it does not. */
const NO_NUMBERS: [unknown, string][] = [
  [null, 'null'],
  [undefined, 'nothing'],
  ['', '""'],
  ['7', '"7"'],
  [true, 'true'],
  [[], 'an empty list'],
  [[5], 'a list of 1'],
  [Object(5), 'a Number'],
  [5n, '5n'],
  [new Date(5), 'a Date'],
  [Symbol.iterator, 'a symbol'],
];

describe.each(NO_NUMBERS)('%o is no number', (value, got) => {
  const model = build({ inputSize: 2, hiddenSizes: [3], outputSize: 1 });
  const table = [
    [0, 1],
    [1, 2],
    [2, value],
  ] as number[][];
  const column = [0.5, value, 2] as number[];
  const refused = (message: string) =>
    expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) });
  const inTable = (where: string) =>
    refused(`^${where}: expected numbers, got ${got.replace(/[[\]]/g, '.')} in row 2, column 1 — `);
  const inColumn = (where: string) => refused(`^${where}: expected numbers, got ${got} in row 1 — `);

  test('in x, targets and validation of a training', async () => {
    const good = { x: rows, y: rows.map(([a]) => a) };
    await expect(runtime.train(model, { x: table, y: [1, 2, 3] })).rejects.toThrow(inTable('train: x'));
    await expect(runtime.train(model, { x: rows.slice(0, 3), y: column })).rejects.toThrow(
      inColumn('train: y'),
    );
    const validation = { x: table, y: [1, 2, 3] };
    await expect(runtime.train(model, good, { epochs: 1, validation })).rejects.toThrow(
      inTable('train: validation: x'),
    );
  });

  test('in predict, draws, evaluate and sessions', async () => {
    const posterior = await runtime.train(model, { x: rows, y: rows.map(([a]) => a) }, { epochs: 1 });
    await expect(runtime.predict(posterior, table)).rejects.toThrow(inTable('predict: x'));
    await expect(runtime.draws(posterior, table).next()).rejects.toThrow(inTable('draws: x'));
    await expect(runtime.evaluate(posterior, { x: table, y: [1, 2, 3] })).rejects.toThrow(
      inTable('evaluate: x'),
    );
    await using session = await openSession(posterior);
    await expect(session.predict(table)).rejects.toThrow(inTable('predict: x'));
    const shaped = { data: table.flat(), shape: [3, 2] };
    if (!Array.isArray(value)) await expect(session.predict(shaped)).rejects.toThrow(inTable('predict: x'));
  });

  test('in klCost and elboLoss', () => {
    expect(() => klCost(table, table)).toThrow(inTable('klCost: mu'));
    expect(() => elboLoss(table, table, 0)).toThrow(inTable('elboLoss: predictions'));
    expect(() => elboLoss([[0, 1]], [[0, value]] as never, 0)).toThrow(
      /^elboLoss: targets: expected numbers, got .* in row 0, column 1 — /,
    );
  });
});

test.each<[unknown, string]>([
  [
    [[1, 2], new Array(2)],
    'test: expected numbers, got nothing in row 1, column 0 — fill it in or leave the row out',
  ],
  [
    Object.assign(new Array(3), { 0: 1, 2: 3 }),
    'test: expected numbers, got nothing in row 1 — fill it in or leave the row out',
  ],
  [[null, 1], 'test: expected numbers, got null in row 0 — fill it in or leave the row out'],
  [[null, [1, 2]], 'test: expected 2 columns in row 0, got null — make all rows equally long'],
  [
    new BigInt64Array(2),
    'test: expected rows of numbers, got a BigInt64Array of 2 — pass number[][], a Float32Array with a shape, or a tensor',
  ],
  [[new BigUint64Array(2)], 'test: expected numbers, got a BigUint64Array of 2 in row 0 — clean the data'],
  [
    new DataView(new ArrayBuffer(8)),
    'test: expected rows of numbers, got a DataView — pass number[][], a Float32Array with a shape, or a tensor',
  ],
  [
    { data: '123', shape: [3] },
    'test: expected numbers in an array, got "123" — pass number[][], a Float32Array with a shape, or a tensor',
  ],
  [
    { data: [1, 2], shape: [2, null] },
    'test: expected sizes of at least 0 in shape, got null — write [rows, columns]',
  ],
  [
    { data: [1, 2], shape: [-1, -2] },
    'test: expected sizes of at least 0 in shape, got -1 — write [rows, columns]',
  ],
  [
    { data: [1, 2], rows: '1', columns: 2 },
    'test: expected sizes of at least 0 in shape, got "1" — write [rows, columns]',
  ],
  [Promise.resolve([1]), 'test: expected rows of numbers, got a promise — await it first'],
])('refuses %o with its place', (value, message) => {
  expect(() => toMatrix(value as never, 'test')).toThrow(
    expect.objectContaining({ name: 'TypeError', message }),
  );
});

test('refuses memory that was transferred', () => {
  const gone = new Float32Array(4);
  structuredClone(gone, { transfer: [gone.buffer] });
  for (const table of [{ data: gone, shape: [2, 2] }, gone, [gone]])
    expect(() => toMatrix(table, 'test')).toThrow(
      /^test: expected .*, got memory that was transferred — pass a copy/,
    );
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
