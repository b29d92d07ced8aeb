// The contract of a KL weighting: how much of KL/N enters the objective of a minibatch. Averaged over an epoch of the true ELBO it is 1.

import type { Member } from '../../options/kinds.ts';

/** Where a step stands in its training. */
export interface StepPlace {
  /** From 0. */
  readonly step: number;
  /** M, steps of an epoch. */
  readonly perEpoch: number;
  /** Steps of the whole training. */
  readonly steps: number;
}

/** A kind of KL weighting; `options` are those that were given, and may lack what has a default. */
export interface KlWeighting<Options> extends Member {
  /** Whether it rises over epochs, so that a fit cannot be judged before it is at its `full` weight. */
  readonly rises: boolean;
  /** Whether it is ever lower than at a step before. */
  readonly falls: boolean;
  /** What the weight of an epoch comes to in the end. */
  full(options: Options): number;
  weight(options: Options, at: StepPlace): number;
}
