// The nll of the best prediction that does not look at x: what a network has to beat to have learned anything.

import { log } from '../../math/float64.ts';
import type { LikelihoodSpec } from '../model.ts';

/**
 * nats per row of the constant that fits the targets best, in the units of the targets given. `categorical` (labels): the entropy of
 * the labels' frequencies; `bernoulli`: the sum over outputs of that of each; `gaussian`: Σ_k ½·log(2π·e·variance_k), and with a
 * fixed scale Σ_k ½·log(2π) + log scale + variance_k/(2·scale²).
 * @param targets labels [N], or values [N, K]
 */
export function baselineNll(
  likelihood: LikelihoodSpec,
  targets: Int32Array | Float32Array,
  K: number,
): number {
  if (likelihood.kind === 'categorical') {
    const counts = new Float64Array(K);
    for (const label of targets) counts[label]++;
    return entropy([...counts].map((count) => count / targets.length));
  }
  let nll = 0;
  for (let k = 0; k < K; k++) {
    const { mean, variance } = columnMoments(targets, k, K);
    if (likelihood.kind === 'bernoulli') nll += entropy([mean, 1 - mean]);
    else if (likelihood.scale === 'learned') nll += 0.5 * log(2 * Math.PI * Math.E * variance);
    else {
      const { scale } = likelihood;
      nll += 0.5 * log(2 * Math.PI) + log(scale) + variance / (2 * scale * scale);
    }
  }
  return nll;
}

function entropy(probabilities: readonly number[]): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * log(p) : sum), 0);
}

function columnMoments(values: ArrayLike<number>, k: number, K: number): { mean: number; variance: number } {
  const rows = values.length / K;
  let mean = 0;
  for (let i = k; i < values.length; i += K) mean += values[i];
  mean /= rows;
  let squares = 0;
  for (let i = k; i < values.length; i += K) squares += (values[i] - mean) * (values[i] - mean);
  return { mean, variance: squares / rows };
}
