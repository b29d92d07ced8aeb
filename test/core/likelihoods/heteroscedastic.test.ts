// Noise that depends on the features, from training to prediction: a known noise is found again, and draws, quantiles, scores, files,
// sessions and ensembles have a scale for each row.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import {
  build,
  createRuntime,
  ensembleOf,
  load,
  openSession,
  type Posterior,
  type Prediction,
  posteriorDigest,
  save,
  type TrainOptions,
  toRows,
} from '../../../src/index.ts';
import { normalCdf } from '../../../src/math/float64.ts';
import { nodeBackends } from '../../../src/platform/node/backends.ts';
import { outputKinds } from '../../../src/serve/models/outputs.ts';
import { smallProblem } from '../../support/problems.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const quiet = { seed: 'heteroscedastic', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet });
const dir = mkdtempSync(join(tmpdir(), 'varpool-heteroscedastic-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  return Promise.all([one.close(), three.close()]);
});

/** Far from standardized: mean 700 + 40x, noise from 7 on the left to 54 on the right. */
const meanOf = (x: number) => 700 + 40 * x;
const sdOf = (x: number) => 20 * Math.exp(0.5 * x);

function rowsOf(N: number, which: number) {
  const noise = testNormals(N, which);
  const x = Array.from({ length: N }, (_, i) => (4 * i) / (N - 1) - 2);
  return { x: x.map((v) => [v]), y: x.map((v, i) => meanOf(v) + sdOf(v) * noise[i]) };
}

describe('noise that grows along x', () => {
  const train = rowsOf(600, 31);
  const test_ = rowsOf(1000, 32);
  const options: TrainOptions = {
    epochs: 250,
    batchSize: 100,
    optimizer: { kind: 'adam', learningRate: 0.01 },
    schedule: { kind: 'cosine' },
  };
  const network = (outputSize: number) =>
    build({ inputSize: 1, hiddenSizes: [16], outputSize, activation: 'tanh' });
  let posterior: Posterior;
  let constant: Posterior;
  beforeAll(async () => {
    const likelihood = 'heteroscedastic';
    posterior = await three.train(network(2), train, { ...options, likelihood });
    constant = await three.train(network(1), train, { ...options, likelihood: 'gaussian' });
  }, 120_000);

  test('is found in the units of the data', async () => {
    const grid = [-1.5, -1, 0, 1, 1.5];
    const { mean, aleatoric, outputs } = await one.predict(
      posterior,
      grid.map((x) => [x]),
    );
    expect(outputs).toBe(1);
    for (const [i, x] of grid.entries()) {
      // The standard error of a standard deviation that some 60 rows decide is 9 %, that of the mean an eighth of the noise.
      expect(Math.abs(Math.sqrt(aleatoric[i]) / sdOf(x) - 1), `noise at ${x}`).toBeLessThan(0.35);
      expect(Math.abs(mean[i] - meanOf(x)) / sdOf(x), `mean at ${x}`).toBeLessThan(0.6);
    }
  });

  test('scores test rows near the truth, far below a constant noise, and covers both halves', async () => {
    const truth =
      test_.x.reduce((sum, [x], i) => {
        const z = (test_.y[i] - meanOf(x)) / sdOf(x);
        return sum + 0.5 * z * z + Math.log(sdOf(x)) + 0.5 * Math.log(2 * Math.PI);
      }, 0) / test_.y.length;
    const { nll } = await one.evaluate(posterior, test_);
    const other = await one.evaluate(constant, test_);
    expect(Math.abs(nll - truth)).toBeLessThan(0.06);
    expect(other.nll - nll).toBeGreaterThan(0.25);
    const halves = [0, 500].map((from) => ({
      x: test_.x.slice(from, from + 500),
      y: test_.y.slice(from, from + 500),
    }));
    for (const half of halves) {
      // The binomial error of the share of 500 rows is 1.3 points.
      const { coverage90 } = await one.evaluate(posterior, half);
      expect(Math.abs((coverage90 as number) - 0.9)).toBeLessThan(0.06);
    }
    // What a constant noise gets wrong: too wide on the left.
    const { coverage90 } = await one.evaluate(constant, halves[0]);
    expect(coverage90).toBeGreaterThan(0.97);
  });
});

/** All draws of a prediction, and its rows. */
async function drawsOf(posterior: Parameters<typeof one.draws>[0], x: Parameters<typeof one.draws>[1]) {
  const draws: { values: Float64Array; noiseScale: Float64Array }[] = [];
  for await (const { values, noiseScale } of one.draws(posterior, x, { draws: 24 }))
    draws.push({ values, noiseScale: noiseScale as Float64Array });
  return draws;
}

