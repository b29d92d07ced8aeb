// The classic four: names, options, defaults and values, from the package's own entry points.

import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import * as bayesian from '../../src/core/bayesian.ts';
import { bayesianDense, build, elboLoss, input, klCost, toModel } from '../../src/index.ts';

const vectors = JSON.parse(readFileSync('test/vectors/closed-forms.json', 'utf8')) as {
  kl_normal_normal: [string, string, string, string, string][];
  softplus_inverse: [string, string][];
};

describe('build', () => {
  test('has the defaults of the module it comes from', () => {
    const model = build({ inputSize: 5, outputSize: 3 });
    expect(model).toEqual({
      inputSize: 5,
      outputSize: 3,
      prior: { kind: 'gaussian', sigma: 1 },
      layers: [
        { name: 'bayesian_dense_0', inputSize: 5, outputSize: 256, activation: 'relu' },
        { name: 'bayesian_dense_1', inputSize: 256, outputSize: 128, activation: 'relu' },
        { name: 'output', inputSize: 128, outputSize: 3, activation: 'identity' },
      ],
    });
  });

  test('takes every option', () => {
    const model = build({
      inputSize: 2,
      hiddenSizes: [7],
      outputSize: 1,
      activation: 'gelu',
      priorSigma: 0.3,
    });
    expect(model.prior).toEqual({ kind: 'gaussian', sigma: 0.3 });
    expect(model.layers.map(({ outputSize, activation }) => [outputSize, activation])).toEqual([
      [7, 'gelu'],
      [1, 'identity'],
    ]);
    expect(build({ inputSize: 2, hiddenSizes: [], outputSize: 4 }).layers).toHaveLength(1);
  });

  test.each([
    [
      { inputSize: 0, outputSize: 1 },
      'build: inputSize: expected a whole number of at least 1, got 0 — change it',
    ],
    [
      { inputSize: 2.5, outputSize: 1 },
      'build: inputSize: expected a whole number of at least 1, got 2.5 — change it',
    ],
    [{ outputSize: 1 }, 'build: inputSize: expected a whole number of at least 1, got nothing — add it'],
    [
      { inputSize: 2, outputSize: -1 },
      'build: outputSize: expected a whole number of at least 1, got -1 — change it',
    ],
    [
      { inputSize: 2, hiddenSizes: [4, 0], outputSize: 1 },
      'build: hiddenSizes[1]: expected a whole number of at least 1, got 0 — change it',
    ],
    [
      { inputSize: 2, outputSize: 1, priorSigma: 0 },
      'build: priorSigma: expected a standard deviation from 0.000001 to 1000000, got 0 — change it',
    ],
    [
      { inputSize: 2, outputSize: 1, priorSigma: Number.NaN },
      'build: priorSigma: expected a standard deviation from 0.000001 to 1000000, got NaN — change it',
    ],
    [
      { inputSize: 2, hiddenSizes: [], outputSize: 1, activation: 'swish' },
      'build: activation: expected identity, relu, tanh, sigmoid, gelu or silu, got "swish" — change it',
    ],
    [
      { inputSize: 2, outputSize: 1, hidden: [3] },
      'build: hidden: expected a known key, got "hidden" — known here: inputSize, outputSize, hiddenSizes, activation, prior, priorSigma',
    ],
    [
      { inputSize: 2, outputSize: 1, hidden_sizes: [3] },
      'build: hidden_sizes: expected a known key, got "hidden_sizes" — did you mean hiddenSizes?',
    ],
    [
      { inputSize: 1e9, outputSize: 1 },
      'build: inputSize: expected at most 16777216, got 1000000000 — change it',
    ],
    [
      { inputSize: 1, hiddenSizes: Array.from({ length: 1030 }, () => 1), outputSize: 1 },
      'build: expected at most 1024 layers, got 1031 — use fewer or smaller layers',
    ],
    [
      { inputSize: 1, hiddenSizes: [2_000_000, 2_000_000], outputSize: 1 },
      'build: expected at most 268435456 weights and biases, got 4000048000064 — use fewer or smaller layers',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => build(options as never)).toThrow(message);
  });
});

