// The prior N(0, priorSigma²) on every weight and bias: what its KL needs in the kernels. The gradient is fused with the
// optimizers' updates.

import { type Kernels, UPDATE_SCALARS } from '../../backend/backend.ts';
import { log } from '../float64.ts';

export interface GaussianPrior {
  /** Writes what the update kernels need: klScale (klWeight / N), and the same over priorSigma². */
  scalars(out: Float32Array, klScale: number): void;
  /**
   * KL(q ‖ prior) of `rows` rows and `lanes` lanes in nats to `out`: Σ log(priorSigma/sigma) +
   * (sigma² + mu²)/(2·priorSigma²) − ½ (Kingma & Welling 2014, appendix B).
   */
  kl(kernels: Kernels, out: number, mu: number, rho: number, rows: number, lanes: number): void;
}

export function gaussianPrior(priorSigma: number): GaussianPrior {
  const precision = 1 / (priorSigma * priorSigma);
  const logPriorSigma = log(priorSigma);
  const halfPrecision = 0.5 / (priorSigma * priorSigma);
  return {
    scalars(out, klScale) {
      out[UPDATE_SCALARS.klScale] = klScale;
      out[UPDATE_SCALARS.klPrecision] = klScale * precision;
    },
    kl(kernels, out, mu, rho, rows, lanes) {
      kernels.kl_f32(out, mu, rho, rows, lanes, logPriorSigma, halfPrecision);
    },
  };
}
