// Mistakes at the public edge: each gives one exact line and the right type, and harms nothing.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Posterior } from '../../src/core/posterior.ts';
import {
  BackendUnavailableError,
  build,
  createRuntime,
  type Runtime,
  type TrainOptions,
} from '../../src/index.ts';

let runtime: Runtime;
let posterior: Posterior;
const model = build({ inputSize: 2, hiddenSizes: [3], outputSize: 1 });
const classes = build({ inputSize: 2, hiddenSizes: [3], outputSize: 3 });
const x = [
  [0, 1],
  [1, 2],
  [2, 3],
];
const y = [0.5, 1, 2];

beforeAll(async () => {
  runtime = createRuntime({ workers: 1 });
  posterior = await runtime.train(model, { x, y }, { epochs: 1, batchSize: 2 });
});
afterAll(() => runtime.close());

describe('createRuntime', () => {
  test.each([
    [
      { workers: 0 },
      RangeError,
      'createRuntime: workers: expected a positive integer, got 0 — use 1 or more',
    ],
    [
      { workers: 1.5 },
      RangeError,
      'createRuntime: workers: expected a positive integer, got 1.5 — use 1 or more',
    ],
    [
      { workers: '2' },
      RangeError,
      'createRuntime: workers: expected a positive integer, got 2 — use 1 or more',
    ],
    [
      { seed: 1.5 },
      TypeError,
      "seed: expected a string or an integer, got 1.5 — pass for example 'run-1' or 7",
    ],
    [
      { seed: {} },
      TypeError,
      "seed: expected a string or an integer, got object — pass for example 'run-1' or 7",
    ],
  ])('refuses %j', (options, type, message) => {
    const call = () => createRuntime(options as never);
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });

  test('refuses an unknown backend with the list of those there are', () => {
    const call = () => createRuntime({ backend: 'cuda' });
    expect(call).toThrow(BackendUnavailableError);
    expect(call).toThrow(
      /^backend: expected auto or one of (?=.*wasm)(?=.*reference).*, got cuda — pick one of these$/,
    );
  });

  test('has defaults that need nothing', async () => {
    await using open = createRuntime();
    expect(open.workers).toBeGreaterThanOrEqual(1);
    expect(open.seed).toBe('varpool');
  });
});

