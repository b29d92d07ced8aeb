// The schedules of the learning rate there are, by the names users call them, and the warm-up that each may begin with.

import type { Spec } from '../../options/kinds.ts';
import { constant } from './constant.ts';
import { cosine } from './cosine.ts';
import type { Schedule, SchedulePlace } from './schedule.ts';
import { step } from './step.ts';

export const SCHEDULES = { constant, cosine, step } as const;

export type ScheduleSpec = Spec<typeof SCHEDULES>;

/**
 * Multiplier of the learning rate at a step. A warm-up of W steps rises linearly, (step + 1)/W of what the schedule starts from
 * (Goyal et al. 2017, "Accurate, large minibatch SGD", §2.2); the schedule runs over the steps after it.
 */
export function rateFactor(schedule: ScheduleSpec, { step, steps, perEpoch }: SchedulePlace): number {
  const { factor } = SCHEDULES[schedule.kind] as Schedule<ScheduleSpec>;
  const W = Math.min(steps, Math.round((schedule.warmup ?? 0) * perEpoch));
  // A schedule has a step, reached or not.
  const at = (now: number) => factor(schedule, { step: now, steps: Math.max(1, steps - W), perEpoch });
  return step < W ? ((step + 1) / W) * at(0) : at(step - W);
}