/** Holds a prediction to the law of total variance and the mixture of its draws, and an evaluation to its density. */
async function expectMixture(posterior: Parameters<typeof one.draws>[0], prediction: Prediction) {
  const draws = await drawsOf(posterior, data.x);
  const S = draws.length;
  const mean = (of: (draw: (typeof draws)[0]) => number) => draws.reduce((sum, d) => sum + of(d), 0) / S;
  for (let i = 0; i < prediction.mean.length; i++) {
    const m = mean(({ values }) => values[i]);
    expect(prediction.mean[i] / m).toBeCloseTo(1, 6);
    expect(prediction.epistemic[i] / mean(({ values }) => (values[i] - m) ** 2)).toBeCloseTo(1, 3);
    expect(prediction.aleatoric[i] / mean(({ noiseScale }) => noiseScale[i] ** 2)).toBeCloseTo(1, 5);
    for (const { level, values: q } of prediction.quantiles ?? []) {
      const cdf = mean(({ values, noiseScale }) => normalCdf((q[i] - values[i]) / noiseScale[i]));
      expect(cdf).toBeCloseTo(level, 7);
    }
  }
  const y = (data.y as { data: Float32Array }).data;
  const rows = prediction.rows;
  let nll = 0;
  let inside = 0;
  for (let r = 0; r < rows; r++) {
    const density = mean(({ values, noiseScale }) => {
      let product = 1;
      for (let i = 2 * r; i < 2 * r + 2; i++)
        product *=
          Math.exp(-0.5 * ((y[i] - values[i]) / noiseScale[i]) ** 2) /
          (noiseScale[i] * Math.sqrt(2 * Math.PI));
      return product;
    });
    nll -= Math.log(density) / rows;
    for (let i = 2 * r; i < 2 * r + 2; i++) {
      const pit = mean(({ values, noiseScale }) => normalCdf((y[i] - values[i]) / noiseScale[i]));
      if (pit >= 0.05 && pit <= 0.95) inside++;
    }
  }
  let first = 0;
  for (let i = 0; i < 2 * rows; i += 2)
    first -=
      Math.log(
        mean(
          ({ values, noiseScale }) =>
            Math.exp(-0.5 * ((y[i] - values[i]) / noiseScale[i]) ** 2) /
            (noiseScale[i] * Math.sqrt(2 * Math.PI)),
        ),
      ) / rows;
  const evaluation = await one.evaluate(posterior, data, { draws: 24 });
  const targets = Object.entries(evaluation).filter(([name]) => name.endsWith('.nll'));
  expect(targets).toHaveLength(2);
  expect(targets[0][1]).toBeCloseTo(first, 6);
  expect(evaluation.nll).toBeCloseTo(nll, 6);
  expect(evaluation.coverage90).toBeCloseTo(inside / (2 * rows), 12);
}

const { model, data, options } = smallProblem('heteroscedastic', 2);
const asked = { draws: 24, quantiles: [0.05, 0.5, 0.9] };