describe('train', () => {
  const OPTIONS: [Record<string, unknown>, string][] = [
    [{ epochs: 0 }, 'train: epochs: expected a positive integer, got 0 — use 1 or more'],
    [{ epochs: '5' }, 'train: epochs: expected a positive integer, got 5 — use 1 or more'],
    [{ draws: -1 }, 'train: draws: expected a positive integer, got -1 — use 1 or more'],
    [{ batchSize: 2.5 }, 'train: batchSize: expected a positive integer, got 2.5 — use 1 or more'],
    [{ batchSize: 4 }, 'train: expected batchSize of at most 3 (the training rows), got 4 — lower batchSize'],
    [
      { initialRho: Number.POSITIVE_INFINITY },
      'train: expected a finite initialRho, got Infinity — sigma starts at softplus(initialRho)',
    ],
    [
      { likelihood: 'poisson' },
      'train: expected likelihood categorical, bernoulli or gaussian, got poisson — use one of these',
    ],
    [
      { likelihood: { kind: 'gaussian', scale: 0 } },
      'train: likelihood.scale: expected a positive number, got 0 — check the option',
    ],
    [
      { likelihood: { kind: 'gaussian' } },
      'train: likelihood.scale: expected a positive number, got undefined — check the option',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 0 } },
      'train: optimizer.learningRate: expected a positive number, got 0 — check the option',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, beta1: 1 } },
      'train: optimizer.beta1: expected a number from 0 to below 1, got 1 — check the option',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, beta2: -0.1 } },
      'train: optimizer.beta2: expected a number from 0 to below 1, got -0.1 — check the option',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, eps: 0 } },
      'train: optimizer.eps: expected a positive number, got 0 — check the option',
    ],
    [
      { optimizer: { kind: 'sgd', learningRate: 1, momentum: 1 } },
      'train: optimizer.momentum: expected a number from 0 to below 1, got 1 — check the option',
    ],
    [
      { optimizer: { kind: 'rmsprop', learningRate: 1 } },
      'train: expected optimizer adam or sgd, got rmsprop — use one of these',
    ],
    [
      { schedule: { kind: 'linear' } },
      'train: schedule: expected constant or cosine, got linear — use one of these',
    ],
    [
      { schedule: { kind: 'cosine', finalFraction: 2 } },
      'train: schedule.finalFraction: expected a number from 0 to below 1, got 2 — check the option',
    ],
    [
      { klWeighting: 'beta' },
      "train: klWeighting: expected uniform or blundell or { kind: 'warmup', epochs }, got beta — use one of these",
    ],
    [
      { klWeighting: { kind: 'warmup', epochs: 0 } },
      'train: klWeighting.epochs: expected a positive number, got 0 — check the option',
    ],
    [
      { klWeighting: { kind: 'cyclic', epochs: 3 } },
      'train: klWeighting: expected warmup, got cyclic — use one of these',
    ],
    [
      { standardize: 'all' },
      'train: standardize: expected both or features or none, got all — use one of these',
    ],
    [{ seed: true }, "seed: expected a string or an integer, got boolean — pass for example 'run-1' or 7"],
    [
      { validation: { x, y, every: 0 } },
      'train: validation.every: expected a positive integer, got 0 — use 1 or more',
    ],
    [
      { validation: { x, y, draws: 0 } },
      'train: validation.draws: expected a positive integer, got 0 — use 1 or more',
    ],
    [
      { validation: { x: [[1]], y: [1] } },
      'train: validation: expected 2 columns, got 1 — is the label column still in?',
    ],
  ];
  test.each(OPTIONS)('refuses options %j', async (options, message) => {
    await expect(runtime.train(model, { x, y }, options as TrainOptions)).rejects.toThrow(
      expect.objectContaining({ message }),
    );
  });

  test('refuses class names that are not one per class', async () => {
    const run = runtime.train(
      classes,
      { x, y: [0, 1, 2] },
      { likelihood: 'categorical', classNames: ['a', 'b'] },
    );
    await expect(run).rejects.toThrow('train: expected 3 classNames, got 2 — give one name per class');
  });

  test('refuses a fixed scale for several standardized targets', async () => {
    const two = build({ inputSize: 2, hiddenSizes: [], outputSize: 2 });
    const run = runtime.train(two, { x, y: x }, { likelihood: { kind: 'gaussian', scale: 0.5 } });
    await expect(run).rejects.toThrow(
      "train: expected scale 'learned' for 2 standardized targets, got 0.5 — or set standardize to 'features'",
    );
  });

  const DATA: [unknown, unknown, string, string][] = [
    [[[1]], [1], 'gaussian', 'train: expected 2 columns, got 1 — is the label column still in?'],
    [x, [1, 2], 'gaussian', 'train: expected 3 targets like rows of x, got 2 — pass one target per row'],
    [x, x, 'gaussian', 'train: expected 1 target columns for gaussian, got 2 — check outputSize'],
    [
      [
        [0, 1],
        [1, Number.NaN],
      ],
      [1, 2],
      'gaussian',
      'train: expected finite numbers, got NaN in row 1, column 1 of x — clean the data',
    ],
    [
      x,
      [1, Number.POSITIVE_INFINITY, 2],
      'gaussian',
      'train: expected finite targets, got Infinity in row 1 of y — clean the targets',
    ],
    [
      x,
      [0, 1, 1.5],
      'bernoulli',
      'train: expected targets 0 or 1, got 1.5 in row 2 of y — clean the targets',
    ],
    [
      [
        [1, 2],
        [1, 2, 3],
      ],
      [1, 2],
      'gaussian',
      'train: x: expected 2 columns in row 1, got 3 — make all rows equally long',
    ],
    [
      [],
      [],
      'gaussian',
      'train: x: expected rows of numbers, got an empty array — pass number[][], a Float32Array with a shape, or a tensor',
    ],
    [
      { data: new Float32Array(5), shape: [3, 2] },
      y,
      'gaussian',
      'train: x: expected 3 × 2 = 6 numbers, got 5 — check the shape',
    ],
    [
      { data: new Float32Array(8), shape: [2, 2, 2] },
      y,
      'gaussian',
      'train: x: expected shape [rows] or [rows, columns], got [2, 2, 2] — reshape it first',
    ],
    [
      undefined,
      y,
      'gaussian',
      'train: x: expected rows of numbers, got undefined — pass number[][], a Float32Array with a shape, or a tensor',
    ],
    [
      { data: new Float32Array(0), shape: [0, 2] },
      new Float32Array(0),
      'gaussian',
      'train: expected at least one row, got none — pass a non-empty table',
    ],
  ];
  test.each(DATA)('refuses data %#', async (badX, badY, likelihood, message) => {
    const run = runtime.train(model, { x: badX, y: badY } as never, { likelihood } as TrainOptions);
    await expect(run).rejects.toThrow(expect.objectContaining({ message }));
  });

  test.each([-1, 3, 0.5])('refuses class number %d', async (label) => {
    const run = runtime.train(classes, { x, y: [0, label, 2] }, { likelihood: 'categorical' });
    await expect(run).rejects.toThrow(
      `train: expected class numbers 0 to 2, got ${label} in row 1 of y — clean the targets`,
    );
  });

  test('options given as undefined are not given', async () => {
    const plain = await runtime.train(model, { x, y }, { epochs: 2 });
    const given = await runtime.train(model, { x, y }, {
      epochs: 2,
      batchSize: undefined,
      optimizer: undefined,
      standardize: undefined,
      seed: undefined,
    } as unknown as TrainOptions);
    expect(given).toEqual(plain);
  });
});

