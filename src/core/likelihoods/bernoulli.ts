// Bernoulli likelihood of K independent 0/1 targets from K logits: Σ_k softplus(logit) − target·logit.

import { bernoulliNll } from '../metrics/classification.ts';
import { average } from '../metrics/meanAndStandardError.ts';
import { binaryVariance, monteCarloBound } from '../metrics/monteCarloError.ts';
import { columnMoments, entropyOf, plogp } from './entropy.ts';
import type { Likelihood } from './likelihood.ts';

export const bernoulli: Likelihood = {
  kind: 'bernoulli',
  targets: 'values',
  task: 'binary',
  onScale: false,
  expects: () => 'targets 0 or 1',
  fits: (target) => target === 0 || target === 1,

  scale: null,
  loss(kernels, at, outputs, rows, scale) {
    kernels.bernoulli_f32(at.loss, at.gradient, at.outputs, at.targets, outputs, outputs, rows, scale);
  },
  /** Sum over outputs of the entropy of each one's frequency. */
  baselineNll(targets, outputs) {
    let nll = 0;
    for (let k = 0; k < outputs; k++) {
      const { mean } = columnMoments(targets, k, outputs);
      nll += entropyOf([mean, 1 - mean]);
    }
    return nll;
  },

  entropies: 'output',
  observe(kernels, outputs, entropy, K, panels) {
    kernels.sigmoid_f32(outputs, entropy, outputs, panels * K);
  },
  /** E[p(1 − p)] = p̄ − (p̄² + Var p). */
  aleatoric: (_, mean, variance) => Math.max(0, mean - (mean * mean + variance)),
  predictiveEntropy: (mean, first) => plogp(mean[first]) + plogp(1 - mean[first]),

  noise: null,
  metrics: ['nll', 'error', 'brier'],
  /** error counts outputs on the wrong side of one half; brier sums over both outcomes as that of classes does: 2·(p − y)². */
  score({ mean, epistemic, outputs, draws }, targets, drawn) {
    let wrong = 0;
    let squared = 0;
    for (let i = 0; i < mean.length; i++) {
      if (mean[i] > 0.5 !== targets[i] > 0.5) wrong++;
      const error = mean[i] - targets[i];
      squared += 2 * error * error;
    }
    return {
      nll: average(bernoulliNll(mean, targets, outputs)),
      nllMonteCarloError: monteCarloBound(
        binaryVariance(mean, epistemic, targets, outputs, drawn ? draws : 1),
      ),
      error: wrong / mean.length,
      brier: squared / mean.length,
    };
  },
};
