// What a training tells as it goes and what an evaluation comes to: plain data that reports, logs and displays are made of.

import type { ValidationMetric } from '../../core/likelihoods/likelihood.ts';
import type { Diagnostics } from './diagnosis.ts';

/** An epoch with what its posterior came to on the validation rows. */
export interface JudgedEpoch {
  readonly epoch: number;
  readonly metric: ValidationMetric;
  readonly value: number;
}

/** What a report says of the choice so far. */
export interface SelectionReport {
  /** The best epoch until now, by the metric epochs are selected by. */
  readonly best?: JudgedEpoch;
  /** Training ends here, before its last epoch. */
  readonly stopped?: 'earlyStopping';
}

export interface TrainProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
}

/** One epoch. elbo, nll and kl are nats per training row, for targets in the data's own units: elbo = −(nll + kl). */
export interface TrainingReport extends SelectionReport {
  readonly epoch: number;
  /** Steps done by the end of the epoch. */
  readonly step: number;
  readonly elbo: number;
  /** Mean over the epoch's minibatches of the negative log-likelihood, at the weights drawn in each step. */
  readonly nll: number;
  /** KL(q ‖ prior) / N at the end of the epoch. */
  readonly kl: number;
  readonly learningRate: number;
  readonly validation: Evaluation | null;
  /** KL, collapse, signal-to-noise and gradients of the weights at the end of the epoch; absent where no diagnosis was due. */
  readonly diagnostics?: Diagnostics;
  /** Seconds since training began. */
  readonly seconds: number;
}

/** An epoch of one member of an ensemble. */
export interface MemberReport extends TrainingReport {
  readonly member: number;
}

/** Metrics of predictions against known targets; those that do not apply to the likelihood are absent. */
export interface Evaluation {
  readonly rows: number;
  readonly draws: number;
  /** −log predictive density (or probability) of the target, mean per row, in nats and original units. */
  readonly nll: number;
  /**
   * How far `nll` may be off because it averages a finite number of draws, in nats per row; 0 where nothing is drawn (docs/mathematics.md). More draws
   * make it smaller.
   */
  readonly nllMonteCarloError?: number;
  /** Share of rows whose most probable class is wrong. */
  readonly error?: number;
  readonly brier?: number;
  /** Expected calibration error, 15 bins. */
  readonly ece?: number;
  readonly rmse?: number;
  readonly mae?: number;
  /** Share of targets inside the central 90 % predictive interval. */
  readonly coverage90?: number;
  /** Of several targets: the same of each, `price.rmse`; `output0.rmse` where targets have no names. Not of validation rows. */
  readonly [ofOneTarget: `${string}.${string}`]: number;
}