describe('bayesianDense', () => {
  test('adds a named layer of a width to a node, and leaves the node as it was', () => {
    const x = input(3);
    const hidden = bayesianDense(x, 8, { name: 'first', activation: 'tanh' });
    const out = bayesianDense(hidden, 2);
    expect(x.layers).toEqual([]);
    expect(hidden.units).toBe(8);
    expect(out.units).toBe(2);
    expect(toModel(out)).toEqual({
      inputSize: 3,
      outputSize: 2,
      prior: { kind: 'gaussian', sigma: 1 },
      layers: [
        { name: 'first', inputSize: 3, outputSize: 8, activation: 'tanh' },
        { name: 'bayesian_dense', inputSize: 8, outputSize: 2, activation: 'identity' },
      ],
    });
    expect(toModel(out, { priorSigma: 2 }).prior).toEqual({ kind: 'gaussian', sigma: 2 });
  });

  test('refuses units that count nothing, and a model without layers', () => {
    expect(() => bayesianDense(input(3), 0)).toThrow(
      'bayesianDense: units: expected a whole number from 1 to 16777216, got 0 — units are the width of a layer',
    );
    expect(() => input(-3)).toThrow(
      'input: units: expected a whole number from 1 to 16777216, got -3 — units are the width of a layer',
    );
    expect(() => toModel(input(3))).toThrow(
      'toModel: expected at least one layer, got an input — add bayesianDense',
    );
  });
});

