// Flipout: gradients with noise and signs held fixed against autodiff, their mean and variance over noise against those of drawn weights,
// signs that are fair and independent, and the same bits for any team and backend.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../../src/backend/arena.ts';
import { referenceFactory } from '../../../src/backend/reference.ts';
import type { Model } from '../../../src/core/model.ts';
import type { TrainingProblem } from '../../../src/core/problem.ts';
import { createRuntime, posteriorDigest } from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { philox4x32 } from '../../../src/random/philox.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { autodiffStep, type MapGraph } from '../../support/networkAutodiff.ts';
import { teamProblem } from '../../support/problems.ts';
import {
  layerNoise,
  randomParameters,
  TrainingHarness,
  testNormals,
  twinBatch,
} from '../../support/trainingHarness.ts';

const model: Model = {
  inputSize: 5,
  outputSize: 2,
  prior: { kind: 'gaussian', sigma: 0.8 },
  layers: [
    { name: 'h0', inputSize: 5, outputSize: 19, activation: 'tanh' },
    { name: 'h1', inputSize: 19, outputSize: 17, activation: 'silu' },
    { name: 'out', inputSize: 17, outputSize: 2, activation: 'identity' },
  ],
};

function problemOf(draws: number, kind: 'reparameterization' | 'flipout', seed = 'flipout') {
  return {
    model,
    likelihood: { kind: 'gaussian', scale: 0.7 },
    rowCount: 50,
    batchSize: 21,
    draws,
    epochs: 2,
    optimizer: { kind: 'sgd', learningRate: 0.25, momentum: 0 },
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    estimator: { kind },
    seed,
  } as const satisfies TrainingProblem;
}

const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

describe('gradients equal those of autodiff', () => {
  test.each([
    [1, 0],
    [3, 2],
  ])('%i draws, step %i', (draws, step) => {
    const problem = problemOf(draws, 'flipout');
    const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
    const layers = randomParameters(harness);
    harness.run(step, step + 1);
    const batch = twinBatch(problem, x, y, step);
    const key = seedKey(problem.seed);
    const noise = Array.from({ length: draws }, (_, s) =>
      model.layers.map((_, l) => layerNoise(problem, step, s, l)),
    );
    /** Signs of [rows of the minibatch, units]: a panel of 16 rows has `units` rows of 16 words. */
    const signs = (rows: number, units: number, draw: number, tensor: number) => {
      const words = new Uint32Array(4);
      return tf.tensor2d(
        Array.from({ length: rows }, (_, row) =>
          Array.from({ length: units }, (_, unit) => {
            const at = Math.floor(row / 16) * units + unit;
            const block = Math.floor(at / 4) * 16 + (row % 16);
            philox4x32([block, step, draw, stream(PURPOSE.flip, tensor)], [key.key0, key.key1], words);
            return words[at % 4] >= 2 ** 31 ? -1 : 1;
          }),
        ),
      );
    };
    const estimate = ({ layer, draw, x: inputs, map, mu, sigma, noise: eps }: MapGraph) => {
      const delta = { weight: tf.mul(sigma.weight, eps.weight), bias: tf.mul(sigma.bias, eps.bias) };
      const mean = map(inputs, mu.weight, mu.bias);
      const into = signs(batch.rows, inputs.shape[1], draw, 2 * layer);
      const out = signs(batch.rows, mean.shape[1], draw, 2 * layer + 1);
      const flipped = tf.mul(map(tf.mul(inputs, into), delta.weight, delta.bias), out);
      return tf.add(mean, flipped) as tf.Tensor2D;
    };
    const want = autodiffStep({ model, batch, noise, scale: 0.7, klScale: 1 / 50, estimate }, layers);
    const [mMu, mRho] = harness.memory.moments;
    for (const [l, { mu, rho }] of want.entries()) {
      for (const part of ['weight', 'bias'] as const) {
        for (const [buffer, wanted] of [
          [mMu, mu[part]],
          [mRho, rho[part]],
        ] as const) {
          const got = harness.get(buffer, l)[part];
          const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
          expect(wanted.some((value) => Math.abs(value) > 1e-3)).toBe(true);
          // float32 on both sides, two products in place of one.
          got.forEach((value, i) => {
            expect(Math.abs(value - wanted[i]) / size, `layers.${l}.${part}[${i}]`).toBeLessThan(4e-5);
          });
        }
      }
    }
  });
});

