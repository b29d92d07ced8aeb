// What an epoch is reported to come to is a mean over rows: with batches of unequal size, too, and wherever the training was cut.

import { afterAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { createRuntime } from '../../../src/node.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';

const runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'means', onWarning: () => undefined });
afterAll(() => runtime.close());

const ROWS = 70;
const x = Array.from({ length: ROWS }, (_, i) => [Math.sin(i), Math.cos(3 * i)]);
// Few rows hold most of the loss, so it matters how much each counts.
const y = x.map(([a], i) => [a + (i % 10 === 0 ? 5 : 0)]);
const SCALE = 0.5;
/** Steps that move nothing, of weights that are hardly random: every row has the loss of the same network. */
const options: TrainOptions = {
  epochs: 3,
  likelihood: { kind: 'gaussian', scale: SCALE },
  standardize: 'none',
  optimizer: { kind: 'sgd', learningRate: 1e-30 },
  initialRho: -20,
};
const model = build({ inputSize: 2, hiddenSizes: [4], outputSize: 1 });

describe.each([
  [32, [32, 32, 6]],
  [35, [35, 35]],
  [69, [69, 1]],
  [70, [70]],
])('nll of %i rows at a time', (batchSize, batches) => {
  test(`is the mean over all rows of batches of ${batches.join(', ')}`, async () => {
    const nll: number[] = [];
    const posterior = await runtime.train(
      model,
      { x, y },
      {
        ...options,
        batchSize,
        onReport: ({ nll: value, elbo, kl }) => {
          nll.push(value);
          expect(elbo).toBe(-(value + kl));
        },
      },
    );
    const { mean } = await runtime.predict(posterior, x, { mode: 'mean' });
    const row = (i: number) =>
      ((y[i][0] - mean[i]) / SCALE) ** 2 / 2 + Math.log(SCALE * Math.sqrt(2 * Math.PI));
    const direct = x.reduce((sum, _, i) => sum + row(i), 0) / ROWS;
    expect(nll).toHaveLength(3);
    for (const value of nll) expect(value).toBeCloseTo(direct, 4);
  });
});

test('an epoch that is cut anywhere and resumed comes to the same', async () => {
  const all = {
    ...options,
    epochs: 2,
    batchSize: 32,
    optimizer: { kind: 'adam', learningRate: 0.01 },
  } as const;
  const whole: number[] = [];
  const states: TrainingState[] = [];
  await runtime.train(
    model,
    { x, y },
    {
      ...all,
      onReport: ({ nll }) => void whole.push(nll),
      checkpoint: { everySteps: 1, save: (state: TrainingState) => void states.push(state) },
    },
  );
  expect(states.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  for (const resume of states) {
    const again: number[] = [];
    await runtime.train(model, { x, y }, { ...all, resume, onReport: ({ nll }) => void again.push(nll) });
    expect(again).toEqual(whole.slice(Math.floor(resume.step / 3)));
  }
});
