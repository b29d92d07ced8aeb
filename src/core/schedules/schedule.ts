// The contract of a schedule: what the learning rate of a step is multiplied with.

import type { Fields, Member } from '../../options/kinds.ts';
import { MAX_STEPS } from '../limits.ts';

/** Where a step stands in the steps after the warm-up. */
export interface SchedulePlace {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  /** M, steps of an epoch. */
  readonly perEpoch: number;
}

/** A kind of schedule; `options` are those that were given, and may lack what has a default. */
export interface Schedule<Options> extends Member {
  factor(options: Options, at: SchedulePlace): number;
}

/** What every schedule may begin with. */
export const warmupOption = ({ positive }: Fields) => ({
  warmup: positive('Epochs over which the learning rate first rises to its full height.')
    .max(MAX_STEPS, { error: `at most ${MAX_STEPS}` })
    .optional(),
});
