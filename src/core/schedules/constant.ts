// The learning rate stays what it is.

import type { Schedule } from './schedule.ts';
import { warmupOption } from './schedule.ts';

export const constant = {
  options: warmupOption,
  factor: () => 1,
} as const satisfies Schedule<object>;
