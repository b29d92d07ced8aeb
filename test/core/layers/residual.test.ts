// A network with connections past layers: gradients against autodiff, and the same bits however its units are shared out.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { wasmFactory } from '../../../src/backend/wasm.ts';
import type { LayerSpec, Model } from '../../../src/core/model.ts';
import type { TrainingProblem } from '../../../src/core/problem.ts';
import { autodiffStep } from '../../support/networkAutodiff.ts';
import {
  layerNoise,
  randomParameters,
  TrainingHarness,
  testNormals,
  twinBatch,
} from '../../support/trainingHarness.ts';

const dense = (
  inputSize: number,
  outputSize: number,
  activation: LayerSpec['activation'],
  more: Partial<LayerSpec> = {},
) => ({ kind: 'dense', name: 'dense', inputSize, outputSize, activation, ...more }) as LayerSpec;

/** x → 0 → 1 → (0 + 1 + x·W) → out, where the features are read twice and layer 0 three times. */
const model: Model = {
  inputSize: 5,
  outputSize: 2,
  prior: { kind: 'gaussian', sigma: 0.8 },
  layers: [
    dense(5, 19, 'tanh'),
    dense(19, 19, 'silu'),
    dense(5, 19, 'identity', { inputs: [-1] }),
    { kind: 'add', name: 'sum', inputSize: 19, outputSize: 19, activation: 'relu', inputs: [0, 1, 2, 0] },
    dense(19, 2, 'identity'),
  ],
};

const problem: TrainingProblem = {
  model,
  likelihood: { kind: 'gaussian', scale: 0.7 },
  rowCount: 50,
  batchSize: 21,
  draws: 2,
  epochs: 2,
  optimizer: { kind: 'sgd', learningRate: 0.25, momentum: 0 },
  schedule: { kind: 'constant' },
  klWeighting: 'uniform',
  seed: 'residual',
};

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

test.each([0, 2])('gradients of step %i equal those of autodiff', (step) => {
  const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];
  const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
  const layers = randomParameters(harness);
  harness.run(step, step + 1);
  const noise = [0, 1].map((s) => model.layers.map((_, l) => layerNoise(problem, step, s, l)));
  const batch = twinBatch(problem, x, y, step);
  const want = autodiffStep({ model, batch, noise, scale: 0.7, klScale: 1 / 50 }, layers);
  const [mMu, mRho] = harness.memory.moments;
  for (const [l, { mu, rho }] of want.entries()) {
    for (const part of ['weight', 'bias'] as const) {
      for (const [buffer, wanted] of [
        [mMu, mu[part]],
        [mRho, rho[part]],
      ] as const) {
        const got = harness.get(buffer, l)[part];
        const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
        // float32 on both sides: some fifty roundings of relative 2^-24 each.
        got.forEach((value, i) => {
          expect(Math.abs(value - wanted[i]) / size, `layers.${l}.${part}[${i}]`).toBeLessThan(2e-5);
        });
        if (model.layers[l].kind === 'add') expect(got).toHaveLength(0);
        else expect(wanted.some((value) => Math.abs(value) > 1e-3)).toBe(true);
      }
    }
  }
});

test('units shared out among several give the bits of one', () => {
  const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];
  const deltas = [1, 2, 3].map((parts) => {
    const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
    randomParameters(harness);
    const { step } = harness;
    harness.run(0, 1);
    step.sample(1, 0, harness.memory.layout.blocks.length);
    step.gather(1, 0, step.panels(1));
    for (let stage = 0; stage < step.passStages; stage++)
      for (let part = 0; part < parts; part++) step.passStage(1, stage, 0, step.tiles(1), part, parts);
    return harness.memory.activations.map(({ delta, drawBytes }) => [
      ...harness.arena.i32.slice(delta / 4, delta / 4 + drawBytes / 2),
    ]);
  });
  expect(deltas[1]).toEqual(deltas[0]);
  expect(deltas[2]).toEqual(deltas[0]);
  expect(new Set(deltas[0][0]).size).toBeGreaterThan(100);
});
