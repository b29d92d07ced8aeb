// The contract of a likelihood p(target | outputs of the network): which targets it takes, its loss in training, what its outputs say of a
// target in predictions, and how predictions are scored. Everything particular to a kind is in its own file.

import type { Kernels } from '../../backend/backend.ts';
import type { CountDistribution } from '../predictive/countDistribution.ts';
import type { StandardDistribution } from '../predictive/standardDistribution.ts';

/** Byte addresses of one run of rows of one draw. */
export interface LossAddresses {
  /** Network outputs [K, rows] in panels of K rows. */
  outputs: number;
  /** Targets of the same rows: labels (int32) or values [K, rows] in panels of K rows. */
  targets: number;
  /** Out: loss of each row. */
  loss: number;
  /** Out: d(loss)/d(output)·scale, like outputs. */
  gradient: number;
  /** Out: d(loss)/d(noise scale)·scale, like outputs; 0 where not wanted. */
  scaleGradient: number;
  /** 1 / noise scale and log(noise scale) per output. */
  inverse: number;
  logScale: number;
}

/** Metrics a likelihood can be judged by on validation rows; smaller is better. */
export const VALIDATION_METRICS = ['nll', 'error', 'brier', 'ece', 'rmse', 'mae'] as const;
export type ValidationMetric = (typeof VALIDATION_METRICS)[number];

/** What predictions say of discrete targets, as far as scores need it: [rows, K] means over `draws` draws, and their variances. */
export interface DiscretePrediction {
  readonly outputs: number;
  readonly draws: number;
  readonly mean: Float64Array;
  readonly epistemic: Float64Array;
}

/** Scores by name; nll first. */
export type Scores = { readonly nll: number } & Readonly<Record<string, number>>;

export interface Likelihood {
  /** Its name, for messages. */
  readonly kind: string;

  // — targets —

  /** How they are stored: one int32 label a row, or one float32 an output. */
  readonly targets: 'labels' | 'values';
  /** How a table's target column is to be read. */
  readonly task: 'regression' | 'classification' | 'binary';
  /** Whether targets are measured on a scale, and may be shifted and scaled. */
  readonly onScale: boolean;
  /** What a target must be, for messages: `class numbers 0 to 2`. */
  expects(columns: number): string;
  fits(target: number, columns: number): boolean;

  // — outputs of the network —

  /**
   * Outputs of the network per target: 1, the default, or 2 where the noise of every row has a scale of its own. Of K targets, output k then
   * says the mean of target k and output K + k the scale of its noise. `columns` counts targets, or classes, and `outputs` these.
   */
  readonly heads?: 1 | 2;

  // — training —

  /**
   * Standard deviation, or another unit of the noise, of each output in the units the network is trained in, or what counts have besides their
   * mean: a number, or `learned` as a point parameter beside q; null where the likelihood has none.
   */
  readonly scale: number | 'learned' | null;
  /** Name of the option that fixes `scale` in the data's units, of likelihoods that are `onScale`; left out where there is none. */
  readonly scaleOption?: string;
  loss(kernels: Kernels, at: LossAddresses, outputs: number, rows: number, scale: number): void;
  /** nll per row that `loss` and `baselineNll` leave out, because no output changes it; left out where it is 0. */
  constantNll?(targets: Int32Array | Float32Array, columns: number): number;
  /**
   * nll per row, in nats, of the best prediction that does not look at x: what a network has to beat.
   * @param targets labels [N], or values [N, K]
   */
  baselineNll(targets: Int32Array | Float32Array, columns: number): number;

  // — predictions —

  /** Whether entropies are one a row or one an output; null where they are not given. */
  readonly entropies: 'row' | 'output' | null;
  /**
   * Turns outputs of `panels` data panels of K outputs into means of the target given the weights, in place, and scales of its noise where these
   * are outputs, and writes their entropies.
   */
  observe(kernels: Kernels, outputs: number, entropy: number, K: number, panels: number): void;
  /**
   * E over draws of Var[target | weights], in training units, of one output.
   * @param scale of its noise, where rows have their own the root mean square over draws; not read where there is none
   * @param mean and `variance` over draws of the mean of the target given the weights
   */
  aleatoric(scale: number, mean: number, variance: number): number;
  /** Entropy of one row's (or one output's) averaged prediction, in nats: mean[first …], K numbers where it is of a row. */
  predictiveEntropy(mean: Float64Array, first: number, K: number): number;

  // — scores —

  /** Noise of a target around its mean, in units of `scale`; null for discrete targets and counts. */
  readonly noise: StandardDistribution | null;
  /** Distribution of a target that is a count, given its mean; null, or left out, for all others. */
  readonly counts?: CountDistribution | null;
  /** What early stopping may judge by. */
  readonly metrics: readonly ValidationMetric[];
  /**
   * Scores of predictions of discrete targets; null where they follow from `noise` or `counts`.
   * @param drawn false where the prediction is of the mean weights
   */
  readonly score:
    | ((prediction: DiscretePrediction, targets: ArrayLike<number>, drawn: boolean) => Scores)
    | null;
}
