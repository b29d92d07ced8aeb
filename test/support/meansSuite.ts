// What every posterior family without a sigma must hold: gradients against autodiff, its cross-entropy against its definition, the mean
// of its draws, and the same bits for any team, backend, resume and file.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../../src/core/model.ts';
import { createFamily, type FamilySpec } from '../../src/core/posteriors/index.ts';
import type { MeansTraining } from '../../src/core/posteriors/posteriorFamily.ts';
import { createPrior } from '../../src/core/priors/index.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import type { TrainingState } from '../../src/core/training/trainingState.ts';
import { createRuntime, load, openSession, posteriorDigest, save } from '../../src/index.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { expectReferenceBits } from './gradientChecks.ts';
import { autodiffStep, type MapGraph } from './networkAutodiff.ts';
import { curveData, smallProblem, teamProblem } from './problems.ts';
import { layerNoise, randomParameters, TrainingHarness, testNormals, twinBatch } from './trainingHarness.ts';

const PRIOR = 0.8;
const NOISE = 0.7;
const [N, I, K] = [50, 5, 2];
const [x, y] = [testNormals(N * I, 1), testNormals(N * K, 2)];

/** A step in which a family is held to autodiff. */
export interface MeansStep {
  readonly problem: TrainingProblem;
  readonly step: number;
  /** Rows of the minibatch. */
  readonly rows: number;
}

export interface MeansSuiteOptions {
  /** Makes the pre-activations of a map in autodiff, with the masks that the step has; by default those of mu. */
  readonly estimateOf?: (step: MeansStep) => (graph: MapGraph) => tf.Tensor2D;
  /** The network that gradients are compared in. */
  readonly model?: Model;
}

const dense: Model = {
  inputSize: I,
  outputSize: K,
  prior: { kind: 'gaussian', sigma: PRIOR },
  layers: [
    { name: 'h0', inputSize: I, outputSize: 19, activation: 'tanh' },
    { name: 'h1', inputSize: 19, outputSize: 17, activation: 'silu' },
    { name: 'out', inputSize: 17, outputSize: K, activation: 'identity' },
  ],
};

