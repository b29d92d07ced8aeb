// Early minibatches of an epoch carry more of the KL (Blundell et al. 2015, §3.4).

import { powInteger } from '../../math/float64.ts';
import type { Bare } from '../../options/kinds.ts';
import type { KlWeighting } from './klWeighting.ts';

/** M·2^(−i)/(1 − 2^(−M)), i = 1 … M within the epoch: M·2^(M−i)/(2^M − 1) in a form that cannot overflow. */
export const blundell = {
  options: () => ({}),
  rises: false,
  falls: true,
  full: () => 1,
  weight(_, { step, perEpoch: M }) {
    const i = (step % M) + 1;
    return (M * powInteger(0.5, i)) / (1 - powInteger(0.5, M));
  },
} as const satisfies KlWeighting<object> & Bare;
