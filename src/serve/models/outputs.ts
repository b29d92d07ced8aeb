// The outputs a model can give, by name: which there are, in what shape, and how each is taken from a prediction.

import { createLikelihood } from '../../core/likelihoods/index.ts';
import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import type { PredictionMode } from '../../core/prediction/predictionMode.ts';
import { monteCarloErrors } from '../../core/predictive/monteCarloErrors.ts';
import type { Prediction } from '../../core/predictive/prediction.ts';

/** An output tensor before it is encoded, row-major. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: 'FP64' | 'FP32' | 'INT32' | 'BYTES';
  readonly shape: readonly number[];
  readonly values: Float64Array | Float32Array | Int32Array | readonly string[];
}

export interface OutputKind {
  readonly name: string;
  readonly datatype: OutputTensor['datatype'];
  /** Sizes after the rows; -1 for what a request decides. */
  readonly shape: readonly number[];
  /** Given where a request names no outputs. */
  readonly byDefault: boolean;
  readonly description: string;
  take(prediction: Prediction, mode: PredictionMode): Omit<OutputTensor, 'name' | 'datatype'>;
}

/** Levels where a request asks for quantiles without saying which. */
export const DEFAULT_LEVELS = [0.05, 0.5, 0.95];

type Named = { readonly [Name in keyof Prediction]: Float64Array | Float32Array | null };

/** Outputs of a posterior. `draws` is not among them: it is no statistic. */
export function outputKinds(posterior: AnyPosterior): readonly OutputKind[] {
  const K = predictedColumns(posterior);
  const likelihood = createLikelihood(posterior.likelihood);
  const { entropies, onScale } = likelihood;
  const array = (
    name: string,
    field: keyof Prediction,
    byDefault: boolean,
    description: string,
    datatype: 'FP64' | 'FP32' = 'FP64',
    tail: readonly number[] = [K],
  ): OutputKind => ({
    name,
    datatype,
    shape: tail,
    byDefault,
    description,
    take: (prediction) => ({
      shape: [prediction.rows, ...tail],
      values: (prediction as unknown as Named)[field] as Float64Array,
    }),
  });
  const kinds = [
    array('mean', 'mean', onScale, 'Predictive mean; for classes the averaged probabilities.'),
    array('variance', 'variance', onScale, 'Predictive variance: aleatoric + epistemic.'),
    array(
      'epistemic',
      'epistemic',
      onScale,
      'Variance of the mean over draws: doubt that more data removes.',
    ),
    array('aleatoric', 'aleatoric', onScale, 'Mean over draws of the variance: noise that no data removes.'),
  ];
  const exactness = [errorKind(K), rowDrawsKind()];
  if (onScale) return [...kinds, quantileKind(K), ...exactness];
  const perRow = entropies === 'row' ? [] : [K];
  if (likelihood.targets === 'labels') kinds.unshift(labelKind(posterior));
  return [
    ...kinds,
    array('probabilities', 'mean', true, 'Probability of each class, averaged over draws.'),
    array(
      'predictive_entropy',
      'predictiveEntropy',
      true,
      'Entropy of the averaged prediction, in nats.',
      'FP32',
      perRow,
    ),
    array(
      'mutual_information',
      'mutualInformation',
      true,
      'The part of that entropy which more data removes, in nats.',
      'FP32',
      perRow,
    ),
    ...exactness,
  ];
}

function quantileKind(K: number): OutputKind {
  return {
    name: 'quantiles',
    datatype: 'FP64',
    shape: [K, -1],
    byDefault: false,
    description: 'Predictive quantiles, noise included, at the levels of parameter quantiles.',
    take({ rows, quantiles }) {
      const levels = quantiles ?? [];
      const values = new Float64Array(rows * K * levels.length);
      for (const [l, { values: level }] of levels.entries())
        for (let i = 0; i < rows * K; i++) values[i * levels.length + l] = level[i];
      return { shape: [rows, K, levels.length], values };
    },
  };
}

function labelKind(posterior: AnyPosterior): OutputKind {
  const K = posterior.model.outputSize;
  const names = posterior.classNames ?? Array.from({ length: K }, (_, k) => String(k));
  return {
    name: 'label',
    datatype: 'BYTES',
    shape: [],
    byDefault: true,
    description: 'The most probable class, the first of equals.',
    take: ({ rows, mean }) => ({
      shape: [rows],
      values: Array.from({ length: rows }, (_, row) => {
        let top = 0;
        for (let k = 1; k < K; k++) if (mean[row * K + k] > mean[row * K + top]) top = k;
        return names[top];
      }),
    }),
  };
}

/** Standard error of each mean, of the draws there are: sqrt(epistemic / (draws − 1)); of an ensemble an upper bound. */
function errorKind(K: number): OutputKind {
  return {
    name: 'monte_carlo_error',
    datatype: 'FP64',
    shape: [K],
    byDefault: false,
    description: 'How far each mean may be off for want of draws: its standard error.',
    take: (prediction, mode) => ({
      shape: [prediction.rows, K],
      values: monteCarloErrors(prediction, mode),
    }),
  };
}

function rowDrawsKind(): OutputKind {
  return {
    name: 'row_draws',
    datatype: 'INT32',
    shape: [],
    byDefault: false,
    description: 'Draws of each row, as its tolerance asked for.',
    take: ({ rows, draws, rowDraws }) => ({
      shape: [rows],
      values: rowDraws ?? new Int32Array(rows).fill(draws),
    }),
  };
}

/** The tensor of an output. */
export function takeOutput(kind: OutputKind, prediction: Prediction, mode: PredictionMode): OutputTensor {
  return { name: kind.name, datatype: kind.datatype, ...kind.take(prediction, mode) };
}
