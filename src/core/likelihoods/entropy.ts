// Entropies of frequencies and moments of columns, which several likelihoods need.

import { log } from '../../math/float64.ts';

/** −p·log p, 0 at 0. */
export function plogp(p: number): number {
  return p > 0 ? -p * log(p) : 0;
}

/** Σ −p·log p in nats. */
export function entropyOf(probabilities: readonly number[]): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * log(p) : sum), 0);
}

/** Mean and variance (divisor N) of column k of K. */
export function columnMoments(
  values: ArrayLike<number>,
  k: number,
  K: number,
): { mean: number; variance: number } {
  const rows = values.length / K;
  let mean = 0;
  for (let i = k; i < values.length; i += K) mean += values[i];
  mean /= rows;
  let squares = 0;
  for (let i = k; i < values.length; i += K) squares += (values[i] - mean) * (values[i] - mean);
  return { mean, variance: squares / rows };
}
