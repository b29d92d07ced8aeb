// What every estimator must hold: gradients with the noise held fixed against autodiff, their mean and variance over noise against those
// of drawn weights, and the same bits for any team and backend.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../../src/core/model.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { createRuntime, posteriorDigest } from '../../src/index.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import {
  expectAutodiffGradients,
  expectReferenceBits,
  type GradientProblem,
  gradientProblem,
} from './gradientChecks.ts';
import type { MapGraph } from './networkAutodiff.ts';
import { teamProblem } from './problems.ts';
import { randomParameters, TrainingHarness, testNormals, twinBatch } from './trainingHarness.ts';

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

function problemOf(draws: number, kind: EstimatorKind, seed: string = kind): GradientProblem {
  return gradientProblem(model, { rowCount: 50, batchSize: 21, draws, estimator: { kind }, seed });
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
      const { rows } = twinBatch(problem, x, y, step);
      // A few operations more than with drawn weights.
      expectAutodiffGradients(problem, { x, y, step }, compiled, 4e-5, estimateOf({ problem, step, rows }));
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
    expectReferenceBits(problemOf(2, kind), { x, y, steps: 2 }, compiled);
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
