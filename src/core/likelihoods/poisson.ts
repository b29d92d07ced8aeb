// Poisson likelihood of counts, the logarithm of whose mean the network gives: rate − target·log(rate) + log(target!) (McCullagh & Nelder 1989,
// chapter 6).

import { log } from '../../math/float64.ts';
import { logFactorial, poissonCdf, poissonLogMass } from '../../math/poisson.ts';
import { columnMoments } from './entropy.ts';
import type { Likelihood } from './likelihood.ts';

/** float32 holds whole numbers up to here. */
const LARGEST = 2 ** 24;

export const poisson: Likelihood = {
  kind: 'poisson',
  targets: 'values',
  task: 'regression',
  onScale: false,
  expects: () => `counts, whole numbers from 0 to ${LARGEST}`,
  fits: (target) => Number.isInteger(target) && target >= 0 && target <= LARGEST,

  scale: null,
  loss(kernels, at, outputs, rows, scale) {
    kernels.poisson_f32(at.loss, at.gradient, at.outputs, at.targets, outputs, outputs, rows, scale);
  },
  constantNll(targets, outputs) {
    let sum = 0;
    for (const target of targets) sum += logFactorial(target);
    return (sum * outputs) / targets.length;
  },
  /** Of the mean of each output: Σ_k mean − mean·log(mean). */
  baselineNll(targets, outputs) {
    let nll = 0;
    for (let k = 0; k < outputs; k++) {
      const { mean } = columnMoments(targets, k, outputs);
      if (mean > 0) nll += mean - mean * log(mean);
    }
    return nll;
  },

  entropies: null,
  observe(kernels, outputs, _entropy, K, panels) {
    kernels.exp_f32(outputs, outputs, panels * K);
  },
  /** The variance of a count is its mean. */
  aleatoric: (_, mean) => mean,
  predictiveEntropy: () => Number.NaN,

  noise: null,
  counts: { logMass: poissonLogMass, cdf: poissonCdf },
  metrics: ['nll', 'rmse', 'mae'],
  score: null,
};
