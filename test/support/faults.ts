// Trainings with faults: a worker dies, throws, dawdles, hangs, runs out of memory or swallows its reply where a test says so.
// workerFaults.mjs is what happens in the worker.

import type { Model } from '../../src/core/model.ts';
import type { TrainingData, TrainOptions } from '../../src/runtime/options.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { TrainingRun } from '../../src/scheduler/training/run.ts';

/**
 * A fault: at the start of a step in one worker, after a tile of its pass or after a block of its finish.
 */
export interface Fault {
  /** `slow` sleeps for `ms` and continues; `hang` never does; `lost` does its work and never replies; `memory` takes all there is. */
  readonly kind: 'exit' | 'throw' | 'slow' | 'hang' | 'lost' | 'memory';
  readonly step: number;
  /** The worker it comes to, where neither tile nor block says; default 0. */
  readonly rank?: number;
  readonly tile?: number;
  readonly block?: number;
  readonly ms?: number;
}

/** Option of a runtime whose trainings can have faults. */
export const FAULTY = { workerHook: new URL('./workerFaults.mjs', import.meta.url).href } as const;

/**
 * Trains with faults, each once; those that came are taken out of `faults`. The runtime must be made with `FAULTY`.
 * @param patience milliseconds without a sign of life after which a team counts as stuck
 */
export function trainWithFaults(
  runtime: Runtime,
  model: Model,
  data: TrainingData,
  options: TrainOptions,
  faults: Fault[],
  patience?: number,
): TrainingRun {
  const order = (from: number, to: number) => nextFaults(faults, from, to);
  return runtime.trainWithHooks(model, data, options, { order, patience });
}

/** The faults of these steps up to the first that ends the stretch: what comes after it is for when the steps are done again. */
function nextFaults(faults: Fault[], from: number, to: number): Fault[] | undefined {
  const due = faults.filter((fault) => fault.step >= from && fault.step < to);
  due.sort((a, b) => a.step - b.step);
  const deadly = due.findIndex(({ kind }) => kind !== 'slow');
  const next = deadly < 0 ? due : due.slice(0, deadly + 1);
  for (const fault of next) faults.splice(faults.indexOf(fault), 1);
  return next.length === 0 ? undefined : next;
}
