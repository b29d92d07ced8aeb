// klWeight of a step: how much of KL/N enters that minibatch's objective. Averaged over an epoch it is 1 for the true ELBO.

import { powInteger } from '../../math/float64.ts';

export type KlWeightingSpec =
  /** Every minibatch carries the same share. */
  | 'uniform'
  /** Early minibatches of an epoch carry more (Blundell et al. 2015, §3.4). */
  | 'blundell'
  /** Rises linearly to 1 over the first `epochs` epochs, then stays. */
  | { readonly kind: 'warmup'; readonly epochs: number };

/**
 * klWeight at `step` (from 0) with M = stepsPerEpoch. `blundell`: M·2^(−i)/(1 − 2^(−M)), i = 1 … M within the epoch, the
 * overflow-free form of M·2^(M−i)/(2^M − 1).
 */
export function klWeight(weighting: KlWeightingSpec, step: number, stepsPerEpoch: number): number {
  if (weighting === 'uniform') return 1;
  if (weighting === 'blundell') {
    const i = (step % stepsPerEpoch) + 1;
    return (stepsPerEpoch * powInteger(0.5, i)) / (1 - powInteger(0.5, stepsPerEpoch));
  }
  return Math.min(1, (step + 1) / (weighting.epochs * stepsPerEpoch));
}
