// A run directory tells how a training ended, whatever ended it; made and held-out rows depend on the seed alone.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Posterior } from '../../../src/core/posterior.ts';
import { npyBytes } from '../../../src/data/formats/npy.ts';
import { readCheckpoint } from '../../../src/experiment/checkpoint/checkpointFile.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { prepareRun, trainingData } from '../../../src/experiment/run/data.ts';
import { createRun, openRun } from '../../../src/experiment/run/directory.ts';
import { trainOptions, trainRun } from '../../../src/experiment/run/train.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-train-'));
let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 1, backend: 'wasm' });
});
afterAll(async () => {
  await runtime.close();
  rmSync(dir, { recursive: true, force: true });
});

function prepared(text: string) {
  return prepareRun(parseConfig(text, join(dir, 'config.yaml')), 'config.yaml');
}

const SMALL = (extra = '') =>
  `seed: s\ndata: { kind: synthetic, rows: 40, testRows: 10, validation: 8${extra} }\nmodel: { hiddenSizes: [4] }\ntraining: { epochs: 250, batchSize: 8 }\nprediction: { draws: 7 }`;

describe('trainRun', () => {
  test('what is on disk is what was returned, and what the library trains from the same config', async () => {
    const run = prepared(SMALL());
    const trained = await trainRun(run, runtime, createRun(join(dir, 'a')));
    const opened = openRun(join(dir, 'a'));
    expect(opened.manifest).toEqual(trained.manifest);
    expect(opened.manifest.status).toBe('finished');
    expect(opened.posterior()).toEqual(trained.posterior);
    expect(opened.manifest.test).toEqual(
      await runtime.evaluate(trained.posterior, trainingData(run.data.test!), { draws: 7 }),
    );
    const epochs = opened.metrics();
    expect(epochs.map((epoch) => epoch.epoch)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    // Every third of 250 epochs is validated, and the last.
    expect(epochs.filter((epoch) => epoch.validation !== undefined)).toHaveLength(84);
    expect(epochs[249].validation).toMatchObject({ rows: 8, draws: 7 });
    expect(epochs[249].elbo).toBeGreaterThan(epochs[0].elbo as number);
    const again = await runtime.train(run.model, trainingData(run.data.train), trainOptions(run));
    expect(again.layers).toEqual((trained.posterior as Posterior).layers);
  });

  test('diagnostics are in the lines of their epochs as they were reported, and nowhere with every: 0', async () => {
    const text = SMALL().replace('epochs: 250', 'epochs: 6, diagnostics: { every: 4 }');
    const trained = await trainRun(prepared(text), runtime, createRun(join(dir, 'd')));
    const epochs = openRun(join(dir, 'd')).metrics();
    expect(epochs.map(({ diagnostics }) => diagnostics !== undefined)).toEqual([
      false,
      false,
      false,
      true,
      false,
      true,
    ]);
    expect(epochs[3].diagnostics).toEqual(trained.reports[3].diagnostics);
    await trainRun(prepared(text.replace('every: 4', 'every: 0')), runtime, createRun(join(dir, 'e')));
    expect(
      openRun(join(dir, 'e'))
        .metrics()
        .some(({ diagnostics }) => diagnostics !== undefined),
    ).toBe(false);
  });

  test('a damaged diagnosis is named by line and place', async () => {
    const path = join(dir, 'd', 'metrics.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[3] = lines[3].replace('"counts":[', '"counts":["x",');
    writeFileSync(path, lines.join('\n'));
    expect(() => openRun(join(dir, 'd')).metrics()).toThrow(
      /metrics\.jsonl: line 4: diagnostics\.all\.snrHistogram\.counts\[0\]: expected a count, got "x"/,
    );
  });

  test('logging.tensorboard leaves one event file, which --force takes away with the rest of the run', async () => {
    const events = () => readdirSync(join(dir, 'f')).filter((name) => name.includes('tfevents'));
    const text = SMALL().replace('250', '3');
    await trainRun(prepared(`${text}\nlogging: { tensorboard: true }`), runtime, createRun(join(dir, 'f')));
    expect(events()).toHaveLength(1);
    expect(readFileSync(join(dir, 'f', events()[0]), 'latin1').split('validation/nll')).toHaveLength(4);
    await trainRun(prepared(text), runtime, createRun(join(dir, 'f'), { force: true }));
    expect(events()).toEqual([]);
  });

  test('manifest and metrics say which epoch was kept and why training ended', async () => {
    const FAST = 'optimizer: { kind: adam, learningRate: 0.05 }';
    const rule = 'earlyStopping: { patience: 9, every: 3 }';
    const run = prepared(SMALL().replace('batchSize: 8', `batchSize: 8, ${rule}, ${FAST}`));
    const trained = await trainRun(run, runtime, createRun(join(dir, 'stopped')));
    const { manifest, metrics } = openRun(join(dir, 'stopped'));
    const epochs = metrics();
    const validated = epochs.flatMap(({ epoch, validation }) =>
      validation ? [{ epoch, nll: validation.nll! }] : [],
    );
    const best = validated.reduce((a, b) => (b.nll < a.nll ? b : a));
    expect(manifest.selection).toEqual({
      epoch: best.epoch,
      metric: 'nll',
      value: best.nll,
      stopped: 'earlyStopping',
    });
    expect(epochs.length).toBeLessThan(250);
    expect(manifest).toMatchObject({ status: 'finished', epochs: epochs.length, steps: 4 * epochs.length });
    expect(epochs.at(-1)).toMatchObject({
      stopped: 'earlyStopping',
      best: { epoch: best.epoch, value: best.nll },
    });
    expect(epochs.filter((epoch) => 'stopped' in epoch)).toHaveLength(1);
    // The same config with that many epochs and nothing to choose.
    const shorter = prepared(
      SMALL().replace('250', `${best.epoch}`).replace('batchSize: 8', `batchSize: 8, ${FAST}`),
    );
    const alone = await runtime.train(run.model, trainingData(run.data.train), trainOptions(shorter));
    expect(alone.layers).toEqual((trained.posterior as Posterior).layers);
    expect(openRun(join(dir, 'a')).manifest.selection).toEqual({
      epoch: 250,
      metric: null,
      value: null,
      stopped: 'epochs',
    });
  });

  test('an abort leaves `interrupted` with the epochs until then', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const options = {
      signal: controller.signal,
      onEpoch: ({ epoch }: { epoch: number }) => epoch === 2 && controller.abort(reason),
    };
    const run = prepared(SMALL().replace('250', '1000000'));
    await expect(trainRun(run, runtime, createRun(join(dir, 'b')), options as never)).rejects.toBe(reason);
    const { manifest, metrics } = openRun(join(dir, 'b'));
    expect(manifest).toMatchObject({ status: 'interrupted', posteriorDigest: null });
    expect(manifest.epochs).toBeGreaterThanOrEqual(2);
    expect(metrics()).toHaveLength(manifest.epochs);
    // The state that was saved may be some steps past the last epoch.
    expect(manifest.steps).toBe(readCheckpoint(join(dir, 'b', 'checkpoint.safetensors')).state.step);
    expect(Math.floor(manifest.steps / 4)).toBe(manifest.epochs);
  });

  test('an error while measuring leaves `failed`, with the posterior there to be used', async () => {
    const measure = () => Promise.reject(new Error('no'));
    await expect(
      trainRun(prepared(SMALL()), runtime, createRun(join(dir, 'c')), { measure }),
    ).rejects.toThrow('no');
    const opened = openRun(join(dir, 'c'));
    expect(opened.manifest).toMatchObject({ status: 'failed', epochs: 250, test: null });
    expect(opened.manifest.posteriorDigest).toMatch(/^[0-9a-f]{64}$/);
    expect((opened.posterior() as Posterior).layers).toHaveLength(2);
  });
});

describe('prepareRun', () => {
  test('made rows: test rows are fresh, a longer table extends a shorter one, another seed gives another', () => {
    const features = (text: string) => {
      const { train, test: held } = prepared(text).data;
      return { train: [...train.features.data], test: [...(held?.features.data ?? [])] };
    };
    const plain = (rows: number, seed = '') =>
      `data: { kind: synthetic, rows: ${rows}, testRows: 10${seed} }\ntraining: { batchSize: 8 }`;
    const short = features(plain(40));
    expect(features(plain(50)).train.slice(0, 40)).toEqual(short.train);
    expect(short.test.filter((x) => short.train.includes(x))).toEqual([]);
    expect(features(plain(40, ', seed: other')).train).not.toEqual(short.train);
    expect(short.train.every((x) => x >= 0 && x <= 0.5)).toBe(true);
  });

  test('validation rows are taken out of training rows, the same ones for the same seed', () => {
    const all = prepared(SMALL().replace(', validation: 8', '')).data.train.features.data;
    const one = prepared(SMALL()).data;
    const two = prepared(SMALL()).data;
    expect(one.validation?.features).toEqual(two.validation?.features);
    expect(one.train.features.rows).toBe(32);
    expect([...one.train.features.data, ...one.validation!.features.data].sort()).toEqual([...all].sort());
    const other = prepared(SMALL(', seed: s').replace('seed: s\n', 'seed: t\n')).data;
    expect(other.validation?.features).not.toEqual(one.validation?.features);
  });

  test('a fixed noise scale cannot be meant for several standardized targets', () => {
    const text = `data: { kind: npy, features: x.npy, targets: y.npy, standardize: both }\nlikelihood: { kind: gaussian, scale: 0.1 }\ntraining: { batchSize: 2 }`;
    writeNpyPair();
    expect(() => prepared(text)).toThrow(
      /^config\.yaml: likelihood\.scale: expected learned for 2 standardized targets/,
    );
    expect(prepared(text.replace('both', 'features')).model.outputSize).toBe(2);
  });
});

function writeNpyPair(): void {
  writeFileSync(join(dir, 'x.npy'), npyBytes(Float32Array.from([1, 2, 3, 4]), [4, 1]));
  writeFileSync(join(dir, 'y.npy'), npyBytes(Float32Array.from([1, 2, 3, 4, 5, 6, 7, 9]), [4, 2]));
}

describe('weights of rows and classes', () => {
  const rows = Array.from({ length: 40 }, (_, r) => `${r % 7},${1 + (r % 3)},${r % 4 === 0 ? 'yes' : 'no'}`);
  writeFileSync(join(dir, 'weighed.csv'), `a,w,y\n${rows.join('\n')}\n`);
  const text = (classWeights = '{ yes: 3 }') =>
    `seed: s\ndata: { kind: csv, path: weighed.csv, target: y, weights: w, task: classification, testFraction: 0.2 }
model: { hiddenSizes: [4] }\ntraining: { epochs: 3, batchSize: 8, classWeights: ${classWeights} }\nprediction: { draws: 5 }`;

  test('are those of the library, and stand in config.yaml, from which the run is repeated', async () => {
    const run = prepared(text());
    const trained = await trainRun(run, runtime, createRun(join(dir, 'weighed')));
    const written = openRun(join(dir, 'weighed')).config;
    expect(written.data).toMatchObject({ weights: 'w' });
    expect(written.training).toMatchObject({ classWeights: { yes: 3 } });
    const again = prepareRun(written, 'config.yaml');
    const { weights } = again.data.train;
    expect(weights).toHaveLength(32);
    const { classWeights, ...options } = trainOptions(again);
    expect(classWeights).toEqual({ yes: 3 });
    const { x, y } = trainingData(again.data.train);
    const labels = y as Int32Array;
    const { classNames } = again.data.train.targets as { classNames: readonly string[] };
    const own = Array.from(weights!, (weight, r) => weight * (classNames[labels[r]] === 'yes' ? 3 : 1));
    const fitted = await runtime.train(again.model, { x, y, weights: own }, options);
    expect(fitted.layers).toEqual((trained.posterior as Posterior).layers);
  });

  test.each([
    [
      '{ yse: 3 }',
      'config.yaml: training.classWeights: expected classes no or yes, got "yse" — did you mean yes?',
    ],
    [
      'all',
      'training.classWeights: expected balanced, or a map of classes to weights of at least 0, got "all"',
    ],
    ['{ yes: -1 }', 'training.classWeights'],
  ])('%s is refused', (classWeights, message) => {
    expect(() => prepared(text(classWeights))).toThrow(message);
  });
});
