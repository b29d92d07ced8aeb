// Learning rate as a function of the step: constant or cosine, one pure function each.

import { cos } from '../../math/float64.ts';
import type { Fields, Spec } from '../../options/kinds.ts';

/** Each gives the multiplier of the learning rate at `step` (from 0) of `steps`. */
export const SCHEDULES = {
  constant: { options: () => ({}), factor: () => 1 },
  cosine: {
    options: ({ between }: Fields) => ({
      finalFraction: between(0, 1, 'Learning rate at the end as a part of the one at the start.').default(0),
    }),
    /**
     * From the full rate to `finalFraction` of it along half a cosine:
     * finalFraction + (1 − finalFraction)·½(1 + cos(π·step/steps)) (Loshchilov & Hutter 2017, eq. 5, without restarts).
     */
    factor: ({ finalFraction = 0 }: { finalFraction?: number }, step: number, steps: number) =>
      finalFraction + (1 - finalFraction) * 0.5 * (1 + cos((Math.PI * step) / steps)),
  },
} as const;

export type ScheduleSpec = Spec<typeof SCHEDULES>;

/** Multiplier of the learning rate at `step` (from 0) of `steps`. */
export function rateFactor(schedule: ScheduleSpec, step: number, steps: number): number {
  const { factor } = SCHEDULES[schedule.kind];
  return (factor as (spec: ScheduleSpec, step: number, steps: number) => number)(schedule, step, steps);
}
