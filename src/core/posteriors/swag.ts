// SWAG with a diagonal covariance (Maddox et al. 2019, "A simple baseline for Bayesian uncertainty in deep learning", §3.2): the weights' mean
// and variance over the ends of the last epochs of an ordinary training. Predictions are those of a mean-field Gaussian.

import { softplusInverse } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import { meanWeights } from '../estimators/meanWeights.ts';
import { meanField } from './meanField.ts';
import type { PosteriorFamily } from './posteriorFamily.ts';

export const swagOptions = ({ fraction }: Fields) => ({
  from: fraction('Share of the epochs before the first whose end is kept.').default(0.75),
});

/** A weight that never moved, or was kept once, has this sigma: softplus has no 0. */
const LEAST_SIGMA = 1e-8;

/** q = N(mean, variance) with mean and variance (divisor n) of mu over the n ends that were kept; before the first, N(mu, 0). */
export function swag({ from }: { readonly from: number }): PosteriorFamily {
  return {
    ...meanField(),
    means: { estimator: meanWeights, kept: () => 1 },
    path: {
      first: (epochs) => Math.floor(from * epochs),
      posterior: ({ mu, mean, m2, count }) => {
        if (count === 0) return { mu, rho: mu.map(() => softplusInverse(LEAST_SIGMA)) };
        const rho = m2.map((sum) => softplusInverse(Math.max(LEAST_SIGMA, Math.sqrt(sum / count))));
        return { mu: mean, rho };
      },
    },
  };
}
