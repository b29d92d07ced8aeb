// Trainings the scheduler's tests share: data by address (the same bits on every engine) and models of chosen size.

import { build } from '../../src/core/bayesian.ts';
import { createLikelihood } from '../../src/core/likelihoods/index.ts';
import type { LikelihoodSpec, Model } from '../../src/core/model.ts';
import type { TrainingData, TrainOptions } from '../../src/runtime/options.ts';
import { testNormals } from './trainingHarness.ts';

export interface Problem {
  readonly model: Model;
  readonly data: TrainingData;
  readonly options: TrainOptions;
}

/** Rows around a smooth curve in `inputSize` dimensions, with targets of the likelihood's kind. */
export function curveData(
  rows: number,
  inputSize: number,
  kind: LikelihoodSpec['kind'],
  outputs: number,
  which = 50,
): TrainingData {
  const x = testNormals(rows * inputSize, which);
  const noise = testNormals(rows * outputs, which + 1);
  const value = (row: number, k: number) => {
    const a = x[row * inputSize];
    const b = x[row * inputSize + (k % inputSize)];
    return Math.fround(a * (1.5 - Math.abs(b)) + 0.3 * k + 0.2 * noise[row * outputs + k]);
  };
  if (kind === 'categorical') {
    const y = Float32Array.from({ length: rows }, (_, row) => {
      const first = Math.floor(Math.abs(value(row, 0)) * 2);
      return first % outputs;
    });
    return { x: { data: x, shape: [rows, inputSize] }, y };
  }
  const y = Float32Array.from({ length: rows * outputs }, (_, i) => {
    const v = value(Math.floor(i / outputs), i % outputs);
    if (kind === 'poisson' || kind === 'negativeBinomial') return Math.floor(Math.abs(v) * 2);
    return kind === 'bernoulli' ? (v > 0 ? 1 : 0) : v * 3 + 10;
  });
  return { x: { data: x, shape: [rows, inputSize] }, y: { data: y, shape: [rows, outputs] } };
}

/** Large enough that seven workers are worth their barriers; 100 rows in batches of 48 leave a last batch of 4. */
export function teamProblem(draws: number): Problem {
  return {
    model: build({ inputSize: 9, hiddenSizes: [256, 256], outputSize: 3 }),
    data: curveData(100, 9, 'categorical', 3),
    options: { likelihood: 'categorical', epochs: 2, batchSize: 48, draws, klWeighting: 'blundell' },
  };
}

/** A few hundred weights: one worker, quick to train. */
export function smallProblem(kind: LikelihoodSpec['kind'], outputs: number): Problem {
  return {
    model: build({
      inputSize: 4,
      hiddenSizes: [20, 17],
      outputSize: (createLikelihood({ kind } as LikelihoodSpec).heads ?? 1) * outputs,
      activation: 'tanh',
    }),
    data: curveData(90, 4, kind, outputs),
    options: { likelihood: kind, epochs: 12, batchSize: 25, optimizer: { kind: 'adam', learningRate: 0.01 } },
  };
}
