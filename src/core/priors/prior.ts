// The contract of a prior p(w): how its part of the KL enters an update, and what the KL is. Three ways to enter, from the cheapest:
// a precision that the update kernels take with them, a gradient of mu and sigma in closed form, or log p at the drawn weights.

import type { Kernels } from '../../backend/backend.ts';

/** A run of parameters: byte addresses of [rows, 16] floats. */
export interface ParameterRows {
  readonly mu: number;
  readonly rho: number;
  readonly rows: number;
  /** Lanes that are parameters; the others are padding. */
  readonly lanes: number;
}

/** A few numbers of a prior, for each layer its own, that follow from sums over the weights of the layer after every step. */
export interface LearnedPrior {
  /** What they are called in saved files: `layers.N.prior.<name>`. */
  readonly names: readonly string[];
  /** Before the first step. */
  readonly initial: readonly number[];
  /** The prior that such numbers make, with the same ways to enter an update. */
  at(values: ArrayLike<number>): Prior;
  /** Writes what a block of weights adds to each sum, one float a name, to `out`. */
  tally(kernels: Kernels, out: number, of: ParameterRows): void;
  /** Writes the numbers after a step into `values`: `sums` of the tallies over a layer of `count` weights and biases. */
  update(values: Float64Array, sums: Float64Array, count: number): void;
}

/**
 * KL(q ‖ p) = Σ E_q[log q(w) − log p(w)] over weights and biases, each independent in q and p. Its entropy term E_q[log q] is every prior's
 * own, and the update kernels' business.
 */
export interface Prior {
  /** Of a prior that is N(0, 1/precision): mu and sigma are drawn to 0 by klScale·precision in the update kernels. Else 0. */
  readonly precision: number;
  /**
   * Adds d/d(mu, sigma) of −klScale·E_q[log p(w)] to gMu and gSigma (byte addresses), for a prior whose expectation has a closed form
   * beyond a precision.
   */
  readonly expectedGradient?: (
    kernels: Kernels,
    gMu: number,
    gSigma: number,
    of: ParameterRows,
    klScale: number,
  ) => void;
  /** Whether its KL has no closed form: training then takes log p at the drawn weights. */
  readonly sampled: boolean;
  /** Adds −factor·d/dw log p(w) to dW; w and dW are byte addresses of [rows, 16] floats. */
  logDensityGradient(kernels: Kernels, dW: number, w: number, rows: number, factor: number): void;
  /** log p(w) of one weight in float64, in nats. */
  logDensity(w: number): number;
  /**
   * Writes Σ KL of the parameters in nats, one float, to `out`.
   * @param w addresses of their draws, for a sampled prior: then the KL is the mean over these, log p(w) at each
   */
  kl(kernels: Kernels, out: number, of: ParameterRows, w: readonly number[]): void;
  /** What it learns beside q, where it learns anything; then each layer has a prior of its own. */
  readonly learned?: LearnedPrior;
  /** KL of one parameter in float64, in nats, for diagnostics; logSigma = log(sigma) is known already. */
  elementKl(mu: number, sigma: number, logSigma: number): number;
}
