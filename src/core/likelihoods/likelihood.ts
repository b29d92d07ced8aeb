// What a likelihood is to the rest: one loss kernel over a run of minibatch rows, and how its targets are stored.

import type { Kernels } from '../../backend/backend.ts';

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
  readonly kind: 'categorical' | 'bernoulli' | 'gaussian';
  readonly targets: 'labels' | 'values';
  /** Whether the noise scale is a parameter to be learned. */
  readonly learnsScale: boolean;
  loss(kernels: Kernels, at: LossAddresses, outputs: number, rows: number, scale: number): void;
}
