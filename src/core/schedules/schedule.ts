// Learning rate as a function of the step: constant or cosine, one pure function each.

import { cos } from '../../math/float64.ts';

export type ScheduleSpec =
  | { readonly kind: 'constant' }
  /** Falls from the full rate to `finalFraction` of it along half a cosine. */
  | { readonly kind: 'cosine'; readonly finalFraction?: number };

/** Multiplier of the learning rate at `step` (from 0) of `steps`. */
export function rateFactor(schedule: ScheduleSpec, step: number, steps: number): number {
  return schedule.kind === 'constant' ? 1 : cosine(step, steps, schedule.finalFraction ?? 0);
}

/** finalFraction + (1 − finalFraction)·½(1 + cos(π·step/steps)) (Loshchilov & Hutter 2017, eq. 5, without restarts). */
function cosine(step: number, steps: number, finalFraction: number): number {
  return finalFraction + (1 - finalFraction) * 0.5 * (1 + cos((Math.PI * step) / steps));
}
