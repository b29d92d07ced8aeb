// Stochastic gradient descent with momentum (Polyak 1964); the elementwise rule is the kernel sgd_f32.

import { UPDATE_SCALARS } from '../../backend/backend.ts';
import { powInteger } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Optimizer } from './optimizer.ts';

const DEFAULTS = { momentum: 0 };

export const sgdOptions = ({ positive, decay }: Fields) => ({
  learningRate: positive('Learning rate before the schedule.'),
  momentum: decay('Decay of the sum of gradients.').default(DEFAULTS.momentum),
});

/** m = momentum·m + gradient, parameter −= rate·m. */
export function sgd(options: { readonly momentum?: number }): Optimizer {
  const { momentum } = { ...DEFAULTS, ...options };
  return {
    momentNames: ['mu.m', 'rho.m'],
    scalars(out, _step, rate) {
      out[UPDATE_SCALARS.stepSize] = rate;
      out[UPDATE_SCALARS.beta1] = momentum;
    },
    update(kernels, at, rows, lanes) {
      return kernels.sgd_f32(
        at.mu,
        at.rho,
        at.moments[0],
        at.moments[1],
        at.gMu,
        at.gSigma,
        at.noise,
        rows,
        lanes,
        at.scalars,
      );
    },
    updateMeans(kernels, { mu, moments: [m], gMu, scalars }, rows, lanes) {
      return kernels.sgd_step_f32(mu, m, gMu, rows, lanes, scalars);
    },
    updatePoint(points, at, gradient, _step, rate) {
      points[at + 1] = momentum * points[at + 1] + gradient;
      points[at] -= rate * points[at + 1];
    },
    /** m = momentum·m + gradient: without momentum the mean is the last gradient. */
    gradientMemory: (steps) => ({
      mu: 0,
      rho: 1,
      scale: (1 - momentum) / (1 - powInteger(momentum, steps)),
    }),
  };
}