describe('predict, draws and evaluate', () => {
  test.each([
    [{ draws: 0 }, 'predict: draws: expected a positive integer, got 0 — use 1 or more'],
    [{ draws: 2.5 }, 'predict: draws: expected a positive integer, got 2.5 — use 1 or more'],
    [
      { mode: 'median' },
      "predict: expected mode 'sample', 'mean' or 'marginal', got median — use one of these",
    ],
    [
      { quantiles: [0.5, 1] },
      'predict: expected quantile levels between 0 and 1, got 1 — use fractions like 0.05',
    ],
    [
      { quantiles: [5] },
      'predict: expected quantile levels between 0 and 1, got 5 — use fractions like 0.05',
    ],
  ])('refuse options %j', async (options, message) => {
    await expect(runtime.predict(posterior, x, options as never)).rejects.toThrow(
      expect.objectContaining({ message }),
    );
  });

  test('refuse rows of the wrong width and numbers that are none', async () => {
    await expect(runtime.predict(posterior, [[1, 2, 3]])).rejects.toThrow(
      'predict: expected 2 columns, got 3 — is the label column still in?',
    );
    await expect(runtime.predict(posterior, [[1, Number.NaN]])).rejects.toThrow(
      'predict: expected finite numbers, got NaN in row 0, column 1 of x — clean the data',
    );
    await expect(runtime.draws(posterior, [[1]]).next()).rejects.toThrow(
      'draws: expected 2 columns, got 1 — is the label column still in?',
    );
    await expect(runtime.draws(posterior, x, { draws: -2 }).next()).rejects.toThrow(
      'draws: draws: expected a positive integer, got -2 — use 1 or more',
    );
    await expect(runtime.evaluate(posterior, { x, y: [1] })).rejects.toThrow(
      'evaluate: expected 3 targets like rows of x, got 1 — pass one target per row',
    );
  });
});
