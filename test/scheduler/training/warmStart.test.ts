// A training that starts from an earlier posterior: where it starts, that it reaches the same bits everywhere, and what it refuses.

import { afterAll, describe, expect, test } from 'vitest';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { build, createRuntime, ensembleOf, posteriorDigest } from '../../../src/index.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import { smallProblem, teamProblem } from '../../support/problems.ts';

const quiet = { seed: 'warm', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet });
afterAll(() => Promise.all([one.close(), three.close()]));

const { model, data, options } = smallProblem('gaussian', 2);
const still = {
  ...options,
  epochs: 1,
  optimizer: { kind: 'sgd', learningRate: 1e-30 },
} satisfies TrainOptions;
const earlier = await one.train(model, data, options);

test('starts at its parameters, its noise and its standardization', async () => {
  // Rows of another location: a standardization learned anew would be another.
  const x = {
    data: Float32Array.from((data.x as { data: ArrayLike<number> }).data, (v) => v + 3),
    shape: [90, 4],
  };
  const again = await one.train(model, { ...data, x }, { ...still, initial: earlier });
  expect(again.layers).toEqual(earlier.layers);
  expect(again.standardization).toEqual(earlier.standardization);
  for (const [k, scale] of again.noiseScale!.entries()) expect(scale).toBeCloseTo(earlier.noiseScale![k], 6);
});

test('its first epoch fits better than that of a training from random weights', async () => {
  const first = async (more: TrainOptions) => {
    for await (const { nll } of one.train(model, data, { ...options, ...more })) return nll;
    return Number.NaN;
  };
  expect(await first({ initial: earlier })).toBeLessThan((await first({})) - 0.5);
});

test('1 and 3 workers, and a resumed training, give one digest; a state of another start is refused', async () => {
  const problem = teamProblem(1);
  const initial = await one.train(problem.model, problem.data, { ...problem.options, epochs: 1 });
  const states: TrainingState[] = [];
  const checkpoint = { everySteps: 2, save: (state: TrainingState) => void states.push(state) };
  const warm = { ...problem.options, initial };
  const whole = posteriorDigest(await one.train(problem.model, problem.data, { ...warm, checkpoint }));
  expect(posteriorDigest(await three.train(problem.model, problem.data, warm))).toBe(whole);
  const resume = states[0];
  expect(posteriorDigest(await three.train(problem.model, problem.data, { ...warm, resume }))).toBe(whole);
  await expect(one.train(problem.model, problem.data, { ...problem.options, resume })).rejects.toThrow(
    /data/,
  );
});

describe('refuses', () => {
  const wide = build({ inputSize: 4, hiddenSizes: [21, 17], outputSize: 2, activation: 'tanh' });
  test.each<[string, () => Promise<unknown>]>([
    ['train: initial: expected a network of', () => one.train(wide, data, { ...options, initial: earlier })],
    [
      'train: initial: expected the likelihood studentT, got "gaussian"',
      () => one.train(model, data, { ...options, likelihood: 'studentT', initial: earlier }),
    ],
    [
      'train: initial: expected a posterior with mu, got one with mu and rho',
      () => one.train(model, data, { ...options, posterior: 'point', initial: earlier }),
    ],
    [
      'train: initial: expected one posterior, got an ensemble — pass one of its members',
      () => one.train(model, data, { ...options, initial: ensembleOf([earlier, earlier]) as never }),
    ],
    [
      'train: initial: expected no standardize beside it, got none',
      () => one.train(model, data, { ...options, standardize: 'none', initial: earlier }),
    ],
    [
      'train: initial: expected a posterior, got 3',
      () => one.train(model, data, { ...options, initial: 3 as never }),
    ],
  ])('%s', async (message, run) => {
    await expect(run()).rejects.toThrow(message);
  });
});
