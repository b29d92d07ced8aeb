// The prior N(0, scale²) on every weight and bias.

import { log } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Prior } from './prior.ts';

export interface GaussianPriorSpec {
  readonly kind: 'gaussian';
  /** Standard deviation. */
  readonly scale: number;
}

/** KL = Σ log(scale/sigma) + (sigma² + mu²)/(2·scale²) − ½ (Kingma & Welling 2014, appendix B). */
export function gaussian({ scale }: GaussianPriorSpec): Prior {
  const logScale = log(scale);
  const halfPrecision = 0.5 / (scale * scale);
  return {
    precision: 1 / (scale * scale),
    kl(kernels, out, { mu, rho, rows, lanes }) {
      kernels.kl_f32(out, mu, rho, rows, lanes, logScale, halfPrecision);
    },
    elementKl: (mu, sigma, logSigma) => logScale - logSigma + (sigma * sigma + mu * mu) * halfPrecision - 0.5,
  };
}

gaussian.options = ({ deviation }: Fields) => ({
  sigma: deviation('Standard deviation of every weight and bias.').default(1),
});
