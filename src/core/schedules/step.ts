// The learning rate falls by a factor at regular intervals.

import { powInteger } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import { MAX_STEPS } from '../limits.ts';
import { type Schedule, warmupOption } from './schedule.ts';

export interface StepOptions {
  readonly epochs: number;
  readonly factor?: number | undefined;
}

/** factor^floor(step/(epochs·M)) */
export const step = {
  options: (fields: Fields) => ({
    epochs: fields
      .positive('Epochs from one fall of the learning rate to the next.')
      .max(MAX_STEPS, { error: `at most ${MAX_STEPS}` }),
    factor: fields.fraction('What it is multiplied with at each fall.').default(0.1),
    ...warmupOption(fields),
  }),
  factor: ({ epochs, factor = 0.1 }, { step, perEpoch }) =>
    powInteger(factor, Math.floor(step / (epochs * perEpoch))),
} as const satisfies Schedule<StepOptions>;
