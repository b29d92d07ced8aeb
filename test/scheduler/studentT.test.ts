// Student-t noise from training to prediction: a line found among outliers, and all that holds for every likelihood (equal bits, states,
// files, ensembles) for this one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TrainingState } from '../../src/core/training/trainingState.ts';
import {
  build,
  createRuntime,
  load,
  openSession,
  type Posterior,
  posteriorDigest,
  save,
  type TrainOptions,
} from '../../src/index.ts';
import { studentTCdf } from '../../src/math/studentT.ts';
import { nodeBackends } from '../../src/platform/node/backends.ts';
import { smallProblem, teamProblem } from '../support/problems.ts';
import { testNormals } from '../support/trainingHarness.ts';

const quiet = { seed: 'studentT', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet });
const dir = mkdtempSync(join(tmpdir(), 'varpool-student-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  return Promise.all([one.close(), three.close()]);
});

describe('a line with one row in six far off, all on one side', () => {
  const N = 96;
  const x = Array.from({ length: N }, (_, i) => (4 * i) / (N - 1) - 2);
  const noise = testNormals(N, 7);
  const wild = (i: number) => i > N / 2 && i % 3 === 0;
  const y = x.map((at, i) => 3 * at - 1 + 0.2 * noise[i] + (wild(i) ? 30 + 5 * noise[N - 1 - i] : 0));
  const data = { x: x.map((v) => [v]), y };
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1, priorSigma: 10 });
  const options: TrainOptions = {
    epochs: 1500,
    batchSize: N,
    draws: 4,
    optimizer: { kind: 'adam', learningRate: 0.02 },
    schedule: { kind: 'cosine' },
  };
  const line = async (posterior: Posterior) => {
    const { mean } = await one.predict(posterior, [[0], [1]], { mode: 'mean' });
    return { intercept: mean[0], slope: mean[1] - mean[0] };
  };

  test('is found with Student-t noise and lost with gaussian noise', async () => {
    const robust = await one.train(model, data, { ...options, likelihood: { kind: 'studentT', df: 1.5 } });
    const found = await line(robust);
    // The standard error of slope and intercept among the 80 good rows is some 0.02; outliers of finite weight add as much again.
    expect(Math.abs(found.slope - 3)).toBeLessThan(0.1);
    expect(Math.abs(found.intercept + 1)).toBeLessThan(0.1);

    const gaussian = await line(await one.train(model, data, { ...options, likelihood: 'gaussian' }));
    expect(gaussian.slope).toBeGreaterThan(6);
    expect(gaussian.intercept).toBeGreaterThan(2);

    // Intervals of the good rows are narrow, the scale is that of their noise, and the far rows were seen coming at all.
    const evaluation = await one.evaluate(robust, { x: data.x, y: data.y }, { draws: 50 });
    const other = await one.evaluate(await one.train(model, data, options), data, { draws: 50 });
    expect(evaluation.nll).toBeLessThan(other.nll - 1);
    const scale = (robust.noiseScale as Float32Array)[0] * (robust.standardization.targets?.scale[0] ?? 1);
    expect(scale).toBeGreaterThan(0.1);
    expect(scale).toBeLessThan(0.4);
  });

  test('predictions state the noise: quantiles of the t, an infinite variance where it is, the scale per draw', async () => {
    const likelihood = { kind: 'studentT', df: 1.5, scale: 0.25 } as const;
    const posterior = await one.train(model, data, { ...options, epochs: 20, likelihood });
    const at = [[-1], [0.5]];
    const levels = [0.05, 0.5, 0.9];
    const prediction = await one.predict(posterior, at, { draws: 30, quantiles: levels });
    const values: number[][] = [[], []];
    for await (const draw of one.draws(posterior, at, { draws: 30 })) {
      expect((draw.noiseScale as Float64Array)[0]).toBeCloseTo(0.25, 6);
      for (const r of [0, 1]) values[r].push(draw.values[r]);
    }
    for (const { level, values: quantiles } of prediction.quantiles ?? []) {
      for (const r of [0, 1]) {
        const cdf = values[r].reduce((sum, v) => sum + studentTCdf((quantiles[r] - v) / 0.25, 1.5), 0) / 30;
        expect(cdf).toBeCloseTo(level, 6);
      }
    }
    expect(prediction.quantiles).toHaveLength(3);
    for (const r of [0, 1]) {
      expect(prediction.aleatoric[r]).toBe(Infinity);
      expect(prediction.variance[r]).toBe(Infinity);
      expect(prediction.epistemic[r]).toBeGreaterThan(0);
      expect(prediction.epistemic[r]).toBeLessThan(Infinity);
    }
    const finite = await one.train(model, data, {
      ...options,
      epochs: 20,
      likelihood: { ...likelihood, df: 3 },
    });
    const { aleatoric } = await one.predict(finite, at, { draws: 5 });
    for (const value of aleatoric) expect(value).toBeCloseTo(0.25 * 0.25 * 3, 5);
  });
});

