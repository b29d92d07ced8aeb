// Categorical likelihood of K classes from K logits: −log softmax(logits)[label].

import { expectedCalibrationError } from '../calibration/expectedCalibrationError.ts';
import { brier, categoricalNll, errorRate } from '../metrics/classification.ts';
import { average } from '../metrics/meanAndStandardError.ts';
import { classVariance, monteCarloBound } from '../metrics/monteCarloError.ts';
import { entropyOf, plogp } from './entropy.ts';
import type { Likelihood } from './likelihood.ts';

export const categorical: Likelihood = {
  kind: 'categorical',
  targets: 'labels',
  task: 'classification',
  onScale: false,
  expects: (outputs) => `class numbers 0 to ${outputs - 1}`,
  fits: (target, outputs) => Number.isInteger(target) && target >= 0 && target < outputs,

  scale: null,
  loss(kernels, at, outputs, rows, scale) {
    kernels.categorical_f32(at.loss, at.gradient, at.outputs, at.targets, outputs, outputs, rows, scale);
  },
  /** Entropy of the labels' frequencies. */
  baselineNll(labels, outputs) {
    const counts = new Float64Array(outputs);
    for (const label of labels) counts[label]++;
    return entropyOf([...counts].map((count) => count / labels.length));
  },

  entropies: 'row',
  observe(kernels, outputs, entropy, K, panels) {
    kernels.softmax_f32(outputs, entropy, outputs, K, K, panels);
  },
  /** E[p(1 − p)] = p̄ − (p̄² + Var p). */
  aleatoric: (_, mean, variance) => Math.max(0, mean - (mean * mean + variance)),
  predictiveEntropy(mean, first, K) {
    let h = 0;
    for (let k = 0; k < K; k++) h += plogp(mean[first + k]);
    return h;
  },

  noise: null,
  metrics: ['nll', 'error', 'brier', 'ece'],
  /** brier is Brier's original sum over classes, 0 to 2. */
  score({ mean, epistemic, outputs: K, draws }, labels, drawn) {
    return {
      nll: average(categoricalNll(mean, labels, K)),
      nllMonteCarloError: monteCarloBound(classVariance(mean, epistemic, labels, drawn ? draws : 1)),
      error: errorRate(mean, labels, K),
      brier: average(brier(mean, labels, K)),
      ece: expectedCalibrationError(mean, labels, K),
    };
  },
};