/** Registers the tests of a family. */
export function meansSuite(
  spec: FamilySpec,
  {
    estimateOf = () =>
      ({ x, map, mu }) =>
        map(x, mu.weight, mu.bias),
    model = dense,
  }: MeansSuiteOptions = {},
): void {
  const family = createFamily(spec);
  const means = family.means as MeansTraining;
  let compiled: unknown;
  const directory = mkdtempSync(join(tmpdir(), 'varpool-family-'));
  beforeAll(async () => {
    compiled = await wasmFactory.compile();
    await tf.setBackend('cpu');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const problemOf = (draws: number) =>
    ({
      model,
      family: spec,
      likelihood: { kind: 'gaussian', scale: NOISE },
      rowCount: N,
      batchSize: 21,
      draws,
      epochs: 2,
      // The only moment is the gradient.
      optimizer: { kind: 'sgd', learningRate: 0.25, momentum: 0 },
      schedule: { kind: 'constant' },
      klWeighting: 'uniform',
      seed: 'means',
    }) as const satisfies TrainingProblem;

  test.each([
    [1, 0],
    [3, 2],
  ])('gradients equal those of autodiff: %i draws, step %i', (draws, step) => {
    const problem = problemOf(draws);
    const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
    const layers = randomParameters(harness);
    harness.run(step, step + 1);
    const noise = Array.from({ length: draws }, (_, s) =>
      layers.map((_, l) => layerNoise(problem, step, s, l)),
    );
    const batch = twinBatch(problem, x, y, step);
    const { layers: layouts } = harness.memory.layout;
    const kl = (mu: tf.Tensor, _s: tf.Tensor, _w: readonly tf.Tensor[], layer: number) => {
      const isBias = mu.shape.length === 1;
      // −kept·log N(mu/kept; 0, prior²), and a constant.
      const kept = isBias ? 1 : means.kept(layouts[layer]);
      return tf.div(tf.sum(tf.square(mu)), 2 * kept * PRIOR ** 2) as tf.Scalar;
    };
    const estimate = estimateOf({ problem, step, rows: batch.rows });
    const graph = { model, batch, noise, scale: NOISE, klScale: 1 / N, estimate, kl };
    const want = autodiffStep(graph, layers);
    expect(harness.memory.moments).toHaveLength(family.path === undefined ? 1 : 3);
    for (const [l, { mu }] of want.entries()) {
      const got = harness.get(harness.memory.moments[0], l);
      for (const part of ['weight', 'bias'] as const) {
        const size = mu[part].reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
        if (mu[part].length > 0) expect(mu[part].some((value) => Math.abs(value) > 1e-3)).toBe(true);
        got[part].forEach((value, i) => {
          expect(Math.abs(value - mu[part][i]) / size, `layers.${l}.${part}[${i}]`).toBeLessThan(4e-5);
        });
      }
    }
  });

  test('the KL of a report is the cross-entropy of each weight', () => {
    for (const prior of [
      { kind: 'gaussian', sigma: PRIOR },
      { kind: 'laplace', scale: PRIOR },
      { kind: 'scaleMixture', pi: 0.4, scale1: 1, scale2: 0.1 },
    ] as const) {
      const problem = { ...problemOf(1), model: { ...model, prior } };
      const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
      const layers = randomParameters(harness);
      harness.step.blockKl(0, harness.memory.layout.blocks.length);
      const { logDensity } = createPrior(prior);
      const want = layers.reduce((sum, { mu }, l) => {
        const kept = means.kept(harness.memory.layout.layers[l]);
        const weights = mu.weight.reduce(
          (all, m) => all - kept * logDensity(m / kept) - (1 - kept) * logDensity(0),
          0,
        );
        return sum + mu.bias.reduce((all, m) => all - logDensity(m), weights);
      }, 0);
      expect(harness.step.totalKl() / want).toBeCloseTo(1, 5);
    }
  });

  test('a step has the same bits in WebAssembly and in plain loops', () => {
    expectReferenceBits(problemOf(2), { x, y, steps: 2 }, compiled);
  });

  test('a training has the same digest for 1, 2 and 3 workers', async () => {
    const { model: large, data, options } = teamProblem(2);
    const digests: string[] = [];
    for (const workers of [1, 2, 3]) {
      await using runtime = createRuntime({ workers, backend: 'wasm', seed: 'family' });
      digests.push(posteriorDigest(await runtime.train(large, data, { ...options, posterior: spec })));
    }
    expect(new Set(digests).size).toBe(1);
  });

  describe('a training', () => {
    const { model: small, data, options } = smallProblem('gaussian', 1);
    const more = { ...options, posterior: spec, validation: data, select: 'best' as const };
    const rows = curveData(37, 4, 'gaussian', 1, 60).x;

    test('resumes from a saved state to the same bits', async () => {
      await using runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'family' });
      const states: TrainingState[] = [];
      const checkpoint = { everySteps: 17, save: (state: TrainingState) => void states.push(state) };
      const whole = await runtime.train(small, data, { ...more, checkpoint });
      expect(states.length).toBeGreaterThan(1);
      const resumed = await runtime.train(small, data, { ...more, resume: states[1] });
      expect(posteriorDigest(resumed)).toBe(posteriorDigest(whole));
      const hasRho = family.parameters.includes('rho');
      for (const { weight, bias } of whole.layers)
        expect(weight.rho.length + bias.rho.length > 0, 'rho').toBe(hasRho);
    });

    test('predicts the same from its file, in tiles, in a session and as a member', async () => {
      await using runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'family' });
      const posterior = await runtime.train(small, data, more);
      const path = join(directory, `${spec.kind}.safetensors`);
      save(path, posterior);
      const back = load(path);
      expect(posteriorDigest(back)).toBe(posteriorDigest(posterior));
      await using session = await openSession(back, { backend: 'wasm', cacheBytes: 1 << 14 });
      for (const mode of family.modes) {
        const asked = { draws: 19, mode, quantiles: [0.1, 0.9] };
        const want = await runtime.predict(posterior, rows, asked);
        expect(await runtime.predict(back, rows, asked)).toEqual(want);
        expect(await session.predict(rows, asked)).toEqual(want);
        expect(want.draws).toBe(family.deterministic || mode === 'mean' ? 1 : 19);
      }
    });

    test('refuses what needs a sigma', async () => {
      await using runtime = createRuntime({ workers: 1, backend: 'wasm' });
      await expect(
        runtime.train(small, data, { posterior: spec, optimizer: { kind: 'ivon' } }),
      ).rejects.toThrow(
        /^train: optimizer: expected an optimizer of means alone .*, got ivon, .* — use adam/,
      );
      await expect(runtime.train(small, data, { posterior: spec, estimator: 'flipout' })).rejects.toThrow(
        /^train: estimator: expected none for the posterior .*, got flipout — leave it out/,
      );
      const learned = { ...small, prior: { kind: 'learnedScale', scale: 1, strength: 1 } } as const;
      await expect(runtime.train(learned, data, { posterior: spec })).rejects.toThrow(
        /^train: prior: expected a prior that learns nothing .*, got learnedScale — /,
      );
      if (family.modes.includes('marginal')) return;
      const posterior = await runtime.train(small, data, { ...options, epochs: 1, posterior: spec });
      await expect(runtime.predict(posterior, rows, { mode: 'marginal' })).rejects.toThrow(
        /^predict: mode: expected sample or mean for the posterior .*, got marginal — /,
      );
    });
  });
}
