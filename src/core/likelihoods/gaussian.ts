// Gaussian likelihood with a fixed or learned standard deviation per output: −log N(target; mean, scale²).
// A learned scale is softplus of a point parameter, trained by maximum likelihood beside q.

import { log, sigmoid, softplus, softplusInverse } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Likelihood } from './likelihood.ts';

export const gaussianOptions = ({ positive, wordOr }: Fields) => ({
  scale: wordOr(
    'learned',
    (expected) => positive('', expected),
    'learned or a standard deviation above 0',
    "Standard deviation of the observation noise in the data's own units, or learned.",
  ).default('learned'),
});

interface GaussianSpec {
  readonly scale: number | 'learned';
}

export function gaussian(spec: GaussianSpec): Likelihood {
  return {
    kind: 'gaussian',
    targets: 'values',
    learnsScale: spec.scale === 'learned',
    loss(kernels, at, outputs, rows, scale) {
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
        scale,
      );
    },
  };
}

/** Where a learned scale starts, in training units: half a standard deviation of standardized targets. */
const INITIAL_SCALE = 0.5;

/** The raw parameter (inverse softplus of the scale) training starts from. */
export function initialRawScale(spec: GaussianSpec): number {
  return Math.fround(softplusInverse(spec.scale === 'learned' ? INITIAL_SCALE : spec.scale));
}

/** Noise scale of a raw parameter, or the fixed one. */
export function noiseScale(spec: GaussianSpec, raw: number): number {
  return spec.scale === 'learned' ? softplus(raw) : spec.scale;
}

/** d(scale)/d(raw). */
export const noiseScaleSlope = sigmoid;

/** Writes what gaussian_f32 reads: 1/scale and log(scale) as float32. */
export function writeScale(inverse: Float32Array, logScale: Float32Array, k: number, scale: number): void {
  inverse[k] = 1 / scale;
  logScale[k] = log(scale);
}
