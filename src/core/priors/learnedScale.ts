// A Gaussian prior whose scale is learned, for each layer its own: empirical Bayes, by the closed form that is best for q after every step
// (MacKay 1992, "Bayesian interpolation"; for mean-field q, Wu et al. 2019, "Deterministic variational inference for robust Bayesian
// neural networks", §4).

import type { Fields } from '../../options/kinds.ts';
import { gaussian } from './gaussian.ts';
import type { Prior } from './prior.ts';

export const learnedScaleOptions = ({ deviation, positive }: Fields) => ({
  scale: deviation('Standard deviation that it starts from, and that few weights are held to.').default(1),
  strength: positive('How many weights of that scale it counts for beside those of the layer.').default(1),
});

interface Options {
  readonly scale: number;
  readonly strength: number;
}

/**
 * scale² = (Σ (mu² + sigma²) + strength·start²)/(count + strength): what minimizes KL(q ‖ N(0, scale²)) − log h(scale²), h being
 * an inverse χ² of `strength` at start². Closed and exact, it needs no learning rate; the gradient would get there, later.
 */
export function learnedScale({ scale: start, strength }: Options): Prior {
  const at = (values: ArrayLike<number>) => gaussian({ sigma: values[0] });
  return {
    ...at([start]),
    learned: {
      names: ['scale'],
      initial: [start],
      at,
      tally(kernels, out, { mu, rho, rows, lanes }) {
        kernels.second_moment_f32(out, mu, rho, rows, lanes);
      },
      update(values, sums, count) {
        values[0] = Math.sqrt((sums[0] + strength * (start * start)) / (count + strength));
      },
    },
  };
}