describe('two targets', () => {
  let posterior: Posterior;
  const states: TrainingState[] = [];
  beforeAll(async () => {
    const checkpoint = { everySteps: 9, save: (state: TrainingState) => void states.push(state) };
    posterior = await one.train(model, data, { ...options, checkpoint });
  });

  test('every prediction is the mixture of its draws, each with its own scale in each row', async () => {
    expect(model.outputSize).toBe(4);
    expect(posterior.noiseScale).toBeNull();
    const prediction = await one.predict(posterior, data.x, asked);
    expect(prediction.outputs).toBe(2);
    await expectMixture(posterior, prediction);
    const [row] = toRows(prediction, posterior);
    expect(Object.keys(row)).toContain('output1.aleatoricSd');
    expect(Object.keys(row)).not.toContain('output2.mean');
    const shapes = new Map(outputKinds(posterior).map(({ name, shape }) => [name, shape]));
    expect(shapes.get('aleatoric')).toEqual([2]);
    expect(shapes.get('quantiles')).toEqual([2, -1]);
  });

  test('modes mean and marginal have the scales of rows too', async () => {
    const drawn = await one.predict(posterior, data.x, { draws: 400 });
    const atMean = await one.predict(posterior, data.x, { mode: 'mean' });
    const marginal = await one.predict(posterior, data.x, { draws: 400, mode: 'marginal' });
    expect(new Set(atMean.aleatoric).size).toBeGreaterThan(100);
    for (let i = 0; i < drawn.mean.length; i += 7) {
      expect(atMean.epistemic[i]).toBe(0);
      expect(Math.abs(marginal.aleatoric[i] / drawn.aleatoric[i] - 1)).toBeLessThan(0.1);
      expect(Math.abs(atMean.aleatoric[i] / drawn.aleatoric[i] - 1)).toBeLessThan(0.5);
    }
  });

  test('a state of any step resumes to the same bits, on any number of workers and backend', async () => {
    const digest = posteriorDigest(posterior);
    expect(states.length).toBeGreaterThan(3);
    for (const resume of states)
      expect(posteriorDigest(await three.train(model, data, { ...options, resume }))).toBe(digest);
    const short = { ...options, epochs: 1 };
    const want = await one.train(model, data, short);
    const others = nodeBackends.names.filter((name) => {
      const { reproducible, available } = nodeBackends.named(name);
      return name !== 'wasm' && reproducible && available().ok;
    });
    expect(others).toContain('reference');
    for (const backend of others) {
      await using other = createRuntime({ ...quiet, workers: 2, backend });
      const got = await other.train(model, data, short);
      expect(posteriorDigest(got), backend).toBe(posteriorDigest(want));
      expect(await other.predict(got, data.x, asked), backend).toEqual(
        await one.predict(want, data.x, asked),
      );
    }
  });

  test('a file and a session predict the same bits; members mix with their own scales', async () => {
    const path = join(dir, 'one.safetensors');
    await save(path, posterior);
    const loaded = await load(path);
    expect(loaded.likelihood).toEqual({ kind: 'heteroscedastic' });
    const want = await one.predict(posterior, data.x, asked);
    expect(await three.predict(loaded, data.x, asked)).toEqual(want);
    await using session = await openSession(loaded, { backend: 'wasm' });
    expect(await session.predict(data.x, asked)).toEqual(want);

    const second = await one.train(model, data, { ...options, epochs: 6, seed: 'second' });
    const ensemble = ensembleOf([posterior, second]);
    await expectMixture(ensemble, await one.predict(ensemble, data.x, asked));
  });

  test('a posterior whose outputs are no pairs is refused', async () => {
    const odd = { ...posterior, model: { ...build({ inputSize: 4, hiddenSizes: [], outputSize: 3 }) } };
    await expect((async () => one.predict(odd, data.x))()).rejects.toThrow(
      'predict: model.outputSize: expected 2 outputs per target for heteroscedastic, got 3 in all',
    );
  });
});

test('far from the data the scale is as small or large as softplus makes it, and never 0', async () => {
  const { model, data, options } = smallProblem('heteroscedastic', 1);
  const posterior = await one.train(model, data, { ...options, epochs: 2 });
  // The bias of the scale's output, as low as no training brings it.
  const last = posterior.layers[2];
  const bias = { ...last.bias, mu: Float32Array.of(0, -1000) };
  const silent = { ...posterior, layers: [...posterior.layers.slice(0, 2), { ...last, bias }] };
  const { aleatoric, quantiles } = await one.predict(silent, data.x, asked);
  const unit = posterior.standardization.targets?.scale[0] as number;
  for (const value of aleatoric) expect(Math.sqrt(value) / unit / 2 ** -20).toBeCloseTo(1, 6);
  for (const { values } of quantiles ?? []) expect(values.every(Number.isFinite)).toBe(true);
  expect(Number.isFinite((await one.evaluate(silent, data)).nll)).toBe(true);
});

test('the baseline is that of one mean and scale for all rows', () => {
  const y = Float32Array.of(-1, 10, 0.5, 20, 2, 0, 4, -4);
  const of = (kind: 'heteroscedastic' | 'gaussian') =>
    createLikelihood(kind === 'gaussian' ? { kind, scale: 'learned' } : { kind }).baselineNll(y, 2);
  expect(of('heteroscedastic')).toBe(of('gaussian'));
});

test('a model with one output per target is refused in one line', async () => {
  const wrong = build({ inputSize: 1, hiddenSizes: [4], outputSize: 1 });
  const attempt = async () => one.train(wrong, rowsOf(20, 1), { likelihood: 'heteroscedastic' });
  await expect(attempt()).rejects.toThrow(
    'train: outputSize: expected 2 outputs per target for heteroscedastic, got 1 in all — build the model with 2 times as many outputs as targets',
  );
});
