// What every estimator must hold: gradients with the noise held fixed against autodiff, their mean and variance over noise against those
// of drawn weights, and the same bits for any team and backend.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { referenceFactory } from '../../src/backend/reference.ts';
import type { Model } from '../../src/core/model.ts';
import type { TrainingProblem } from '../../src/core/problem.ts';
import { createRuntime, posteriorDigest } from '../../src/index.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { autodiffStep, type MapGraph } from './networkAutodiff.ts';
import { teamProblem } from './problems.ts';
import { layerNoise, randomParameters, TrainingHarness, testNormals, twinBatch } from './trainingHarness.ts';

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

type EstimatorKind = NonNullable<TrainingProblem['estimator']>['kind'];

/** A step in which an estimator is held to autodiff. */
export interface EstimatedStep {
  readonly problem: TrainingProblem;
  readonly step: number;
  /** Rows of the minibatch. */
  readonly rows: number;
}

function problemOf(draws: number, kind: EstimatorKind, seed: string = kind) {
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

/**
 * Registers the tests of an estimator.
 * @param estimateOf makes the pre-activations of a map in autodiff, with the noise and signs that the step has
 */
export function estimatorSuite(
  kind: EstimatorKind,
  estimateOf: (step: EstimatedStep) => (graph: MapGraph) => tf.Tensor2D,
): void {
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
      const problem = problemOf(draws, kind);
      const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
      const layers = randomParameters(harness);
      harness.run(step, step + 1);
      const batch = twinBatch(problem, x, y, step);
      const noise = Array.from({ length: draws }, (_, s) =>
        model.layers.map((_, l) => layerNoise(problem, step, s, l)),
      );
      const estimate = estimateOf({ problem, step, rows: batch.rows });
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
            // float32 on both sides, with a few operations more than with drawn weights.
            got.forEach((value, i) => {
              expect(Math.abs(value - wanted[i]) / size, `layers.${l}.${part}[${i}]`).toBeLessThan(4e-5);
            });
          }
        }
      }
    });
  });

  test('over noise, gradients have the mean of those of drawn weights and less variance', () => {
    const runs = 400;
    const gradients = (of: EstimatorKind) => {
      const sums = { mu: 0, muSquares: 0, rho: 0, rhoSquares: 0 };
      for (let n = 0; n < runs; n++) {
        const harness = new TrainingHarness(problemOf(1, of, `noise ${n}`), wasmFactory, compiled, x, y);
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
      const moments = (sum: number, squares: number) => {
        const mean = sum / runs;
        return { mean, variance: (squares - runs * mean * mean) / (runs - 1) };
      };
      return { mu: moments(sums.mu, sums.muSquares), rho: moments(sums.rho, sums.rhoSquares) };
    };
    const [drawn, estimated] = [gradients('reparameterization'), gradients(kind)];
    for (const part of ['mu', 'rho'] as const) {
      const standardError = Math.sqrt((drawn[part].variance + estimated[part].variance) / runs);
      // Four standard errors of the difference: once in 16000 by chance, and the noise is fixed.
      expect(Math.abs(drawn[part].mean - estimated[part].mean) / standardError).toBeLessThan(4);
      expect(estimated[part].variance).toBeLessThan(drawn[part].variance);
    }
  });

  test('a step has the same bits in WebAssembly and in plain loops', () => {
    const states = [wasmFactory, referenceFactory].map((factory) => {
      const harness = new TrainingHarness(
        problemOf(2, kind),
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
      await using runtime = createRuntime({ workers, backend: 'wasm', seed: kind });
      digests.push(posteriorDigest(await runtime.train(large, data, { ...options, estimator: kind })));
    }
    expect(new Set(digests).size).toBe(1);
  });
}
