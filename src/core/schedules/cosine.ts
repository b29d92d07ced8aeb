// The learning rate falls along half a cosine (Loshchilov & Hutter 2017, eq. 5, without restarts).

import { cos } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import { type Schedule, warmupOption } from './schedule.ts';

/** finalFraction + (1 − finalFraction)·½(1 + cos(π·step/steps)) */
export const cosine = {
  options: (fields: Fields) => ({
    finalFraction: fields
      .between(0, 1, 'Learning rate at the end as a part of the one at the start.')
      .default(0),
    ...warmupOption(fields),
  }),
  factor: ({ finalFraction = 0 }, { step, steps }) =>
    finalFraction + (1 - finalFraction) * 0.5 * (1 + cos((Math.PI * step) / steps)),
} as const satisfies Schedule<{ readonly finalFraction?: number | undefined }>;