test('signs are fair, and those of neighbors tell nothing of each other', async () => {
  const layout = new ArenaLayout(1);
  const rows = 4000;
  const [out, x] = ['out', 'x'].map((name) => layout.reserve(name, rows * 64));
  const arena = Arena.allocate(layout);
  arena.floats(x, rows * 16).fill(1);
  const { key0, key1 } = seedKey('signs');
  wasmFactory.create(arena, compiled, 0).flip_f32(out, x, rows, key0, key1, 3, 1, stream(PURPOSE.flip, 5), 0);
  const signs = arena.floats(out, rows * 16);
  const mean = (of: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < rows * 16 - 16; i++) sum += of(i);
    return sum / Math.sqrt(rows * 16 - 16);
  };
  // Sums of n signs over √n are N(0, 1); the numbers are fixed.
  expect(Math.abs(mean((i) => signs[i]))).toBeLessThan(4);
  for (const apart of [1, 2, 16]) expect(Math.abs(mean((i) => signs[i] * signs[i + apart]))).toBeLessThan(4);
});

test('over noise, gradients have the mean of those of drawn weights and less variance', () => {
  const runs = 400;
  const gradients = (kind: 'reparameterization' | 'flipout') => {
    const sums = { mu: 0, muSquares: 0, rho: 0, rhoSquares: 0 };
    for (let n = 0; n < runs; n++) {
      const harness = new TrainingHarness(problemOf(1, kind, `noise ${n}`), wasmFactory, compiled, x, y);
      randomParameters(harness);
      // The minibatch must be the same: all rows that one seed puts first.
      const { order } = harness.memory;
      harness.step.sample(0, 0, harness.memory.layout.blocks.length);
      for (let i = 0; i < 100; i++) harness.arena.i32[order / 4 + i] = i % 50;
      harness.step.gather(0, 0, harness.step.panels(0));
      harness.step.pass(0, 0, harness.step.tiles(0));
      harness.step.prepare(0);
      harness.step.finish(0, 0, harness.memory.layout.blocks.length);
      const [mMu, mRho] = harness.memory.moments;
      const [mu, rho] = [mMu, mRho].map((at) => harness.get(at, 0).weight[7]);
      sums.mu += mu;
      sums.muSquares += mu * mu;
      sums.rho += rho;
      sums.rhoSquares += rho * rho;
    }
    const of = (sum: number, squares: number) => {
      const mean = sum / runs;
      return { mean, variance: (squares - runs * mean * mean) / (runs - 1) };
    };
    return { mu: of(sums.mu, sums.muSquares), rho: of(sums.rho, sums.rhoSquares) };
  };
  const [drawn, local] = [gradients('reparameterization'), gradients('flipout')];
  for (const part of ['mu', 'rho'] as const) {
    const standardError = Math.sqrt((drawn[part].variance + local[part].variance) / runs);
    // Four standard errors of the difference: once in 16000 by chance, and the noise is fixed.
    expect(Math.abs(drawn[part].mean - local[part].mean) / standardError).toBeLessThan(4);
    expect(local[part].variance).toBeLessThan(drawn[part].variance);
  }
});

test('a step has the same bits in WebAssembly and in plain loops', () => {
  const states = [wasmFactory, referenceFactory].map((factory) => {
    const harness = new TrainingHarness(
      problemOf(2, 'flipout'),
      factory,
      factory === wasmFactory ? compiled : null,
      x,
      y,
    );
    randomParameters(harness);
    harness.run(0, 2);
    return harness.state();
  });
  expect(Buffer.compare(states[0], states[1])).toBe(0);
});

test('a training has the same digest for 1, 2 and 3 workers', async () => {
  const { model: large, data, options } = teamProblem(2);
  const digests: string[] = [];
  for (const workers of [1, 2, 3]) {
    await using runtime = createRuntime({ workers, backend: 'wasm', seed: 'flipout' });
    digests.push(posteriorDigest(await runtime.train(large, data, { ...options, estimator: 'flipout' })));
  }
  expect(new Set(digests).size).toBe(1);
});
