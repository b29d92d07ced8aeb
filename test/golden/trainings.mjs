// @ts-check
// The golden set: three small trainings that between them use every likelihood, optimizer, activation, schedule and KL weighting,
// on data made here in integer arithmetic. Changing any of them renews all golden digests.

/** @typedef {import('../../dist/index.js').TrainingData} TrainingData */
/** @typedef {import('../../dist/index.js').TrainOptions} TrainOptions */
/** @typedef {{ model: import('../../dist/index.js').Model, data: TrainingData, options: TrainOptions }} Training */

/**
 * A number in [−0.5, 0.5) that belongs to i: integer arithmetic and one exact division, the same on every engine.
 * @param {number} i
 */
function scattered(i) {
  let h = Math.imul(i + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca77);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae3d);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}

/**
 * Rows of features, and `outputs` smooth numbers for each with some scatter.
 * @param {number} rows
 * @param {number} inputs
 * @param {number} outputs
 * @param {number} salt
 */
function table(rows, inputs, outputs, salt) {
  const x = Float32Array.from({ length: rows * inputs }, (_, i) => 4 * scattered(salt + i));
  const value = (/** @type {number} */ row, /** @type {number} */ k) => {
    const a = x[row * inputs];
    const b = x[row * inputs + ((k + 1) % inputs)];
    return a * (1 - b * b) + b + k / 2 + scattered(salt + 100_000 + row * outputs + k);
  };
  const y = Float32Array.from({ length: rows * outputs }, (_, i) =>
    value(Math.floor(i / outputs), i % outputs),
  );
  return { x: { data: x, shape: [rows, inputs] }, y };
}

/**
 * @param {number} inputSize
 * @param {readonly (readonly [outputs: number, activation: import('../../dist/index.js').Activation])[]} widths
 */
function network(inputSize, widths, priorSigma = 1) {
  const layers = widths.map(([outputSize, activation], n) => ({
    name: `golden_${n}`,
    inputSize: n === 0 ? inputSize : widths[n - 1][0],
    outputSize,
    activation,
  }));
  return {
    inputSize,
    outputSize: widths[widths.length - 1][0],
    layers,
    prior: { kind: 'gaussian', sigma: priorSigma },
  };
}

/**
 * Four classes; two draws a step; large enough that three workers share it; a last minibatch of 16 rows.
 * @returns {Training}
 */
function classes() {
  const { x, y } = table(208, 19, 1, 0);
  return {
    model: network(19, [
      [160, 'relu'],
      [100, 'gelu'],
      [4, 'identity'],
    ]),
    data: { x, y: y.map((value) => Math.abs(Math.floor(2 * value)) % 4) },
    options: {
      likelihood: 'categorical',
      epochs: 3,
      batchSize: 48,
      draws: 2,
      optimizer: { kind: 'adam', learningRate: 0.005 },
      schedule: { kind: 'cosine' },
      klWeighting: 'blundell',
    },
  };
}

/**
 * Two numbers with a learned noise scale each, by SGD with momentum; a last minibatch of 1 row.
 * @returns {Training}
 */
function values() {
  const { x, y } = table(161, 7, 2, 1_000_000);
  return {
    model: network(
      7,
      [
        [90, 'tanh'],
        [70, 'silu'],
        [2, 'identity'],
      ],
      0.5,
    ),
    data: { x, y: { data: y.map((value) => 10 + 3 * value), shape: [161, 2] } },
    options: {
      likelihood: { kind: 'gaussian', scale: 'learned' },
      epochs: 6,
      batchSize: 32,
      draws: 3,
      optimizer: { kind: 'sgd', learningRate: 0.01, momentum: 0.9 },
      schedule: { kind: 'constant' },
      klWeighting: { kind: 'warmup', epochs: 3 },
      initialRho: -4,
    },
  };
}

/**
 * Three yes-or-no targets of the same rows; one worker's work; a last minibatch of 31 rows.
 * @returns {Training}
 */
function outcomes() {
  const { x, y } = table(131, 5, 3, 2_000_000);
  return {
    model: network(5, [
      [33, 'sigmoid'],
      [3, 'identity'],
    ]),
    data: { x, y: { data: y.map((value) => (value > 0.5 ? 1 : 0)), shape: [131, 3] } },
    options: {
      likelihood: 'bernoulli',
      epochs: 40,
      batchSize: 50,
      draws: 1,
      optimizer: { kind: 'adam', learningRate: 0.02, beta1: 0.8, beta2: 0.99, eps: 1e-6 },
      schedule: { kind: 'cosine', finalFraction: 0.1 },
      klWeighting: 'uniform',
    },
  };
}

export const TRAININGS = { classes, values, outcomes };
