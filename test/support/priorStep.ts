// One training step of a small network whose layers have priors of a test's choice: gradients as a worker makes them, by central
// differences of a float64 objective, and by autodiff, all with the same noise; and the KL of an epoch against its definition.

import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import type { PriorSpec } from '../../src/core/priors/index.ts';
import { sequential } from '../../src/core/sequential.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { centralDifferences, forward, softplus, type TwinTensors } from '../reference/negativeElbo.ts';
import { autodiffStep, type LayerParameters } from './networkAutodiff.ts';
import { layerNoise, randomParameters, TrainingHarness, testNormals, twinBatch } from './trainingHarness.ts';

/** A prior, and its KL written apart from src: of one weight in float64 given its draws, and of a tensor as a graph. */
export interface PriorTwin {
  readonly spec: PriorSpec;
  elementKl(mu: number, sigma: number, w: readonly number[]): number;
  graphKl(mu: tf.Tensor, sigma: tf.Tensor, w: readonly tf.Tensor[]): tf.Tensor;
}

export function gaussianTwin(p: number): PriorTwin {
  return {
    spec: { kind: 'gaussian', sigma: p },
    elementKl: (mu, sigma) => Math.log(p / sigma) + (sigma ** 2 + mu ** 2) / (2 * p ** 2) - 0.5,
    graphKl: (mu, sigma) =>
      tf.sub(
        tf.add(tf.log(tf.div(p, sigma)), tf.div(tf.add(tf.square(sigma), tf.square(mu)), 2 * p ** 2)),
        0.5,
      ),
  };
}

const NOISE_SCALE = 0.7;
const N = 50;
const BATCH = 20;
const EPOCH_STEPS = 3;
const PARTS = ['weight', 'bias'] as const;

/** Layers 4 → 19 tanh → 3 silu → 2, each with its own prior. */
export class PriorStep {
  readonly harness: TrainingHarness;
  readonly #problem: TrainingProblem;
  readonly #x = testNormals(N * 4, 1);
  readonly #y = testNormals(N * 2, 2);
  readonly #start: LayerParameters[];

  constructor(
    readonly twins: readonly [PriorTwin, PriorTwin, PriorTwin],
    readonly draws: number,
    compiled: unknown,
  ) {
    const [first, second, third] = twins.map(({ spec }) => spec);
    const model = sequential({
      inputShape: [4],
      layers: [
        { kind: 'dense', units: 19, activation: 'tanh', prior: first },
        { kind: 'dense', units: 3, activation: 'silu', prior: second },
        { kind: 'dense', units: 2, prior: third },
      ],
    });
    this.#problem = {
      model,
      likelihood: { kind: 'gaussian', scale: NOISE_SCALE },
      rowCount: N,
      batchSize: BATCH,
      draws,
      epochs: 2,
      optimizer: { kind: 'sgd', learningRate: 0.01, momentum: 0 },
      schedule: { kind: 'constant' },
      klWeighting: 'uniform',
      seed: 'priors',
    };
    this.harness = new TrainingHarness(this.#problem, wasmFactory, compiled, this.#x, this.#y);
    this.#start = randomParameters(this.harness);
  }

  #noise(step: number): TwinTensors[][] {
    return Array.from({ length: this.draws }, (_, s) =>
      this.twins.map((_, l) => layerNoise(this.#problem, step, s, l)),
    );
  }

  /** Σ KL over all layers, with log p at the draws of a step where a prior asks for them. */
  #kl(layers: readonly LayerParameters[], noise: readonly (readonly TwinTensors[])[]): number {
    let kl = 0;
    for (const [l, { mu, rho }] of layers.entries()) {
      for (const part of PARTS) {
        mu[part].forEach((m, i) => {
          const sigma = softplus(rho[part][i]);
          const w = noise.map((draw) => m + sigma * draw[l][part][i]);
          kl += this.twins[l].elementKl(m, sigma, w);
        });
      }
    }
    return kl;
  }

  /** Holds the gradients of step 2, a short minibatch, against both others. */
  expectGradients(tolerance: { differences: number; autodiff: number }): void {
    const step = 2;
    const { harness } = this;
    harness.run(step, step + 1);
    const [mMu, mRho] = harness.memory.moments;
    const got = this.twins.map((_, l) => ({ mu: harness.get(mMu, l), rho: harness.get(mRho, l) }));
    const noise = this.#noise(step);
    const batch = twinBatch(this.#problem, this.#x, this.#y, step);
    expect(batch.rows).toBe(N - 2 * BATCH);

    const { model } = this.#problem;
    const layers = this.#start.map((q, l) => {
      const { inputSize: I, outputSize: O, activation } = model.layers[l];
      return { ...q, I, O, activation };
    });
    const objective = () => {
      let loss = 0;
      for (const draw of noise) {
        const outputs = forward(layers, batch.x, batch.rows, draw);
        outputs.forEach((value, i) => {
          loss += 0.5 * ((value - batch.y[i]) / NOISE_SCALE) ** 2;
        });
      }
      return loss / (batch.rows * noise.length) + this.#kl(layers, noise) / N;
    };
    const d = (values: Float64Array) => centralDifferences(objective, values, 1e-6);
    const differences = layers.map(({ mu, rho }) => ({
      mu: { weight: d(mu.weight), bias: d(mu.bias) },
      rho: { weight: d(rho.weight), bias: d(rho.bias) },
    }));
    const kl = (mu: tf.Tensor, sigma: tf.Tensor, w: readonly tf.Tensor[], layer: number) =>
      tf.sum(this.twins[layer].graphKl(mu, sigma, w)) as tf.Scalar;
    const autodiff = autodiffStep({ model, batch, noise, scale: NOISE_SCALE, klScale: 1 / N, kl }, layers);
    close(got, differences, tolerance.differences, 'differences');
    close(got, autodiff, tolerance.autodiff, 'autodiff');
  }

  /** Holds the KL reported at the end of epoch 1 to that of q then, met at the draws of the step that would come next. */
  expectEpochKl(relative: number): void {
    const { harness } = this;
    harness.run(0, EPOCH_STEPS);
    const { mu, rho } = harness.memory;
    const layers = this.twins.map((_, l) => ({ mu: harness.get(mu, l), rho: harness.get(rho, l) }));
    const want = this.#kl(layers, this.#noise(EPOCH_STEPS));
    const got = harness.arena.f64[harness.memory.epochKl / 8];
    expect(Math.abs(got / want - 1), `${got}, ${want}`).toBeLessThan(relative);
  }
}

/** |got − want| in units of the tensor's largest |want|. */
function close(
  got: readonly LayerParameters[],
  want: readonly LayerParameters[],
  tolerance: number,
  by: string,
) {
  for (const [l, layer] of want.entries()) {
    for (const which of ['mu', 'rho'] as const) {
      for (const part of PARTS) {
        const wanted = layer[which][part];
        const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
        got[l][which][part].forEach((value, i) => {
          const error = Math.abs(value - wanted[i]) / size;
          expect(
            error,
            `${by}, layers.${l}.${part}.${which}[${i}]: ${value}, ${wanted[i]}`,
          ).toBeLessThanOrEqual(tolerance);
        });
      }
    }
  }
}
