// klWeight of a step: how much of KL/N enters that minibatch's objective. Averaged over an epoch it is 1 for the true ELBO.

import { powInteger } from '../../math/float64.ts';
import type { Fields, Spec } from '../../options/kinds.ts';
import { MAX_STEPS } from '../limits.ts';

/** Each gives klWeight at `step` (from 0) with M = stepsPerEpoch. */
export const KL_WEIGHTINGS = {
  /** Every minibatch carries the same share. */
  uniform: { options: () => ({}), weight: () => 1 },
  /**
   * Early minibatches of an epoch carry more (Blundell et al. 2015, §3.4): M·2^(−i)/(1 − 2^(−M)), i = 1 … M within the epoch,
   * the overflow-free form of M·2^(M−i)/(2^M − 1).
   */
  blundell: {
    options: () => ({}),
    weight(_: object, step: number, M: number): number {
      const i = (step % M) + 1;
      return (M * powInteger(0.5, i)) / (1 - powInteger(0.5, M));
    },
  },
  /** Rises linearly to 1 over the first `epochs` epochs, then stays. */
  warmup: {
    options: ({ positive }: Fields) => ({
      epochs: positive('The KL term grows to its full weight over so many epochs.').max(MAX_STEPS, {
        error: `at most ${MAX_STEPS}`,
      }),
    }),
    weight: ({ epochs }: { epochs: number }, step: number, M: number) =>
      Math.min(1, (step + 1) / (epochs * M)),
  },
} as const;

type WithOptions = Spec<typeof KL_WEIGHTINGS>;

/** One that has no options is written by its name. */
export type KlWeightingSpec =
  | Exclude<WithOptions['kind'], 'warmup'>
  | Extract<WithOptions, { kind: 'warmup' }>;

/** klWeight at `step` (from 0) with M = stepsPerEpoch. */
export function klWeight(weighting: KlWeightingSpec, step: number, stepsPerEpoch: number): number {
  const spec = typeof weighting === 'string' ? { kind: weighting } : weighting;
  const { weight } = KL_WEIGHTINGS[spec.kind];
  return (weight as (spec: object, step: number, M: number) => number)(spec, step, stepsPerEpoch);
}
