// The contract of a posterior family q(W): which tensors it has, which weights draw s of a prediction has, and, where its weights have no
// sigma to learn, how training meets it. An ensemble is a mixture of posteriors of any families (mixture.ts).

import type { Kernels } from '../../backend/backend.ts';
import type { SeedKey } from '../../random/seed.ts';
import type { Estimator } from '../estimators/estimator.ts';
import type { LayerLayout } from '../layers/layer.ts';
import type { ParameterLayout } from '../parameters.ts';
import type { PredictionMode } from '../prediction/predictionMode.ts';

/** A buffer of parameters, and what it is called in files: `layers.0.weight.mu`. */
export type ParameterName = 'mu' | 'rho';

/** What weights are drawn from in a prediction; mu and rho are the addresses of the parameter buffers. */
export interface WeightContext {
  readonly layout: ParameterLayout;
  readonly kernels: Kernels;
  readonly mu: number;
  readonly rho: number;
  readonly key: SeedKey;
}

/** The weights of draws of one posterior: those of draw s are the same for all rows, and a function of the seed and s alone. */
export interface WeightSource {
  /** Address of the weights of a draw, a parameter buffer: `out`, which is filled, or one that is there and must not be written to. */
  draw(out: number, draw: number): number;
}

/**
 * How a family without a sigma is trained: by mu alone. A weight is mu/kept with probability `kept`, and 0 otherwise, so its mean is mu.
 * Its part in the objective is the cross-entropy −E_q[log p(w)] = −kept·log p(mu/kept) − (1 − kept)·log p(0), which is the KL(q ‖ p) but
 * for an entropy that does not depend on mu.
 */
export interface MeansTraining {
  /** Enters weights into a step; takes the place of the estimators for location and scale. */
  readonly estimator: Estimator<unknown>;
  /** The probability that a weight of the layer is not 0; a bias always is kept. */
  kept(layer: LayerLayout): number;
}

/**
 * How a posterior is made of the path of training instead of its end: mu at the ends of epochs, from one of them on, is added to a running mean
 * and a sum of squared deviations, which are part of a training's state.
 */
export interface Path {
  /** The first epoch of `epochs`, counted from 0, whose end is kept. */
  first(epochs: number): number;
  /** The parameters of the posterior: buffers of all weights, like those given. `count` ends were kept; none before the first. */
  posterior(kept: {
    readonly mu: Float32Array;
    readonly mean: Float32Array;
    readonly m2: Float32Array;
    readonly count: number;
  }): Readonly<Record<ParameterName, Float32Array>>;
}

export interface PosteriorFamily {
  /** In the order of files. */
  readonly parameters: readonly ParameterName[];
  /** Ways to predict from it. */
  readonly modes: readonly PredictionMode[];
  /** Whether all draws are one network. */
  readonly deterministic: boolean;
  /** Null where weights have a sigma: any estimator enters them, and the prior's KL goes with it. */
  readonly means: MeansTraining | null;
  /** Left out where the posterior is where training ends; only of families with `means`. */
  readonly path?: Path;
  weights(context: WeightContext): WeightSource;
}
