// IVON, the improved variational online Newton method (Shen et al. 2024, algorithm 1): mu by natural gradients, sigma by a running mean
// of curvature. The elementwise rule is the kernel ivon_f32.

import { UPDATE_SCALARS } from '../../backend/backend.ts';
import { powInteger } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Optimizer } from './optimizer.ts';

const DEFAULTS = { learningRate: 0.1, beta1: 0.9, beta2: 0.999 };

export const ivonOptions = ({ positive, decay }: Fields) => ({
  learningRate: positive('Learning rate before the schedule.').default(DEFAULTS.learningRate),
  beta1: decay('Decay of the mean of gradients.').default(DEFAULTS.beta1),
  beta2: decay('Decay of the mean of curvatures.').default(DEFAULTS.beta2),
});

/**
 * h' = beta2·h + (1 − beta2)·curvature + ½(1 − beta2)²·(h − curvature)²/(h + delta), curvature = gSigma/sigma;
 * mu −= rate·(g/(1 − beta1^t) + delta·mu)/(h' + delta), sigma = 1/√(lambda·(h' + delta)); lambda = 1/klScale, delta = klScale·precision.
 * h starts at what the first sigma says of it.
 */
export function ivon(options: { readonly beta1?: number; readonly beta2?: number }): Optimizer {
  const { beta1, beta2 } = { ...DEFAULTS, ...options };
  const debias = (step: number) => 1 / (1 - powInteger(beta1, step + 1));
  return {
    momentNames: ['mu.g', 'mu.h'],
    scalars(out, step, rate) {
      out[UPDATE_SCALARS.stepSize] = rate;
      out[UPDATE_SCALARS.beta1] = beta1;
      out[UPDATE_SCALARS.oneMinusBeta1] = 1 - beta1;
      out[UPDATE_SCALARS.beta2] = beta2;
      out[UPDATE_SCALARS.oneMinusBeta2] = 1 - beta2;
      out[UPDATE_SCALARS.vScale] = debias(step);
      out[UPDATE_SCALARS.eps] = step === 0 ? 1 : 0;
    },
    update(kernels, { mu, rho, moments: [g, h], gMu, gSigma, noise, scalars }, rows, lanes) {
      return kernels.ivon_f32(mu, rho, g, h, gMu, gSigma, noise, rows, lanes, scalars);
    },
    /** A point has no sigma to learn a curvature from: its curvature counts as 1, its prior as flat. */
    updatePoint(points, at, gradient, step, rate) {
      points[at + 1] = beta1 * points[at + 1] + (1 - beta1) * gradient;
      points[at] -= rate * debias(step) * points[at + 1];
    },
    gradientMemory: () => null,
    objection({ priors, klWeightFalls, clips }) {
      const other = priors.find(({ precision }) => !(precision > 0));
      if (other !== undefined) {
        const next = 'give every layer a Gaussian prior, or train with another optimizer';
        return { option: 'optimizer', expected: 'Gaussian priors for ivon', got: other.kind, next };
      }
      if (clips) {
        const next = 'leave it out, or train with another optimizer';
        return {
          option: 'gradientClip',
          expected: 'none for ivon, as sigma follows the KL',
          got: 'one',
          next,
        };
      }
      if (!klWeightFalls) return null;
      const expected = 'for ivon a weight that never falls, as sigma follows it at once';
      return { option: 'klWeighting', expected, got: 'one that falls', next: 'use uniform' };
    },
  };
}
