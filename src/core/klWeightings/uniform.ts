// Every minibatch carries the same share of the KL.

import type { Bare } from '../../options/kinds.ts';
import type { KlWeighting } from './klWeighting.ts';

export const uniform = {
  options: () => ({}),
  rises: false,
  falls: false,
  full: () => 1,
  weight: () => 1,
} as const satisfies KlWeighting<object> & Bare;
