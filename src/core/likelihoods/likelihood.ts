// What a likelihood is to the rest: one loss kernel over a run of minibatch rows, and how its targets are stored.

import type { Kernels } from '../../backend/backend.ts';
import type { LikelihoodSpec } from '../model.ts';
import { bernoulli } from './bernoulli.ts';
import { categorical } from './categorical.ts';
import { gaussian } from './gaussian.ts';

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

export interface Likelihood {
  readonly kind: LikelihoodSpec['kind'];
  readonly targets: 'labels' | 'values';
  /** Whether the noise scale is a parameter to be learned. */
  readonly learnsScale: boolean;
  loss(kernels: Kernels, at: LossAddresses, outputs: number, rows: number, scale: number): void;
}

export function createLikelihood(spec: LikelihoodSpec): Likelihood {
  if (spec.kind === 'categorical') return categorical;
  if (spec.kind === 'bernoulli') return bernoulli;
  return gaussian(spec);
}
