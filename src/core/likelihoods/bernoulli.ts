// Bernoulli likelihood of K independent 0/1 targets from K logits: Σ_k softplus(logit) − target·logit.

import type { Likelihood } from './likelihood.ts';

export const bernoulli: Likelihood = {
  kind: 'bernoulli',
  targets: 'values',
  learnsScale: false,
  loss(kernels, at, outputs, rows, scale) {
    kernels.bernoulli_f32(at.loss, at.gradient, at.outputs, at.targets, outputs, outputs, rows, scale);
  },
};
