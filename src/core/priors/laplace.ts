// The Laplace prior exp(−|w|/b)/(2b), b = scale/√2: a higher peak at 0 and heavier tails than a Gaussian of the same standard
// deviation. Its KL has a closed form.

import { HALF_LOG_2PI, log, normalCdf, normalPdf } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Prior } from './prior.ts';

export const laplaceOptions = ({ deviation }: Fields) => ({
  scale: deviation('Standard deviation of every weight and bias.').default(1),
});

/** KL = log(2b) + E|w|/b − ½·log(2πe·sigma²), E|w| = mu·(2Φ(z) − 1) + 2·sigma·φ(z), z = mu/sigma. */
export function laplace({ scale }: { readonly scale: number }): Prior {
  const b = scale / Math.SQRT2;
  const constant = log(2 * b) - HALF_LOG_2PI;
  return {
    precision: 0,
    sampled: false,
    logDensityGradient(kernels, dW, w, rows, factor) {
      kernels.add_sign_f32(dW, w, rows, factor / b);
    },
    logDensity: (w) => -log(2 * b) - Math.abs(w) / b,
    expectedGradient(kernels, gMu, gSigma, { mu, rho, rows }, klScale) {
      kernels.laplace_gradient_f32(gMu, gSigma, mu, rho, rows, klScale / b);
    },
    kl(kernels, out, { mu, rho, rows, lanes }) {
      kernels.kl_f32(out, mu, rho, rows, lanes, constant, 0);
      kernels.laplace_absolute_f32(out, mu, rho, rows, lanes, 1 / b);
    },
    elementKl(mu, sigma, logSigma) {
      const z = mu / sigma;
      const absolute = mu * (2 * normalCdf(z) - 1) + 2 * sigma * normalPdf(z);
      return constant - logSigma - 0.5 + absolute / b;
    },
  };
}
