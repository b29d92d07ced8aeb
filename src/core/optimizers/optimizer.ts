// What an optimizer is to the rest: how many moment buffers it keeps, the scalars of a step, and one kernel call a block.

import type { Kernels } from '../../backend/backend.ts';

/** Byte addresses of one block's arrays in the arena. */
export interface UpdateAddresses {
  mu: number;
  rho: number;
  /** Moment buffers, as many as `slots`. */
  moments: readonly [number, number, number, number];
  gMu: number;
  gSigma: number;
  /** 0, or the noise that turns gMu into gSigma. */
  noise: number;
  scalars: number;
}

/** Which moment buffers hold running sums of the gradients of mu and rho, and what turns such a sum into a mean. */
export interface GradientMemory {
  readonly mu: number;
  readonly rho: number;
  readonly scale: number;
}

export interface Optimizer {
  /** What the moment buffers are called in a saved state, in the order of `moments`: `mu.m` is the m of mu. */
  readonly momentNames: readonly string[];
  /** Moment buffers per parameter buffer pair (mu, rho). */
  readonly slots: number;
  /** Writes the step's scalars (UPDATE_SCALARS); `step` counts from 0, `rate` is the scheduled learning rate. */
  scalars(out: Float32Array, step: number, rate: number): void;
  /** Updates a block; returns the kernels' bit set of non-finite parameters. */
  update(kernels: Kernels, at: UpdateAddresses, rows: number, lanes: number): number;
  /** The same rule for one point parameter in float64: `points` holds value, m, v from index `at`. */
  updatePoint(points: Float64Array, at: number, gradient: number, step: number, rate: number): void;
  /** Where it keeps Σ_i decay^(steps−i)·gradient_i after `steps` steps; times `scale` that is Σ_i decay^(steps−i)·gradient_i / Σ_i decay^(steps−i). */
  gradientMemory(steps: number): GradientMemory;
}
