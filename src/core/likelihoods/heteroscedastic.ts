// Gaussian likelihood whose standard deviation depends on the features: the network gives a mean and a scale for each target of each row.
// Nix & Weigend 1994, "Estimating the mean and variance of the target probability distribution"; Kendall & Gal 2017, §2.2.

import { ROW_BYTES } from '../layers/layer.ts';
import { gaussian } from './gaussian.ts';
import type { Likelihood } from './likelihood.ts';

/** The least scale, in training units: far from the data softplus reaches 0, where there is no density. */
const FLOOR = 2 ** -20;

const constant = gaussian({ scale: 'learned' });

/** loss = Σ_k ½·z² + log scale_k + ½·log(2π), z = (mean_k − target_k)/scale_k, scale_k = softplus(raw_k) + FLOOR. */
export const heteroscedastic: Likelihood = {
  ...constant,
  kind: 'heteroscedastic',
  heads: 2,
  scale: null,
  loss(kernels, { loss, gradient, outputs, targets }, heads, rows, factor) {
    kernels.gaussian_heads_f32(loss, gradient, outputs, targets, heads / 2, heads, rows, FLOOR, factor);
  },
  observe(kernels, outputs, _entropy, K, panels) {
    const targets = K / 2;
    for (let p = 0; p < panels; p++) {
      const raw = outputs + (p * K + targets) * ROW_BYTES;
      kernels.softplus_f32(raw, raw, targets, FLOOR);
    }
  },
};
