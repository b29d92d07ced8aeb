// The Gaussian prior N(0, scale²): its KL has a closed form, whose gradient the optimizers' updates have built in.

import { HALF_LOG_2PI, log } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Prior } from './prior.ts';

export const gaussianPriorOptions = ({ deviation }: Fields) => ({
  sigma: deviation('Standard deviation of every weight and bias.').default(1),
});

/**
 * KL = Σ log(scale/sigma) + (sigma² + mu²)/(2·scale²) − ½ (Kingma & Welling 2014, appendix B).
 * @param options their `sigma`, named so in configs, is the scale of the prior
 */
export function gaussian({ sigma: scale }: { readonly sigma: number }): Prior {
  const logScale = log(scale);
  const halfPrecision = 0.5 / (scale * scale);
  return {
    precision: 1 / (scale * scale),
    sampled: false,
    logDensityGradient(kernels, dW, w, rows, factor) {
      kernels.add_scaled_f32(dW, w, rows, factor / (scale * scale));
    },
    logDensity: (w) => -logScale - HALF_LOG_2PI - w * w * halfPrecision,
    kl(kernels, out, { mu, rho, rows, lanes }) {
      kernels.kl_f32(out, mu, rho, rows, lanes, logScale, halfPrecision);
    },
    elementKl: (mu, sigma, logSigma) => logScale - logSigma + (sigma * sigma + mu * mu) * halfPrecision - 0.5,
  };
}
