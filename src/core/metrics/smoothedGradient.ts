// The gradient as the optimizer remembers it. The gradient itself exists only block by block inside the fused update, so what can
// be measured without touching a step is the running mean that the optimizer keeps.

import { powInteger } from '../../math/float64.ts';
import type { OptimizerSpec } from '../optimizers/index.ts';

/** Which of the optimizer's moment buffers hold the running sums of gradients, and what turns a sum into a mean. */
export interface GradientMemory {
  readonly mu: number;
  readonly rho: number;
  readonly scale: number;
}

/**
 * After `steps` steps, Σ_i decay^(steps−i)·gradient_i / Σ_i decay^(steps−i) is the buffer times `scale`; decay is beta1 or momentum.
 * adam keeps m = beta1·m + (1 − beta1)·gradient, so scale = 1/(1 − beta1^steps) (Kingma & Ba 2015, §3); sgd keeps
 * m = momentum·m + gradient, so scale = (1 − momentum)/(1 − momentum^steps), and without momentum the mean is the last gradient.
 */
export function gradientMemory(optimizer: OptimizerSpec, steps: number): GradientMemory {
  if (optimizer.kind === 'adam') {
    return { mu: 0, rho: 2, scale: 1 / (1 - powInteger(optimizer.beta1 ?? 0.9, steps)) };
  }
  const { momentum = 0 } = optimizer;
  return { mu: 0, rho: 1, scale: (1 - momentum) / (1 - powInteger(momentum, steps)) };
}

/** Σ x² over the elements from … to − 1. */
export function sumOfSquares(x: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += x[i] * x[i];
  return sum;
}
