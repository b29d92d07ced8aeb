// Categorical likelihood of K classes from K logits: −log softmax(logits)[label].

import type { Likelihood } from './likelihood.ts';

export const categorical: Likelihood = {
  kind: 'categorical',
  targets: 'labels',
  learnsScale: false,
  loss(kernels, at, outputs, rows, scale) {
    kernels.categorical_f32(at.loss, at.gradient, at.outputs, at.targets, outputs, outputs, rows, scale);
  },
};
