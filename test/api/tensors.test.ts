// tf tensors go in wherever a table does, and come out where they are asked for. Types are checked against the real module.

import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  build,
  createRuntime,
  elboLoss,
  klCost,
  type MatrixLike,
  openSession,
  type Posterior,
  type Prediction,
  posteriorDigest,
  type Runtime,
  type TensorPrediction,
  toTensors,
} from '../../src/index.ts';

const rows = Array.from({ length: 12 }, (_, r) => [Math.fround(r / 7), Math.fround((r * r) / 31 - 1)]);
const classes = rows.map((_, r) => r % 3);
const flags = rows.map((_, r) => [r % 2, r < 5 ? 1 : 0]);
const model = (outputSize: number) => build({ inputSize: 2, hiddenSizes: [4], outputSize });

let runtime: Runtime;
let categorical: Posterior;
let bernoulli: Posterior;
let gaussian: Posterior;
beforeAll(async () => {
  runtime = createRuntime({ workers: 1, seed: 'tensors' });
  const options = { epochs: 2, batchSize: 5 };
  categorical = await runtime.train(
    model(3),
    { x: rows, y: classes },
    { ...options, likelihood: 'categorical' },
  );
  bernoulli = await runtime.train(model(2), { x: rows, y: flags }, { ...options, likelihood: 'bernoulli' });
  gaussian = await runtime.train(model(1), { x: rows, y: classes }, options);
});
afterAll(() => runtime.close());

let before: number;
beforeEach(() => {
  tf.engine().startScope();
  before = tf.memory().numTensors;
});
afterEach(() => tf.engine().endScope());

describe('tensors in', () => {
  test.each([
    ['int32 class numbers', () => tf.tensor1d(classes, 'int32')],
    ['float32 class numbers in a column', () => tf.tensor2d(classes, [12, 1])],
    ['a variable', () => tf.variable(tf.tensor1d(classes))],
  ])('%s as targets', async (_, y) => {
    const options = { likelihood: 'categorical', epochs: 2, batchSize: 5 } as const;
    const data = { x: tf.tensor2d(rows), y: y() };
    const posterior = await runtime.train(model(3), data, {
      ...options,
      validation: { x: tf.tensor2d(rows), y: y(), draws: 2 },
    });
    expect(posteriorDigest(posterior)).toBe(posteriorDigest(categorical));
    expect(await runtime.evaluate(posterior, data, { draws: 3 })).toEqual(
      await runtime.evaluate(categorical, { x: rows, y: classes }, { draws: 3 }),
    );
  });

  test('bool targets', async () => {
    const options = { likelihood: 'bernoulli', epochs: 2, batchSize: 5 } as const;
    const posterior = await runtime.train(
      model(2),
      { x: rows, y: tf.tensor2d(flags, [12, 2], 'bool') },
      options,
    );
    expect(posteriorDigest(posterior)).toBe(posteriorDigest(bernoulli));
  });

  test('predict, draws and sessions read them, leave them alone and keep none', async () => {
    const x = tf.tensor2d(rows);
    const options = { draws: 3 };
    const want = await runtime.predict(gaussian, rows, options);
    expect(await runtime.predict(gaussian, x, options)).toEqual(want);
    await using session = await openSession(gaussian);
    expect(await session.predict(x, options)).toEqual(want);
    const drawn: number[][] = [];
    for await (const { values } of runtime.draws(gaussian, x, options)) drawn.push([...values]);
    const plain: number[][] = [];
    for await (const { values } of runtime.draws(gaussian, rows, options)) plain.push([...values]);
    expect(drawn).toEqual(plain);
    expect(x.isDisposed).toBe(false);
    expect(x.arraySync()).toEqual(rows);
    expect(tf.memory().numTensors).toBe(before + 1);
  });

  test('klCost takes any rank, elboLoss a kl that is a tensor', () => {
    const mu = [0.5, -1, 2, 0];
    const rho = [0, 1, -1, 0.25];
    const want = klCost(mu, rho);
    for (const shape of [[4], [2, 2], [1, 2, 2], [2, 1, 1, 2]])
      expect(klCost(tf.tensor(mu, shape), tf.tensor(rho, shape))).toBe(want);
    expect(klCost(tf.scalar(0.5), tf.scalar(1))).toBe(klCost([0.5], [1]));
    expect(klCost({ data: mu, shape: [2, 1, 2] }, tf.tensor(rho, [2, 1, 2]))).toBe(want);
    expect(() => klCost(tf.tensor(mu, [1, 2, 2]), tf.tensor(rho, [2, 2, 1]))).toThrow(
      'klCost: expected rho of shape [1, 2, 2] like mu, got [2, 2, 1] — pass one rho per mu',
    );
    const [p, t] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[0, 4]])];
    expect(elboLoss(p, t, tf.scalar(3), { beta: 0.5 })).toBe(2.5 + 1.5);
    expect(elboLoss(p, tf.tensor1d([1], 'int32'), 0, { lossFn: 'crossEntropy' })).toBeCloseTo(
      Math.log(1 + Math.exp(-1)),
      12,
    );
  });

  test.each([
    [
      'a disposed tensor',
      () => disposed(),
      'expected a tensor with its data, got a disposed one — tf.keep it until it has been read',
    ],
    [
      'a string tensor',
      () => tf.tensor2d([['a', 'b']]),
      'expected a tensor of float32, int32, bool, got "string" — cast it to float32',
    ],
    [
      'a complex tensor',
      () => tf.complex(tf.tensor2d([[1, 2]]), tf.tensor2d([[1, 2]])),
      'expected a tensor of float32, int32, bool, got "complex64" — cast it to float32',
    ],
    ['a scalar', () => tf.scalar(1), 'expected shape [rows] or [rows, columns], got [] — reshape it first'],
    [
      'rank 3',
      () => tf.zeros([2, 1, 2]),
      'expected shape [rows] or [rows, columns], got [2, 1, 2] — reshape it first',
    ],
  ] as Array<[string, () => MatrixLike, string]>)('%s is refused', async (_, x, message) => {
    await expect(runtime.predict(gaussian, x())).rejects.toThrow(new TypeError(`predict: x: ${message}`));
  });

  test('a kl that is no single number is refused', () => {
    expect(() => elboLoss([1], [1], tf.tensor1d([1, 2]))).toThrow(
      'elboLoss: expected kl as one number, got shape [2, 1] — use klCost',
    );
    expect(() => elboLoss([1], [1], tf.scalar(Number.NaN))).toThrow(
      'elboLoss: expected kl as a finite number, got NaN',
    );
  });
});

