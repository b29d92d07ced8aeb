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

/** Moments of a sample of gradients of one tensor, by runs. */
function gradientMoments(runs: readonly Float64Array[]) {
  const n = runs.length;
  const mean = Float64Array.from(runs[0], (_, i) => runs.reduce((sum, run) => sum + run[i], 0) / n);
  const variance = mean.map((m, i) => runs.reduce((sum, run) => sum + (run[i] - m) ** 2, 0) / (n - 1));
  // Of the variance of the whole tensor: that of the squared distances from the mean.
  const distances = runs.map((run) => run.reduce((sum, g, i) => sum + (g - mean[i]) ** 2, 0));
  const total = distances.reduce((sum, d) => sum + d, 0) / (n - 1);
  const error = Math.sqrt(distances.reduce((sum, d) => sum + (d - total) ** 2, 0) / (n - 1) / n);
  return { mean, variance, total, error };
}

/**
 * Registers the tests of an estimator.
 * @param estimateOf makes the pre-activations of a map in autodiff, with the noise and signs that the step has
 * @param options `draws` of a step, few and many; `rhoShift` is added to every rho where variances are compared
 */
export function estimatorSuite(
  kind: EstimatorKind,
  estimateOf: (step: EstimatedStep) => (graph: MapGraph) => tf.Tensor2D,
  {
    draws: [few, many] = [1, 3],
    rhoShift = 0,
  }: { draws?: readonly [number, number]; rhoShift?: number } = {},
): void {
  let compiled: unknown;
  beforeAll(async () => {
    compiled = await wasmFactory.compile();
    await tf.setBackend('cpu');
  });

  describe('gradients equal those of autodiff', () => {
    test.each([
      [few, 0],
      [many, 2],
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
      const found = { mu: [] as Float64Array[], rho: [] as Float64Array[] };
      for (let n = 0; n < runs; n++) {
        const harness = new TrainingHarness(problemOf(few, of, `noise ${n}`), wasmFactory, compiled, x, y);
        randomParameters(harness);
        const rho = harness.arena.floats(harness.memory.rho, harness.memory.layout.size);
        for (let i = 0; i < rho.length; i++) rho[i] += rhoShift;
        // The minibatch must be the same: all rows that one seed puts first.
        const { order } = harness.memory;
        harness.step.sample(0, 0, harness.memory.layout.blocks.length);
        for (let i = 0; i < 100; i++) harness.arena.i32[order / 4 + i] = i % 50;
        harness.step.gather(0, 0, harness.step.panels(0));
        harness.step.pass(0, 0, harness.step.tiles(0));
        harness.step.prepare(0);
        harness.step.finish(0, 0, harness.memory.layout.blocks.length);
        const [mMu, mRho] = harness.memory.moments;
        found.mu.push(Float64Array.from(harness.get(mMu, 0).weight));
        found.rho.push(Float64Array.from(harness.get(mRho, 0).weight));
      }
      return { mu: gradientMoments(found.mu), rho: gradientMoments(found.rho) };
    };
    const [drawn, estimated] = [gradients('reparameterization'), gradients(kind)];
    for (const part of ['mu', 'rho'] as const) {
      const [a, b] = [drawn[part], estimated[part]];
      const z = a.mean.map(
        (mean, i) => (mean - b.mean[i]) / Math.sqrt((a.variance[i] + b.variance[i]) / runs),
      );
      // Of the 95 differences, in standard errors, the largest is above 5 once in 18000 by chance, and the noise is fixed.
      expect(Math.max(...z.map(Math.abs)), part).toBeLessThan(5);
      expect((a.total - b.total) / Math.hypot(a.error, b.error), part).toBeGreaterThan(4);
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
