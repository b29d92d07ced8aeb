// How far an nll may be off because the predictive density is an average over S draws and not an integral: −log of an average is too
// high on average, and it varies from one set of draws to the next.

import { exp } from '../../math/float64.ts';

/**
 * Of rows that share S draws, with weights w_rs = p_rs / mean_s p_rs (p_rs the density or probability of row r's target under draw s), to
 * first and second order in the error of the averages (delta method):
 *
 *     standardError² = 1/(S·(S − 1))·Σ_s (h_s − 1)²,   h_s = mean over rows of w_rs
 *     bias           = mean over rows of ½·v_r,         v_r = 1/(S·(S − 1))·Σ_s (w_rs − 1)²
 *     error          = sqrt(standardError² + bias²)
 *
 * Rows share draws, so their errors do not average out: the standard error is that of the whole mean. v_r is the squared relative error
 * of row r's average, S/(S − 1)·(1/ESS_r − 1/S) with ESS_r its effective number of draws. Where single draws decide a row (ESS_r near 1),
 * v_r is at most 1: then the error is a lower bound, and large enough to be seen.
 */
export class MonteCarloTally {
  /** v_r, [rows] */
  readonly relativeVariance: Float64Array;
  /** Σ over rows of w_rs, [S] */
  readonly #sums: Float64Array;

  constructor(
    readonly rows: number,
    readonly draws: number,
  ) {
    this.relativeVariance = new Float64Array(rows);
    this.#sums = new Float64Array(draws);
  }

  /** Takes in a row by terms whose exp is proportional to p_rs, and the log of the sum of these. */
  add(row: number, exponents: Float64Array, logSum: number): void {
    const S = this.draws;
    let squares = 0;
    for (let s = 0; s < S; s++) {
      const w = S * exp(exponents[s] - logSum);
      this.#sums[s] += w;
      squares += (w - 1) * (w - 1);
    }
    this.relativeVariance[row] = S > 1 ? squares / (S * (S - 1)) : 0;
  }

  /** error, in nats per row. */
  error(): number {
    const { rows, draws: S } = this;
    if (S < 2) return 0;
    let squares = 0;
    for (const sum of this.#sums) squares += (sum / rows - 1) * (sum / rows - 1);
    return combined(squares / (S * (S - 1)), this.relativeVariance);
  }
}

/**
 * The same where only v_r of each row is known: standardError ≤ mean over rows of sqrt(v_r), as if all rows went up and down together.
 */
export function monteCarloBound(relativeVariance: Float64Array): number {
  let sum = 0;
  for (const v of relativeVariance) sum += Math.sqrt(v);
  const standardError = sum / relativeVariance.length;
  return combined(standardError * standardError, relativeVariance);
}

function combined(squaredStandardError: number, relativeVariance: Float64Array): number {
  let sum = 0;
  for (const v of relativeVariance) sum += v / 2;
  const bias = sum / relativeVariance.length;
  return Math.sqrt(squaredStandardError + bias * bias);
}

/**
 * v_r of averaged class probabilities: mean, epistemic = 1/S·Σ_s (p_s − mean)², labels as class numbers; [rows, K] → [rows].
 * A label without any probability has an unknown error, as large as v_r gets: 1.
 */
export function classVariance(
  mean: ArrayLike<number>,
  epistemic: ArrayLike<number>,
  labels: ArrayLike<number>,
  draws: number,
): Float64Array {
  const K = mean.length / labels.length;
  return Float64Array.from(labels, (label, r) =>
    ofProbability(mean[r * K + label], epistemic[r * K + label], draws),
  );
}

/** The same of K averaged Bernoulli probabilities a row and targets of 0 and 1: at most (Σ_k sqrt(v_rk))². */
export function binaryVariance(
  mean: ArrayLike<number>,
  epistemic: ArrayLike<number>,
  targets: ArrayLike<number>,
  outputs: number,
  draws: number,
): Float64Array {
  return Float64Array.from({ length: targets.length / outputs }, (_, r) => {
    let sum = 0;
    for (let i = r * outputs; i < (r + 1) * outputs; i++)
      sum += Math.sqrt(ofProbability(targets[i] > 0.5 ? mean[i] : 1 - mean[i], epistemic[i], draws));
    return sum * sum;
  });
}

function ofProbability(p: number, variance: number, draws: number): number {
  if (draws < 2) return 0;
  return p > 0 ? Math.min(1, variance / (p * p) / (draws - 1)) : 1;
}
