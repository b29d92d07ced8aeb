// Small states of a training, made without one, for tests of the files they are kept in.

import type { TrainingState } from '../../src/core/training/trainingState.ts';

/** A state after `step` steps; its numbers differ from step to step. */
export function madeState(step: number): TrainingState {
  return {
    origin: {
      problem: {
        model: {
          inputSize: 2,
          outputSize: 1,
          prior: { kind: 'gaussian', sigma: 1 },
          layers: [{ name: 'output', inputSize: 2, outputSize: 1, activation: 'identity' }],
        },
        likelihood: { kind: 'gaussian', scale: 'learned' },
        rowCount: 40,
        batchSize: 8,
        draws: 1,
        epochs: 10,
        optimizer: { kind: 'sgd', learningRate: 0.1 },
        schedule: { kind: 'constant' },
        klWeighting: 'uniform',
        seed: 'ß "quoted" \u2028',
      },
      initialRho: -5,
      dataChecksum: '0123456789abcdef',
    },
    step,
    epochLoss: 0.1 + step / 3,
    seconds: step / 7,
    tensors: [
      { name: 'likelihood.rawScale', shape: [1], data: Float64Array.of(1 / 3 + step) },
      { name: 'layers.0.weight.mu', shape: [2, 1], data: Float32Array.of(step, -0) },
      { name: 'layers.0.weight.rho', shape: [2, 1], data: Float32Array.of(1e-45, -5) },
      { name: 'layers.0.bias.mu', shape: [1], data: Float32Array.of(0.1) },
    ],
    extra: { best: { epoch: 3, nll: 0.1 }, since: null },
  };
}
