// Antithetic pairs in training, as every estimator is tested, the noise of every second draw being that of the one before, negated.

import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { build, createRuntime } from '../../../src/index.ts';
import { estimatorSuite } from '../../support/estimatorSuite.ts';
import { layerNoise } from '../../support/trainingHarness.ts';

estimatorSuite(
  'antithetic',
  ({ problem, step }) =>
    ({ layer, draw, x, map, mu, sigma }) => {
      const noise = layerNoise(problem, step, draw - (draw % 2), layer);
      const drawn = (part: 'weight' | 'bias') => {
        const eps = tf.tensor(Float32Array.from(noise[part]), mu[part].shape);
        return tf.add(mu[part], tf.mul(sigma[part], tf.mul(eps, draw % 2 === 0 ? 1 : -1)));
      };
      return map(x, drawn('weight'), drawn('bias'));
    },
  { draws: [2, 4], rhoShift: -3 },
);

test('an odd number of draws is refused', async () => {
  await using runtime = createRuntime({ workers: 1 });
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1 });
  const run = runtime.train(model, { x: [[0], [1]], y: [[0], [1]] }, { estimator: 'antithetic' });
  await expect(run).rejects.toThrow(
    'train: draws: expected an even number for antithetic, whose draws come in pairs, got 1 — take 2',
  );
});
