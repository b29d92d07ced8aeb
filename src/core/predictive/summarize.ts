// From moments over draws to what a user reads: variance split by its cause, entropies, the data's own units.

import { log } from '../float64.ts';
import type { Posterior } from '../posterior.ts';
import type { MomentAccumulator } from './moments.ts';
import type { Prediction } from './prediction.ts';

/**
 * Law of total variance: epistemic = Var_s(E[y | w_s]), aleatoric = E_s(Var[y | w_s]). Entropies for discrete targets:
 * predictive H(E_s p_s), expected E_s H(p_s), mutual information the difference (Houlsby et al. 2011).
 * @param outputs moments over draws of E[y | w], [rows, K]
 * @param entropies moments over draws of H[y | w], [rows] or [rows, K]; null for gaussian
 */
export function summarize(
  posterior: Posterior,
  rows: number,
  draws: number,
  outputs: MomentAccumulator,
  entropies: MomentAccumulator | null,
): Prediction {
  const K = posterior.model.outputSize;
  const mean = Float32Array.from(outputs.mean);
  const epistemic = Float32Array.from(outputs.m2, (m2) => m2 / draws);
  const aleatoric = new Float32Array(rows * K);
  for (let i = 0; i < rows * K; i++)
    aleatoric[i] = conditionalVariance(posterior, i % K, outputs.mean[i], outputs.m2[i] / draws);
  const targets = posterior.standardization.targets;
  if (targets !== null) {
    for (let i = 0; i < rows * K; i++) {
      const scale = targets.scale[i % K];
      mean[i] = targets.loc[i % K] + scale * outputs.mean[i];
      epistemic[i] = scale * scale * (outputs.m2[i] / draws);
      aleatoric[i] *= scale * scale;
    }
  }
  const variance = epistemic.map((value, i) => value + aleatoric[i]);
  const discrete = entropies === null ? null : uncertainty(posterior, rows, outputs.mean, entropies.mean);
  return {
    rows,
    outputs: K,
    draws,
    mean,
    variance,
    aleatoric,
    epistemic,
    predictiveEntropy: discrete?.predictive ?? null,
    expectedEntropy: discrete?.expected ?? null,
    mutualInformation: discrete?.mutual ?? null,
    quantiles: null,
  };
}

/** E_s Var[y | w_s] in training units: the noise variance, or for a probability E[p(1 − p)] = p̄ − (p̄² + Var p). */
function conditionalVariance(posterior: Posterior, k: number, mean: number, variance: number): number {
  if (posterior.noiseScale !== null) return posterior.noiseScale[k] * posterior.noiseScale[k];
  return Math.max(0, mean - (mean * mean + variance));
}

function uncertainty(posterior: Posterior, rows: number, mean: Float64Array, expectedMean: Float64Array) {
  const K = posterior.model.outputSize;
  const categorical = posterior.likelihood.kind === 'categorical';
  const predictive = new Float32Array(categorical ? rows : rows * K);
  for (let i = 0; i < predictive.length; i++) {
    if (categorical) {
      let h = 0;
      for (let k = 0; k < K; k++) h += plogp(mean[i * K + k]);
      predictive[i] = h;
    } else {
      predictive[i] = plogp(mean[i]) + plogp(1 - mean[i]);
    }
  }
  const expected = Float32Array.from(expectedMean);
  const mutual = predictive.map((h, i) => Math.max(0, h - expected[i]));
  return { predictive, expected, mutual };
}

/** −p·log p, 0 at 0. */
function plogp(p: number): number {
  return p > 0 ? -p * log(p) : 0;
}
