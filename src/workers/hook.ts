// The one seam for tests of recovery: a module that the runtime's internal option `workerHook` names is loaded by every worker, and
// its default export runs the stretches that come with an order. What it does there is the tests' business (test/support/faults.ts).

import type { TrainingStep } from '../core/training/step.ts';
import type { TrainReply } from './protocol.ts';

/**
 * Runs a stretch, by `run`, in the worker with this rank.
 * @param order what the main thread's `TrainingHooks.order` gave for the stretch
 * @param run does the steps; calls `atStep` before each
 */
export type StretchHook = (
  order: unknown,
  step: TrainingStep,
  rank: number,
  run: (atStep: (now: number) => void) => TrainReply,
) => TrainReply;
