// Configs: what the defaults are, that what is written reads back the same, and that the published schema says the same.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import {
  dataSpec,
  formatConfig,
  parseConfig,
  readConfig,
  runName,
} from '../../../src/experiment/config/config.ts';
import { configJsonSchema } from '../../../src/experiment/config/schema.ts';
import { prepareRun } from '../../../src/experiment/run/data.ts';

const CONTRACT = `
seed: mnist-1                  # string or integer
data:
  kind: idx                    # idx | csv | npy | synthetic
  dir: ../shared/data/mnist
  validation: 10000            # rows held out of train, by seed; optional
model:
  hiddenSizes: [400, 400]      # default [256, 128]
  activation: relu
prior: { kind: gaussian, sigma: 1 }
likelihood: { kind: categorical }
training:
  epochs: 10
  batchSize: 128
  draws: 1                     # weight draws per step
  estimator: reparameterization
  optimizer: { kind: adam, learningRate: 0.001 }
  klWeighting: uniform         # uniform | blundell | {kind: warmup, …}
prediction: { draws: 100 }
`;
const CSV = 'data: {kind: csv, path: a.csv}\n';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('defaults', () => {
  it('fills in the example of the contract', () => {
    expect(parseConfig(CONTRACT, 'exp/config.yaml')).toEqual({
      seed: 'mnist-1',
      data: {
        kind: 'idx',
        dir: resolve('shared/data/mnist'),
        divisor: 255,
        validation: 10000,
        standardize: 'none',
      },
      model: { hiddenSizes: [400, 400], activation: 'relu' },
      prior: { kind: 'gaussian', sigma: 1 },
      likelihood: { kind: 'categorical' },
      training: {
        epochs: 10,
        batchSize: 128,
        draws: 1,
        estimator: 'reparameterization',
        optimizer: { kind: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        schedule: { kind: 'constant' },
        klWeighting: 'uniform',
        initialRho: -5,
        diagnostics: { every: 'auto' },
        select: 'last',
      },
      checkpoint: { everyMinutes: 5, keep: 2 },
      prediction: { draws: 100, quantiles: [0.05, 0.5, 0.95] },
      logging: { tensorboard: false },
      writtenPaths: { dir: '../shared/data/mnist' },
      directory: resolve('exp'),
    });
  });

  it.each([
    [
      '{ patience: 5 }',
      { metric: 'nll', patience: 5, minDelta: 0, every: 3 },
      { kind: 'best', metric: 'nll' },
    ],
    [
      '{ patience: 5, metric: rmse, every: 1 }',
      { metric: 'rmse', patience: 5, minDelta: 0, every: 1 },
      { kind: 'best', metric: 'rmse' },
    ],
    ['{ patience: 5 }, select: last', { metric: 'nll', patience: 5, minDelta: 0, every: 3 }, 'last'],
  ])('earlyStopping: %s', (written, earlyStopping, select) => {
    const text = `data: {kind: csv, path: a, validation: 9}\ntraining: {epochs: 250, earlyStopping: ${written}}`;
    const config = parseConfig(text, 'c.yaml');
    expect(config.training).toMatchObject({ earlyStopping, select });
    expect(parseConfig(formatConfig(config), 'c.yaml')).toEqual(config);
  });

  it.each([
    ['{kind: csv, path: a}', 'gaussian', 'both', 'regression'],
    ['{kind: csv, path: a, task: classification}', 'categorical', 'features', 'classification'],
    ['{kind: npy, features: a, targets: b}', 'gaussian', 'both', 'regression'],
    [
      '{kind: npy, features: a, targets: b, task: classification}',
      'categorical',
      'features',
      'classification',
    ],
    ['{kind: idx, dir: a}', 'categorical', 'none', undefined],
    ['{kind: synthetic}', 'gaussian', 'none', undefined],
  ])('%s means %s, standardize %s', (data, likelihood, standardize, task) => {
    const config = parseConfig(`data: ${data}`, 'c.yaml');
    expect(config.likelihood).toEqual(
      likelihood === 'gaussian' ? { kind: 'gaussian', scale: 'learned' } : { kind: likelihood },
    );
    expect(config.data.standardize).toBe(standardize);
    expect('task' in config.data ? config.data.task : undefined).toBe(task);
    expect(config.seed).toBe('varpool');
    expect(config.model).toEqual({ hiddenSizes: [256, 128], activation: 'relu' });
  });

  it.each(['categorical', 'bernoulli'])('a %s likelihood makes a csv a classification', (kind) => {
    const { data } = parseConfig(`${CSV}likelihood: {kind: ${kind}}`, 'c.yaml');
    expect(data).toMatchObject({ task: 'classification', standardize: 'features', target: -1 });
  });

  it('turns initialSigma into the rho it belongs to', () => {
    const { training } = parseConfig(`${CSV}training: {initialSigma: 0.01}`, 'c.yaml');
    expect(training).not.toHaveProperty('initialSigma');
    expect(Math.log1p(Math.exp(training.initialRho))).toBeCloseTo(0.01, 15);
  });

  it('takes an empty list of hidden sizes, JSON with tabs, and integers as seeds', () => {
    const config = parseConfig(
      '{\n\t"seed": -7,\n\t"data": {"kind": "synthetic"},\n\t"model": {"hiddenSizes": []}\n}',
      'c.json',
    );
    expect(config.model).toMatchObject({ hiddenSizes: [] });
    expect(config.seed).toBe(-7);
  });
});

const name = fc.stringMatching(/^[a-z0-9 ._é#:-]{1,12}$/).filter((text) => text.trim() !== '');
const above0 = fc.double({ min: 1e-6, max: 20, noNaN: true });
const count = fc.integer({ min: 1, max: 1e9 });
/** Of what has a largest size. */
const fewer = fc.integer({ min: 1, max: 1e7 });
/** Of what is bounded further: four such layers are a network. */
const few = fc.integer({ min: 1, max: 5_000 });
const split = fc.oneof(
  fc.constant({}),
  fc.record({ testFraction: fc.double({ min: 0.01, max: 0.99, noNaN: true }) }),
  fc.record({ testIndices: name, trainIndices: name }),
);
const dataArbitrary = fc.oneof(
  fc.record({ kind: fc.constant('idx'), dir: name, divisor: above0 }, { requiredKeys: ['kind', 'dir'] }),
  fc.record({ kind: fc.constant('synthetic'), rows: count }, { requiredKeys: ['kind'] }),
  fc
    .tuple(
      fc.record(
        {
          kind: fc.constant('csv'),
          path: fc.oneof(
            name,
            name.map((text) => `/abs/${text}`),
          ),
          target: fc.oneof(name, fc.integer({ min: -9, max: 9 }), fc.record({ file: name })),
          features: fc.oneof(
            fc.record({ file: name }),
            fc.array(fc.oneof(name, fc.nat(9)), { minLength: 1, maxLength: 4 }),
          ),
          header: fc.boolean(),
          delimiter: fc.constantFrom(',', ';', '\t', ' ', 'whitespace'),
        },
        { requiredKeys: ['kind', 'path'] },
      ),
      split,
    )
    .map(([csv, part]) => ({ ...csv, ...part })),
  fc
    .tuple(fc.record({ kind: fc.constant('npy'), features: name, targets: name }), split)
    .map(([npy, part]) => ({ ...npy, ...part })),
);
const inputArbitrary = fc.record(
  {
    data: dataArbitrary,
    seed: fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.maxSafeInteger(),
      fc.constantFrom('1', 'true', '~', '0x1', '1e3'),
    ),
    model: fc.record({
      hiddenSizes: fc.array(few, { maxLength: 4 }),
      activation: fc.constantFrom('relu', 'gelu'),
    }),
    prior: fc.record({ kind: fc.constant('gaussian'), sigma: above0 }),
    training: fc.record(
      {
        epochs: count,
        optimizer: fc.oneof(
          fc.record({ kind: fc.constant('adam'), learningRate: above0 }),
          fc.record({
            kind: fc.constant('sgd'),
            learningRate: above0,
            momentum: fc.double({ min: 0, max: 0.99, noNaN: true }),
          }),
        ),
        schedule: fc.record({
          kind: fc.constant('cosine'),
          finalFraction: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        klWeighting: fc.oneof(
          fc.constantFrom('uniform', 'blundell'),
          fc.record({ kind: fc.constant('warmup'), epochs: count }),
        ),
        initialSigma: above0,
        diagnostics: fc.record({ every: fc.oneof(fc.constant('auto'), fc.constant(0), count) }),
      },
      { requiredKeys: [] },
    ),
    checkpoint: fc.constantFrom(
      {},
      { everySteps: 100 },
      { everyMinutes: 0.5, keep: 1 },
      { everySteps: 7, everyMinutes: 2, keep: 9 },
    ),
    prediction: fc.record({ draws: fewer, quantiles: fc.constantFrom([], [0.5], [0.1, 0.9]) }),
    logging: fc.record({ tensorboard: fc.boolean() }),
  },
  { requiredKeys: ['data'] },
);

describe('what the readers of data are given', () => {
  it('has the paths as written, and nothing that is not theirs', () => {
    const text = `data: {kind: csv, path: a.csv, features: {file: f.txt}, target: {file: t.txt}, testIndices: /i.txt, header: skip}`;
    const config = parseConfig(text, 'exp/c.yaml');
    expect(dataSpec(config)).toEqual({
      kind: 'csv',
      path: 'a.csv',
      features: { file: 'f.txt' },
      target: { file: 't.txt' },
      testIndices: '/i.txt',
      header: 'skip',
    });
    expect(config.data).toMatchObject({
      path: resolve('exp/a.csv'),
      features: { file: resolve('exp/f.txt') },
      testIndices: '/i.txt',
    });
    expect(dataSpec(parseConfig('data: {kind: synthetic}', 'c.yaml'))).toEqual({
      kind: 'synthetic',
      rows: 1024,
      low: 0,
      high: 0.5,
      noise: 0.02,
    });
    expect(dataSpec(parseConfig('data: {kind: idx, dir: d, limit: 5}', 'c.yaml'))).toEqual({
      kind: 'idx',
      dir: 'd',
      divisor: 255,
      limit: 5,
    });
  });
});

describe('round trips', () => {
  it('the config that is written reads back as the same, from any directory', () => {
    fc.assert(
      fc.property(
        inputArbitrary,
        fc.constantFrom('runs/x-1', 'exp', '.', '/elsewhere/deep'),
        (input, target) => {
          const config = parseConfig(JSON.stringify(input), 'exp/config.json');
          const again = parseConfig(formatConfig(config, target), join(target, 'config.yaml'));
          expect({ ...again, writtenPaths: null, directory: null }).toEqual({
            ...config,
            writtenPaths: null,
            directory: null,
          });
          // Absolute paths stay absolute, relative ones relative.
          for (const [key, path] of Object.entries(config.writtenPaths)) {
            expect(again.writtenPaths[key].startsWith('/'), path).toBe(path.startsWith('/'));
          }
          // Once written, writing changes nothing more.
          expect(formatConfig(again)).toBe(formatConfig(config, target));
        },
      ),
    );
  });

  it('is written in the order of the documentation with short lists on one line', () => {
    const text = formatConfig(parseConfig(CONTRACT, 'config.yaml'), 'runs/mnist-1');
    expect(Object.keys(parse(text))).toEqual([
      'seed',
      'data',
      'model',
      'prior',
      'likelihood',
      'training',
      'checkpoint',
      'prediction',
      'logging',
    ]);
    expect(text).toContain('dir: ../../../shared/data/mnist\n');
    expect(text).toContain('hiddenSizes: [400, 400]\n');
  });

  it('reads a file with a byte order mark', () => {
    mkdirSync(join(scratch, 'd'), { recursive: true });
    const path = join(scratch, 'd', 'bom.yaml');
    writeFileSync(path, `\uFEFF${CSV}`);
    expect(readConfig(path).data).toMatchObject({ kind: 'csv', path: join(scratch, 'd', 'a.csv') });
  });
});

describe('the published schema', () => {
  const published = z.fromJSONSchema(JSON.parse(JSON.stringify(configJsonSchema())));

  it('accepts the example of the contract and whatever the reader accepts', () => {
    expect(published.safeParse(parse(CONTRACT)).error).toBeUndefined();
    fc.assert(
      fc.property(inputArbitrary, (input) => published.safeParse(JSON.parse(JSON.stringify(input))).success),
      { numRuns: 50 },
    );
  });

  it.each([
    { data: { kind: 'idx' } },
    { data: { kind: 'synthetic' }, epochs: 3 },
    { data: { kind: 'synthetic' }, training: { batchsiz: 3 } },
    { data: { kind: 'synthetic' }, training: { draws: 0 } },
    { data: { kind: 'synthetic' }, model: { activation: 'tahn' } },
    { data: { kind: 'synthetic' }, seed: true },
  ])('refuses %j', (input) => {
    expect(published.safeParse(input).success).toBe(false);
  });

  it('describes every field', () => {
    const bare: string[] = [];
    const walk = (node: unknown, at: string) => {
      if (typeof node !== 'object' || node === null) return;
      const { properties, ...rest } = node as Record<string, unknown>;
      for (const [key, child] of Object.entries(
        (properties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        if (key !== 'kind' && typeof child.description !== 'string') bare.push(`${at}.${key}`);
        walk(child, `${at}.${key}`);
      }
      for (const child of Object.values(rest).flat()) walk(child, at);
    };
    walk(configJsonSchema(), '');
    expect(bare).toEqual([]);
  });
});

it.each([
  ['mnist.yaml', 'mnist'],
  ['a/b/My config.yml', 'My-config'],
  ['..json', 'run'],
  ['x.json', 'x'],
])('the run of %s is called %s', (file, expected) => {
  expect(runName(file)).toBe(expected);
});

describe('a network said layer by layer', () => {
  const config = (model: string) =>
    parseConfig(`data: { kind: synthetic, rows: 40 }\nmodel: ${model}\n`, 'c.yaml');

  test('comes to a model whose outputs are a dense layer of their own', () => {
    const read = config(
      '{ layers: [{ kind: dense, units: 5, activation: tanh, name: a }, { kind: dense, units: 5, name: b }, { kind: add, inputs: [a, b] }] }',
    );
    expect(prepareRun(read, 'c.yaml').model.layers).toEqual([
      { name: 'a', inputSize: 1, outputSize: 5, activation: 'tanh' },
      { name: 'b', inputSize: 5, outputSize: 5, activation: 'identity' },
      { kind: 'add', name: 'add_2', inputSize: 5, outputSize: 5, activation: 'identity', inputs: [0, 1] },
      { name: 'output', inputSize: 5, outputSize: 1, activation: 'identity' },
    ]);
    const again = parseConfig(formatConfig(read, read.directory), 'd.yaml');
    expect(again.model).toEqual(read.model);
  });

  test.each([
    [
      '{ layers: [{ kind: dense, units: 3 }], hiddenSizes: [4] }',
      /model: expected layers, or hiddenSizes and activation, got layers and hiddenSizes/,
    ],
    ['{ inputShape: [1] }', /model.inputShape: expected layers with it, got none/],
    [
      '{ layers: [{ kind: dense, units: 3 }], inputShape: [2, 2] }',
      /model.inputShape: expected sizes of 1 features in all, got \[2, 2\], which is 4/,
    ],
    [
      '{ layers: [{ kind: dense, units: 3, inputs: [x] }] }',
      /model.layers\[0\]: inputs: expected input or an earlier layer, got x/,
    ],
    ['{ layers: [{ kind: dens, units: 3 }] }', /model.layers\[0\]/],
  ])('%s is refused', (model, message) => {
    expect(() => prepareRun(config(model), 'c.yaml')).toThrow(message);
  });
});
