// Lets one job through at a time, and a bounded number wait: for answers too large to hold many of.

import { busy, RequestProblem } from '../problem.ts';

export class Gate {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(readonly most: number) {}

  /**
   * Runs `work` when those before it are done; its signal is aborted when the time is over or the caller gone.
   * @throws RequestProblem 503 when too many wait, 504 when the time is over; what `work` throws
   */
  async pass<T>(ms: number, caller: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting >= this.most)
      throw busy(`queue: expected at most ${this.most} requests for draws, got more — try again in 1 s`, 1);
    this.#waiting++;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(lateness()), Math.max(0, ms));
    const signal = AbortSignal.any([caller, late.signal]);
    const turn = this.#last.then(() => {
      signal.throwIfAborted();
      return work(signal);
    });
    this.#last = turn.catch(() => undefined);
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      return await Promise.race([turn, ended]);
    } finally {
      this.#waiting--;
      clearTimeout(timer);
    }
  }
}

function lateness(): RequestProblem {
  return new RequestProblem(
    504,
    'deadline_ms: expected an answer in time, got none — allow more time or ask for less',
  );
}