function disposed(): tf.Tensor {
  const tensor = tf.tensor2d([[1, 2]]);
  tensor.dispose();
  return tensor;
}

describe('tensors out', () => {
  /** Name → shape and numbers of what is a tensor, the value itself of what is not. */
  const contents = (prediction: object) =>
    Object.fromEntries(
      Object.entries(prediction).map(([name, value]) => [
        name,
        value instanceof tf.Tensor
          ? { shape: value.shape, dtype: value.dtype, values: value.dataSync() }
          : value,
      ]),
    );
  const table = (values: Float32Array | Float64Array | null, ...shape: number[]) => ({
    shape,
    dtype: 'float32',
    values: values && Float32Array.from(values),
  });

  test('a classification: probabilities by row and class, entropies by row', async () => {
    const want = await runtime.predict(categorical, rows, { draws: 3 });
    const got: TensorPrediction<tf.Tensor> = toTensors(tf, want);
    expect(contents(got)).toEqual({
      rows: 12,
      outputs: 3,
      draws: 3,
      mean: table(want.mean, 12, 3),
      variance: table(want.variance, 12, 3),
      aleatoric: table(want.aleatoric, 12, 3),
      epistemic: table(want.epistemic, 12, 3),
      predictiveEntropy: table(want.predictiveEntropy, 12),
      expectedEntropy: table(want.expectedEntropy, 12),
      mutualInformation: table(want.mutualInformation, 12),
      quantiles: null,
    });
    tf.dispose(got as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('flags: entropies by row and output', async () => {
    const want = await runtime.predict(bernoulli, rows, { draws: 3 });
    expect(contents(toTensors(tf, want))).toMatchObject({
      mean: table(want.mean, 12, 2),
      predictiveEntropy: table(want.predictiveEntropy, 12, 2),
    });
  });

  test('a regression: columns, quantiles, no entropies', async () => {
    const want = await runtime.predict(gaussian, rows, { draws: 3, quantiles: [0.1, 0.9] });
    const got = toTensors(tf, want);
    expect(contents(got)).toMatchObject({ mean: table(want.mean, 12, 1), predictiveEntropy: null });
    expect(got.quantiles?.map(({ level, values }) => [level, values.shape, values.dataSync()])).toEqual(
      want.quantiles?.map(({ level, values }) => [level, [12, 1], Float32Array.from(values)]),
    );
  });

  test('one draw', async () => {
    for await (const draw of runtime.draws(categorical, rows, { draws: 1 })) {
      expect(contents(toTensors(tf, draw))).toEqual({
        draw: 0,
        member: 0,
        rows: 12,
        outputs: 3,
        values: table(draw.values, 12, 3),
        noiseScale: null,
      });
    }
    for await (const draw of runtime.draws(gaussian, rows, { draws: 1 })) {
      const { values, noiseScale } = toTensors(tf, draw);
      expect(values.shape).toEqual([12, 1]);
      expect(noiseScale?.shape).toEqual([1]);
      expect(noiseScale?.dataSync()).toEqual(Float32Array.from(draw.noiseScale!));
    }
  });

  test('the numbers are copies, and tensors can go back in', async () => {
    const prediction: Prediction = await runtime.predict(gaussian, rows, { draws: 3 });
    const { mean } = toTensors(tf, prediction);
    const [first] = prediction.mean;
    prediction.mean[0] = 99;
    expect(mean.dataSync()[0]).toBe(Math.fround(first));
    // The mean of the predictions as targets: their error is that of the predictions.
    const { rmse } = await runtime.evaluate(gaussian, { x: tf.tensor2d(rows), y: mean }, { draws: 3 });
    expect(rmse).toBeLessThan(1e-6);
  });
});
