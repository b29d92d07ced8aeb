// When the state of a training is to be saved: after a number of steps, after a number of seconds, and when it has to stop.
// What saving means is the caller's; how a state is made, the trainer's.

import type { TrainingState } from '../../core/training/trainingState.ts';

export interface CheckpointOptions {
  /** Save each time this many steps are done. */
  readonly everySteps?: number | undefined;
  /** Save when this many seconds have passed since the last time; default 300 where `everySteps` is not given. */
  readonly everySeconds?: number | undefined;
  /**
   * Called between two steps with a state of its own, which nothing changes afterwards; training continues when it is done. It is called
   * once more when the signal or lost workers end the training. What it throws ends the training.
   */
  readonly save: (state: TrainingState) => void | Promise<void>;
}

export const CHECKPOINT_SECONDS = 300;

export class Checkpointer {
  readonly #everySteps: number;
  readonly #everyMs: number;
  #savedStep: number;
  #savedAt = performance.now();

  /** @param from step the training starts at, whose state is kept already unless it is 0 */
  constructor(
    readonly options: CheckpointOptions,
    from: number,
  ) {
    const { everySteps, everySeconds } = options;
    this.#everySteps = everySteps ?? Number.POSITIVE_INFINITY;
    const fallback = everySteps === undefined ? CHECKPOINT_SECONDS : Number.POSITIVE_INFINITY;
    this.#everyMs = 1000 * (everySeconds ?? fallback);
    this.#savedStep = from === 0 ? -1 : from;
  }

  /** The step after `from` at which a stretch has to end because its state is wanted. */
  nextStop(from: number): number {
    if (this.#everySteps === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return (Math.floor(from / this.#everySteps) + 1) * this.#everySteps;
  }

  due(step: number): boolean {
    if (step <= this.#savedStep) return false;
    return step % this.#everySteps === 0 || performance.now() - this.#savedAt >= this.#everyMs;
  }

  /** Saves a state, unless it or a later one is saved: a roll-back may go behind it. */
  async save(step: number, state: () => TrainingState): Promise<void> {
    if (step <= this.#savedStep) return;
    await this.options.save(state());
    this.#savedStep = step;
    this.#savedAt = performance.now();
  }
}
