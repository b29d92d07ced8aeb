// Adam (Kingma & Ba 2015, algorithm 1); the elementwise rule is the kernel adam_f32.

import { UPDATE_SCALARS } from '../../backend/backend.ts';
import { powInteger } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Optimizer } from './optimizer.ts';

const DEFAULTS = { learningRate: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

export const adamOptions = ({ positive, decay }: Fields) => ({
  learningRate: positive('Learning rate before the schedule.').default(DEFAULTS.learningRate),
  beta1: decay('Decay of the mean of gradients.').default(DEFAULTS.beta1),
  beta2: decay('Decay of the mean of squared gradients.').default(DEFAULTS.beta2),
  eps: positive('Added to the denominator.').default(DEFAULTS.eps),
});

/** m̂ = m/(1 − beta1^t), v̂ = v/(1 − beta2^t), parameter −= rate·m̂/(√v̂ + eps), t = step + 1. */
export function adam(options: {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
}): Optimizer {
  const { beta1, beta2, eps } = { ...DEFAULTS, ...options };
  const stepSize = (step: number, rate: number) => rate / (1 - powInteger(beta1, step + 1));
  const vScale = (step: number) => 1 / Math.sqrt(1 - powInteger(beta2, step + 1));
  return {
    momentNames: ['mu.m', 'mu.v', 'rho.m', 'rho.v'],
    scalars(out, step, rate) {
      out[UPDATE_SCALARS.stepSize] = stepSize(step, rate);
      out[UPDATE_SCALARS.beta1] = beta1;
      out[UPDATE_SCALARS.oneMinusBeta1] = 1 - beta1;
      out[UPDATE_SCALARS.beta2] = beta2;
      out[UPDATE_SCALARS.oneMinusBeta2] = 1 - beta2;
      out[UPDATE_SCALARS.vScale] = vScale(step);
      out[UPDATE_SCALARS.eps] = eps;
    },
    update(kernels, at, rows, lanes) {
      const [mMu, vMu, mRho, vRho] = at.moments;
      return kernels.adam_f32(
        at.mu,
        at.rho,
        mMu,
        vMu,
        mRho,
        vRho,
        at.gMu,
        at.gSigma,
        at.noise,
        rows,
        lanes,
        at.scalars,
      );
    },
    updateMeans(kernels, { mu, moments: [m, v], gMu, scalars }, rows, lanes) {
      return kernels.adam_step_f32(mu, m, v, gMu, rows, lanes, scalars);
    },
    updatePoint(points, at, gradient, step, rate) {
      const m = beta1 * points[at + 1] + (1 - beta1) * gradient;
      const v = beta2 * points[at + 2] + (1 - beta2) * (gradient * gradient);
      points[at] -= (stepSize(step, rate) * m) / (Math.sqrt(v) * vScale(step) + eps);
      points[at + 1] = m;
      points[at + 2] = v;
    },
    /** m = beta1·m + (1 − beta1)·gradient (Kingma & Ba 2015, §3). */
    gradientMemory: (steps) => ({ mu: 0, rho: 2, scale: 1 / (1 - powInteger(beta1, steps)) }),
  };
}
