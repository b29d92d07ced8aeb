// What an optimizer is to the rest: the moments it keeps by name, the scalars of a step, and one kernel call a block.

import type { Kernels } from '../../backend/backend.ts';
import type { Objection } from '../objection.ts';

/** Byte addresses of one block's arrays in the arena. */
export interface UpdateAddresses {
  mu: number;
  rho: number;
  /** Moment buffers, in the order of `momentNames`. */
  moments: readonly number[];
  gMu: number;
  gSigma: number;
  /** 0, or the noise that turns gMu into gSigma. */
  noise: number;
  scalars: number;
}

/** What there is of them where there is no rho. */
export type MeansAddresses = Pick<UpdateAddresses, 'mu' | 'moments' | 'gMu' | 'scalars'>;

/** Which moment buffers hold running sums of the gradients of mu and rho, and what turns such a sum into a mean. */
export interface GradientMemory {
  readonly mu: number;
  readonly rho: number;
  readonly scale: number;
}

/** What of a problem decides whether an optimizer can work with it. */
export interface OptimizedProblem {
  /** The different priors of its layers, by kind; `precision` as in Prior. */
  readonly priors: ReadonlyArray<{ readonly kind: string; readonly precision: number }>;
  /** Whether the KL weighs less in some step than in one before. */
  readonly klWeightFalls: boolean;
  /** Whether gradients are clipped, the KL's part with them. */
  readonly clips: boolean;
}

export interface Optimizer {
  /** A moment buffer for each name, 0 before the first step; what it is called in a saved state: `mu.m` is the m of mu. */
  readonly momentNames: readonly string[];
  /** Writes the step's scalars (UPDATE_SCALARS); `step` counts from 0, `rate` is the scheduled learning rate. */
  scalars(out: Float32Array, step: number, rate: number): void;
  /** Updates a block; returns the kernels' bit set of non-finite parameters. */
  update(kernels: Kernels, at: UpdateAddresses, rows: number, lanes: number): number;
  /**
   * The same rule for mu alone, by a gMu that is complete; its moments are those whose names begin with `mu.`. Left out where there is no
   * such rule: then it trains no family without a sigma. Returns the kernels' bit set.
   */
  updateMeans?(kernels: Kernels, at: MeansAddresses, rows: number, lanes: number): number;
  /** The same rule for one point parameter in float64: `points` holds value, m, v from index `at`. */
  updatePoint(points: Float64Array, at: number, gradient: number, step: number, rate: number): void;
  /** Where it keeps Σ_i decay^(steps−i)·gradient_i after `steps` steps; times `scale` that is Σ_i decay^(steps−i)·gradient_i / Σ_i decay^(steps−i). Null where it keeps neither. */
  gradientMemory(steps: number): GradientMemory | null;
  /** What of a problem it cannot work with; null, or left out, where it can work with all of it. */
  objection?(to: OptimizedProblem): Objection | null;
}
