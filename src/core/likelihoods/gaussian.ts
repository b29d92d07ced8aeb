// Gaussian likelihood with a fixed or learned standard deviation per output: −log N(target; mean, scale²).

import { log } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import { standardNormal } from '../predictive/standardDistribution.ts';
import { columnMoments } from './entropy.ts';
import type { Likelihood } from './likelihood.ts';

export const gaussianOptions = ({ learnedOr }: Fields) => ({
  scale: learnedOr(
    'standard deviation',
    "Standard deviation of the observation noise in the data's own units, or learned.",
  ),
});

export function gaussian({ scale }: { readonly scale: number | 'learned' }): Likelihood {
  return {
    kind: 'gaussian',
    targets: 'values',
    task: 'regression',
    onScale: true,
    expects: () => 'finite targets',
    fits: Number.isFinite,

    scale,
    scaleOption: 'scale',
    loss(kernels, at, outputs, rows, factor) {
      kernels.gaussian_f32(
        at.loss,
        at.gradient,
        at.scaleGradient,
        at.outputs,
        at.targets,
        at.inverse,
        at.logScale,
        outputs,
        outputs,
        rows,
        factor,
      );
    },
    /** Σ_k ½·log(2π·e·variance_k), or with a fixed scale Σ_k ½·log(2π) + log scale + variance_k/(2·scale²). */
    baselineNll(targets, outputs) {
      let nll = 0;
      for (let k = 0; k < outputs; k++) {
        const { variance } = columnMoments(targets, k, outputs);
        if (scale === 'learned') nll += 0.5 * log(2 * Math.PI * Math.E * variance);
        else nll += 0.5 * log(2 * Math.PI) + log(scale) + variance / (2 * scale * scale);
      }
      return nll;
    },

    entropies: null,
    observe: () => undefined,
    aleatoric: (noise) => noise * noise,
    predictiveEntropy: () => Number.NaN,

    noise: standardNormal,
    metrics: ['nll', 'rmse', 'mae'],
    score: null,
  };
}
