// Mistakes at the public edge: each gives one exact line and the right type, and harms nothing.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ESTIMATORS } from '../../src/core/estimators/index.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { parseConfig } from '../../src/experiment/config/config.ts';
import {
  BackendUnavailableError,
  build,
  createRuntime,
  type Runtime,
  type TrainOptions,
} from '../../src/index.ts';
import { listed } from '../../src/messages.ts';
import { checkOptions } from '../../src/options/check.ts';
import { predictOptions, trainOptions } from '../../src/runtime/optionSchemas.ts';
import { BATCH_SIZE } from '../../src/runtime/trainingFields.ts';

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
      'createRuntime: workers: expected auto or a whole number of at least 1, got 0 — change it',
    ],
    [
      { workers: 1.5 },
      RangeError,
      'createRuntime: workers: expected auto or a whole number of at least 1, got 1.5 — change it',
    ],
    [
      { workers: '2' },
      TypeError,
      'createRuntime: workers: expected auto or a whole number of at least 1, got "2" — write it without quotes',
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
    [
      { worker: 2 },
      TypeError,
      'createRuntime: worker: expected a known key, got "worker" — did you mean workers?',
    ],
    [
      { backend: 5 },
      TypeError,
      'createRuntime: backend: expected a name such as auto, native or wasm, got 5 — change it',
    ],
    [
      { workers: 1e9 },
      RangeError,
      'createRuntime: workers: expected at most 1024, got 1000000000 — change it',
    ],
    [
      null,
      TypeError,
      'createRuntime: expected an object of options, got null — name each, or leave them out',
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
    [{ epochs: 0 }, 'train: epochs: expected a whole number of at least 1, got 0 — change it'],
    [
      { epochs: '5' },
      'train: epochs: expected a whole number of at least 1, got "5" — write it without quotes',
    ],
    [{ draws: -1 }, 'train: draws: expected a whole number of at least 1, got -1 — change it'],
    [{ batchSize: 2.5 }, 'train: batchSize: expected a whole number of at least 1, got 2.5 — change it'],
    [{ batchSize: 4 }, 'train: batchSize: expected at most 3 (the training rows), got 4 — lower batchSize'],
    [
      { initialRho: Number.POSITIVE_INFINITY },
      'train: initialRho: expected a number from -20 to 20, got Infinity — change it',
    ],
    [
      { likelihood: 'weibull' },
      'train: likelihood: expected categorical, bernoulli, gaussian, heteroscedastic, negativeBinomial, poisson or studentT, by name or as a map with kind and options, got "weibull" — change it',
    ],
    [
      { likelihood: { kind: 'gaussian', scale: 0 } },
      'train: likelihood.scale: expected learned or a standard deviation above 0, got 0 — change it',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 0 } },
      'train: optimizer.learningRate: expected a number above 0, got 0 — change it',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, beta1: 1 } },
      'train: optimizer.beta1: expected a number of at least 0 and below 1, got 1 — change it',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, beta2: -0.1 } },
      'train: optimizer.beta2: expected a number of at least 0 and below 1, got -0.1 — change it',
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 1, eps: 0 } },
      'train: optimizer.eps: expected a number above 0, got 0 — change it',
    ],
    [
      { optimizer: { kind: 'sgd', learningRate: 1, momentum: 1 } },
      'train: optimizer.momentum: expected a number of at least 0 and below 1, got 1 — change it',
    ],
    [
      { optimizer: { kind: 'rmsprop', learningRate: 1 } },
      'train: optimizer.kind: expected adam, adamW, ivon or sgd, got "rmsprop" — change it',
    ],
    [
      { schedule: { kind: 'linear' } },
      'train: schedule.kind: expected constant, cosine or step, got "linear" — change it',
    ],
    [
      { schedule: { kind: 'cosine', finalFraction: 2 } },
      'train: schedule.finalFraction: expected a number from 0 to 1, got 2 — change it',
    ],
    [
      { klWeighting: 'beta' },
      'train: klWeighting: expected uniform, blundell, warmup, cyclical or tempered, by name or as a map with kind and options, got "beta" — change it',
    ],
    [
      { klWeighting: { kind: 'warmup', epochs: 0 } },
      'train: klWeighting.epochs: expected a number above 0, got 0 — change it',
    ],
    [
      { klWeighting: { kind: 'warmup', epochs: 1e308 } },
      'train: klWeighting.epochs: expected at most 2147483647, got 1e+308 — change it',
    ],
    [
      { klWeighting: { kind: 'cyclic', epochs: 3 } },
      'train: klWeighting.kind: expected uniform, blundell, warmup, cyclical or tempered, got "cyclic" — did you mean cyclical?',
    ],
    [{ standardize: 'all' }, 'train: standardize: expected features, both or none, got "all" — change it'],
    [{ seed: true }, "seed: expected a string or an integer, got boolean — pass for example 'run-1' or 7"],
    [
      { validation: { x, y, every: 0 } },
      'train: validation.every: expected a whole number of at least 1, got 0 — change it',
    ],
    [
      { validation: { x, y, draws: 0 } },
      'train: validation.draws: expected a whole number of at least 1, got 0 — change it',
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

  const UNKNOWN: [Record<string, unknown>, string][] = [
    [
      { learningRate: 0.1 },
      'learningRate: expected a known key, got "learningRate" — put it under optimizer',
    ],
    [{ weightDecay: 0.1 }, 'weightDecay: expected a known key, got "weightDecay" — put it under optimizer'],
    [{ df: 4 }, 'df: expected a known key, got "df" — put it under likelihood'],
    [{ batch_size: 4 }, 'batch_size: expected a known key, got "batch_size" — did you mean batchSize?'],
    [{ epoch: 4 }, 'epoch: expected a known key, got "epoch" — did you mean epochs?'],
    [
      { optimizer: { kind: 'adam', learning_rate: 0.1 } },
      'optimizer.learning_rate: expected a known key, got "learning_rate" — did you mean learningRate?',
    ],
    [
      { schedule: { kind: 'constant', finalFraction: 0 } },
      'schedule.finalFraction: expected a known key, got "finalFraction" — known here: kind, warmup',
    ],
    [
      { validation: { x, y, drawz: 3 } },
      'validation.drawz: expected a known key, got "drawz" — did you mean draws?',
    ],
    [
      { diagnostics: { evry: 3 } },
      'diagnostics.evry: expected a known key, got "evry" — did you mean every?',
    ],
    [
      { checkpoint: { save: () => undefined, everyStep: 3 } },
      'checkpoint.everyStep: expected a known key, got "everyStep" — did you mean everySteps?',
    ],
    [
      { earlyStopping: { patience: 3, minDetla: 3 } },
      'earlyStopping.minDetla: expected a known key, got "minDetla" — did you mean minDelta?',
    ],
    [
      { estimator: 'reparametrization' },
      `estimator: expected ${listed(Object.keys(ESTIMATORS))}, by name or as a map with kind and options, got "reparametrization" — did you mean reparameterization?`,
    ],
    [
      { optimizer: 'sgd' },
      'optimizer: expected adam, adamW, ivon or sgd, by name or as a map with kind and options, got "sgd" — write { kind: sgd, learningRate: … }',
    ],
    [
      { optimizer: 'Adam' },
      'optimizer: expected adam, adamW, ivon or sgd, by name or as a map with kind and options, got "Adam" — did you mean adam?',
    ],
    [
      { diagnostics: new Map([['every', 3]]) },
      'diagnostics: expected a map of options, got a Map — write { name: value }',
    ],
    [
      { optimizer: Promise.resolve({ kind: 'adam' }) },
      'optimizer.kind: expected adam, adamW, ivon or sgd, got nothing — add it',
    ],
    [{ signal: {} }, 'signal: expected an AbortSignal, got a map — pass the signal of an AbortController'],
    [{ onReport: 5 }, 'onReport: expected a function, got 5 — change it'],
    [{ classNames: 'ab' }, 'classNames: expected a list of names, got "ab" — change it'],
  ];
  test.each(UNKNOWN)('refuses the unknown or misread in %j', async (options, message) => {
    const run = runtime.train(model, { x, y }, options as TrainOptions);
    await expect(run).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: `train: ${message}` }),
    );
  });

  test.each([
    [null, 'null — name each, or leave them out'],
    [7, '7 — name each, or leave them out'],
    [[], 'an empty list — name each, or leave them out'],
    [new Map([['epochs', 5]]), 'a Map — name each, or leave them out'],
    [new AbortController().signal, 'an AbortSignal — name each, or leave them out'],
    [Promise.resolve({}), 'a promise — await it first'],
    [() => ({}), 'a function — name each, or leave them out'],
  ])('refuses %o in place of options', async (options, got) => {
    await expect(runtime.train(model, { x, y }, options as never)).rejects.toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: `train: expected an object of options, got ${got}`,
      }),
    );
  });

  test('takes the plain name of a member for the member with its defaults', async () => {
    const short = { optimizer: 'adam', likelihood: 'gaussian', schedule: 'cosine', klWeighting: 'uniform' };
    const long = {
      epochs: 10,
      batchSize: 3,
      draws: 1,
      estimator: 'reparameterization',
      optimizer: { kind: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
      likelihood: { kind: 'gaussian', scale: 'learned' },
      schedule: { kind: 'cosine', finalFraction: 0 },
      klWeighting: { kind: 'uniform' },
      initialRho: -5,
    };
    const given = await runtime.train(model, { x, y }, short as TrainOptions);
    expect(given).toEqual(await runtime.train(model, { x, y }, long as never));
    const warm = { ...short, klWeighting: { kind: 'warmup', epochs: 2.5 } } as TrainOptions;
    expect(await runtime.train(model, { x, y }, warm)).not.toEqual(given);
  });

  test('has the defaults of the config', () => {
    const { training, prediction } = parseConfig('data: { kind: synthetic }', 'a.yaml');
    const library = checkOptions('train', trainOptions, {});
    const { diagnostics, select, batchSize, ...shared } = training;
    expect(library).toMatchObject(shared);
    expect(batchSize).toBe(BATCH_SIZE);
    expect(diagnostics.every).toBe('auto');
    expect(checkOptions('predict', predictOptions, {}).draws).toBe(prediction.draws);
  });

  test('refuses class names that are not one per class', async () => {
    const run = runtime.train(
      classes,
      { x, y: [0, 1, 2] },
      { likelihood: 'categorical', classNames: ['a', 'b'] },
    );
    await expect(run).rejects.toThrow('train: classNames: expected 3 names, got 2 — give one name per class');
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
      'train: x: expected rows of numbers, got an empty list — pass number[][], a Float32Array with a shape, or a tensor',
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
      'train: x: expected rows of numbers, got nothing — pass number[][], a Float32Array with a shape, or a tensor',
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
    [{ drawz: 3 }, 'predict: drawz: expected a known key, got "drawz" — did you mean draws?'],
    [{ draws: 1e12 }, 'predict: draws: expected at most 10000000, got 1000000000000 — change it'],
    [
      { quantiles: 0.5 },
      'predict: quantiles: expected a list of levels between 0 and 1, got 0.5 — change it',
    ],
    [
      { quantiles: [0.5, null] },
      'predict: quantiles[1]: expected a level between 0 and 1, both excluded, got null — fill it in or remove the key',
    ],
    [{ draws: 0 }, 'predict: draws: expected a whole number of at least 1, got 0 — change it'],
    [{ draws: 2.5 }, 'predict: draws: expected a whole number of at least 1, got 2.5 — change it'],
    [
      { mode: 'median' },
      'predict: mode: expected sample, mean or marginal, got "median" — did you mean mean?',
    ],
    [
      { quantiles: [0.5, 1] },
      'predict: quantiles[1]: expected a level between 0 and 1, both excluded, got 1 — change it',
    ],
    [
      { quantiles: [5] },
      'predict: quantiles[0]: expected a level between 0 and 1, both excluded, got 5 — change it',
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
      'draws: draws: expected a whole number of at least 1, got -2 — change it',
    );
    await expect(runtime.evaluate(posterior, { x, y: [1] })).rejects.toThrow(
      'evaluate: expected 3 targets like rows of x, got 1 — pass one target per row',
    );
  });
});