/** Of values instead of classes, so large that three workers share a step. */
function large() {
  const { model, data, options } = teamProblem(2);
  const { y } = smallProblem('gaussian', 3).data;
  const targets = Array.from({ length: 100 }, (_, i) =>
    [0, 1, 2].map((k) => (y as { data: Float32Array }).data[(3 * i + k) % 270]),
  );
  return { model, data: { x: data.x, y: targets }, options: { ...options, likelihood: 'studentT' as const } };
}

test('1, 2 and 3 workers and every backend give one digest', async () => {
  const { model, data, options } = large();
  const run = three.train(model, data, options);
  const { posterior, team } = await run.result;
  expect(team).toBe(3);
  const digest = posteriorDigest(posterior);
  expect(posteriorDigest(await one.train(model, data, options))).toBe(digest);
  const others = nodeBackends.names.filter((name) => {
    const { reproducible, available } = nodeBackends.named(name);
    return name !== 'wasm' && reproducible && available().ok;
  });
  expect(others).toContain('reference');
  const short = { ...options, epochs: 1, batchSize: 16 };
  const x = { data: (data.x as { data: Float32Array }).data.subarray(0, 9 * 20), shape: [20, 9] };
  const few = { x, y: data.y.slice(0, 20) };
  const want = posteriorDigest(await one.train(model, few, short));
  for (const backend of others) {
    await using other = createRuntime({ ...quiet, workers: 2, backend });
    expect(posteriorDigest(await other.train(model, few, short)), backend).toBe(want);
  }
});

const { model, data, options } = smallProblem('studentT', 2);

test('a state of any step resumes to the same bits; a saved posterior predicts the same numbers', async () => {
  const states: TrainingState[] = [];
  const checkpoint = { everySteps: 5, save: (state: TrainingState) => void states.push(state) };
  const likelihood = { kind: 'studentT', df: 3 } as const;
  const posterior = await one.train(model, data, { ...options, likelihood, checkpoint });
  expect(posterior.likelihood).toEqual({ kind: 'studentT', df: 3, scale: 'learned' });
  expect(states.length).toBeGreaterThan(3);
  for (const resume of states)
    expect(posteriorDigest(await three.train(model, data, { ...options, likelihood, resume }))).toBe(
      posteriorDigest(posterior),
    );
  const other = three.train(model, data, {
    ...options,
    likelihood: { kind: 'studentT', df: 4 },
    resume: states[0],
  });
  await expect(Promise.resolve(other)).rejects.toThrow(/likelihood/);

  const path = join(dir, 'one.safetensors');
  await save(path, posterior);
  const loaded = await load(path);
  expect(loaded.likelihood).toEqual(posterior.likelihood);
  const asked = { draws: 20, quantiles: [0.1, 0.9] };
  const want = await one.predict(posterior, data.x, asked);
  expect(await three.predict(loaded, data.x, asked)).toEqual(want);
  await using session = await openSession(loaded, { backend: 'wasm' });
  expect(await session.predict(data.x, asked)).toEqual(want);
});

test('members of an ensemble are those trained alone, and mix', async () => {
  const ensemble = await three.trainEnsemble(model, data, { ...options, members: 3 });
  expect(new Set(ensemble.members.map(posteriorDigest)).size).toBe(3);
  const path = join(dir, 'three.safetensors');
  await save(path, ensemble);
  const loaded = await load(path);
  const asked = { draws: 12, quantiles: [0.05, 0.95] };
  const prediction = await one.predict(ensemble, data.x, asked);
  expect(await three.predict(loaded, data.x, asked)).toEqual(prediction);
  const scales = ensemble.members.map(
    (m) => (m.noiseScale as Float32Array)[0] * (m.standardization.targets?.scale[0] ?? 1),
  );
  const expected = scales.reduce((sum, s) => sum + 2 * s * s, 0) / 3; // df 4: variance 2·scale²
  expect(prediction.aleatoric[0] / expected).toBeCloseTo(1, 5);
  const evaluation = await one.evaluate(ensemble, data, { draws: 60 });
  expect(evaluation.nll).toBeLessThan(Infinity);
  const ofAll = Object.keys(evaluation).filter((name) => !name.startsWith('output'));
  expect(ofAll.sort()).toEqual(
    ['coverage90', 'draws', 'mae', 'nll', 'nllMonteCarloError', 'rmse', 'rows'].sort(),
  );
});

test('options are checked: df within its bounds, names with the nearest', async () => {
  const train = (likelihood: unknown) =>
    Promise.resolve(one.train(model, data, { ...options, likelihood } as TrainOptions));
  const attempt = async (likelihood: unknown) => train(likelihood);
  await expect(attempt({ kind: 'studentT', df: 0 })).rejects.toThrow(
    /likelihood\.df: expected a number from 0\.1 to 1000, got 0/,
  );
  await expect(attempt({ kind: 'studentT', dof: 3 })).rejects.toThrow(/did you mean df\?/);
  await expect(attempt('studentt')).rejects.toThrow(/did you mean studentT\?/);
});