describe('klCost', () => {
  /** rho of a sigma, in float64; klCost rounds it to float32. */
  const rhoOf = (sigma: number) => (sigma > 20 ? sigma : Math.log(Math.expm1(sigma)));

  test('is the closed form of published values', () => {
    const zeroMean = vectors.kl_normal_normal.map((row) => row.map(Number)).filter(([, , loc]) => loc === 0);
    expect(zeroMean.length).toBeGreaterThan(10);
    for (const [loc, scale, , priorSigma, kl] of zeroMean) {
      const got = klCost([loc], [rhoOf(scale)], { priorSigma });
      // mu and rho are float32: relative errors of 6e-8 in each, magnified by |rho| (up to 5 here) in sigma.
      expect(Math.abs(got - kl)).toBeLessThan(2e-6 * Math.max(1, kl));
    }
  });

  test('sums over all elements of any shape, with prior sigma 1 unless said', () => {
    const mu = [
      [0.1, -0.2, 0.3],
      [1.5, 0, -2],
    ];
    const rho = [
      [-5, -1, 0],
      [1, 0.5, -3],
    ];
    const each = mu.flatMap((row, r) => row.map((m, c) => klCost([m], [rho[r][c]])));
    const sum = each.reduce((a, b) => a + b, 0);
    expect(klCost(mu, rho)).toBeCloseTo(sum, 12);
    expect(klCost(mu, rho, { priorSigma: 1 })).toBe(klCost(mu, rho));
    expect(klCost(mu, rho, { priorSigma: 2 })).not.toBeCloseTo(sum, 3);
    const single = (rows: number[][]) => rows.map((row) => row.map(Math.fround)); // as tensors hold them
    expect(klCost(tf.tensor2d(mu), tf.tensor2d(rho))).toBe(klCost(single(mu), single(rho)));
    expect(klCost(tf.tensor1d(mu.flat()), tf.tensor1d(rho.flat()))).toBe(klCost(single(mu), single(rho)));
  });

  test('is 0 at the prior, positive elsewhere, finite for extreme rho', () => {
    const rho = Math.log(Math.expm1(1));
    expect(Math.abs(klCost([0], [rho]))).toBeLessThan(1e-13);
    expect(klCost([0], [-100])).toBeCloseTo(100 - 0.5, 5);
    expect(klCost([0], [100])).toBeCloseTo(5000 - 0.5 - Math.log(100), 4);
  });

  test.each([
    [
      () => klCost([1, 2], [1]),
      'klCost: expected rho of shape [2, 1] like mu, got [1, 1] — pass one rho per mu',
    ],
    [
      () => klCost([1], [1], { priorSigma: -1 }),
      'klCost: priorSigma: expected a standard deviation from 0.000001 to 1000000, got -1 — change it',
    ],
    [
      () => klCost('mu' as never, [1]),
      'klCost: mu: expected rows of numbers, got "mu" — pass number[][], a Float32Array with a shape, or a tensor',
    ],
    [
      () => klCost([null] as never, [1]),
      'klCost: mu: expected numbers, got null in row 0 — fill it in or leave the row out',
    ],
  ])('refuses bad input %#', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('elboLoss', () => {
  const predictions = [
    [1, 2],
    [3, -1],
  ];

  test('mse: mean of squared errors over all elements, plus kl', () => {
    const targets = [
      [0, 2],
      [1, 1],
    ];
    // (1 + 0 + 4 + 4) / 4
    expect(elboLoss(predictions, targets, 0)).toBe(2.25);
    expect(elboLoss(predictions, targets, 10)).toBe(12.25);
    expect(elboLoss(predictions, targets, 10, { lossFn: 'mse', beta: 0.5 })).toBe(7.25);
    expect(elboLoss(predictions, targets, 10, { beta: 0 })).toBe(2.25);
  });

  test('crossEntropy: labels, one-hot and soft targets', () => {
    const rows = [Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(-4))]; // of the larger logit
    const mean = (rows[0] + rows[1]) / 2;
    const options = { lossFn: 'crossEntropy' } as const;
    expect(elboLoss(predictions, [1, 0], 3, { ...options, beta: 2 })).toBeCloseTo(mean + 6, 12);
    const onehot = [
      [0, 1],
      [1, 0],
    ];
    expect(elboLoss(predictions, onehot, 0, options)).toBeCloseTo(mean, 12);
    const soft = [
      [0.25, 0.75],
      [0.5, 0.5],
    ];
    // −Σ t·log p = log-normalizer − Σ t·logit
    const wanted = (rows[0] + 0.25 * 1 + (rows[1] + 0.5 * 4)) / 2;
    expect(elboLoss(predictions, soft, 0, options)).toBeCloseTo(wanted, 12);
    const wrong = elboLoss(predictions, [0, 1], 0, options);
    expect(wrong).toBeCloseTo(mean + (1 + 4) / 2, 12);
    expect(elboLoss([[1000, 0]], [1], 0, options)).toBe(1000);
  });

  test('the crossEntropy of tensors is what tfjs says', () => {
    const logits = tf.tensor2d(predictions);
    const onehot = tf.tensor2d([
      [0, 1],
      [1, 0],
    ]);
    const theirs = tf.losses.softmaxCrossEntropy(onehot, logits).dataSync()[0];
    expect(Math.abs(elboLoss(logits, onehot, 0, { lossFn: 'crossEntropy' }) - theirs)).toBeLessThan(2e-7);
    const mse = tf.losses.meanSquaredError(onehot, logits).dataSync()[0];
    expect(Math.abs(elboLoss(logits, onehot, 0) - mse)).toBeLessThan(1e-6);
  });

  test.each([
    [
      () => elboLoss([[1, 2]], [[1]], 0),
      'elboLoss: expected targets of shape [1, 2] like predictions, got [1, 1] — match the shapes',
    ],
    [
      () => elboLoss([[1, 2]], [2], 0, { lossFn: 'crossEntropy' }),
      'elboLoss: expected class numbers 0 to 1, got 2 in row 0 — number the classes from 0',
    ],
    [
      () => elboLoss([[1, 2]], [1, 0], 0, { lossFn: 'crossEntropy' }),
      'elboLoss: expected targets of shape [1, 2] like predictions, got [2, 1] — match the shapes',
    ],
    [
      () => elboLoss([1], [1], 0, { lossFn: 'mae' as never }),
      'elboLoss: lossFn: expected mse or crossEntropy, got "mae" — did you mean mse?',
    ],
    [
      () => elboLoss([1], [1], 0, { beta: -1 }),
      'elboLoss: beta: expected a number of at least 0, got -1 — change it',
    ],
    [() => elboLoss([1], [1], Number.NaN), 'elboLoss: expected kl as a finite number, got NaN — use klCost'],
    [
      () => elboLoss(new Float32Array(0), new Float32Array(0), 0),
      'elboLoss: expected at least one row, got none — pass a non-empty batch',
    ],
  ])('refuses bad input %#', (call, message) => {
    expect(call).toThrow(message);
  });
});

test('varpool/bayesian is the file the package names, with the classic four', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(exports['./bayesian'].default).toBe('./dist/core/bayesian.js');
  for (const each of [bayesian.build, bayesian.bayesianDense, bayesian.klCost, bayesian.elboLoss])
    expect(each).toBeTypeOf('function');
});
