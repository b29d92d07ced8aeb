// Checks of one training step of any model: its gradients against autodiff with the same noise, and its bits on two backends.

import { expect } from 'vitest';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import type { Model } from '../../src/core/model.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { autodiffStep, type MapGraph } from './networkAutodiff.ts';
import { layerNoise, randomParameters, TrainingHarness, twinBatch } from './trainingHarness.ts';

/** A problem whose gradients can be read after a step: plain SGD on gaussian targets of a fixed scale. */
export function gradientProblem(
  model: Model,
  options: Pick<TrainingProblem, 'rowCount' | 'batchSize' | 'draws' | 'seed' | 'estimator'>,
) {
  return {
    model,
    likelihood: { kind: 'gaussian', scale: 0.7 },
    epochs: 2,
    optimizer: { kind: 'sgd', learningRate: 0.25, momentum: 0 },
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    ...options,
  } as const satisfies TrainingProblem;
}

export type GradientProblem = ReturnType<typeof gradientProblem>;

/**
 * Holds the gradients of a step to those of autodiff.
 * @param compiled what wasmFactory compiled
 * @param tolerance bound of a difference over the largest gradient of its tensor, float32 on both sides
 * @param estimate the pre-activations of a map in autodiff, where weights are not drawn
 */
export function expectAutodiffGradients(
  problem: GradientProblem,
  { x, y, step }: { readonly x: Float32Array; readonly y: Float32Array; readonly step: number },
  compiled: unknown,
  tolerance: number,
  estimate?: (graph: MapGraph) => ReturnType<MapGraph['map']>,
): void {
  const { model, draws, rowCount } = problem;
  const { scale } = problem.likelihood;
  const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
  const layers = randomParameters(harness);
  harness.run(step, step + 1);
  const noise = Array.from({ length: draws }, (_, s) =>
    model.layers.map((_, l) => layerNoise(problem, step, s, l)),
  );
  const batch = twinBatch(problem, x, y, step);
  const want = autodiffStep({ model, batch, noise, scale, klScale: 1 / rowCount, estimate }, layers);
  const [mMu, mRho] = harness.memory.moments;
  for (const [l, { mu, rho }] of want.entries()) {
    for (const part of ['weight', 'bias'] as const) {
      for (const [buffer, wanted] of [
        [mMu, mu[part]],
        [mRho, rho[part]],
      ] as const) {
        const got = harness.get(buffer, l)[part];
        const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
        expect(got).toHaveLength(wanted.length);
        if (model.layers[l].kind === 'add') expect(got).toHaveLength(0);
        else expect(wanted.some((value) => Math.abs(value) > 1e-3)).toBe(true);
        got.forEach((value, i) => {
          expect(Math.abs(value - wanted[i]) / size, `layers.${l}.${part}[${i}]`).toBeLessThan(tolerance);
        });
      }
    }
  }
}

/** Holds the state after `steps` steps in WebAssembly to that in plain loops. */
export function expectReferenceBits(
  problem: TrainingProblem,
  { x, y, steps }: { readonly x: Float32Array; readonly y: Float32Array; readonly steps: number },
  compiled: unknown,
): void {
  const states = [wasmFactory, referenceFactory].map((factory) => {
    const harness = new TrainingHarness(problem, factory, factory === wasmFactory ? compiled : null, x, y);
    randomParameters(harness);
    harness.run(0, steps);
    return harness.state();
  });
  expect(Buffer.compare(states[0], states[1])).toBe(0);
}
