// Runs one job at a time while a bounded number wait: for answers too large to hold several of in memory.

import { busy, tooLate } from '../problem.ts';

export class Gate {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(readonly most: number) {}

  /**
   * Runs `work` when those before it are done; its signal is aborted when the time is up or the caller has disconnected.
   * @throws RequestProblem 503 when too many wait, 504 when the time is up; what `work` throws
   */
  async pass<T>(ms: number, caller: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting >= this.most)
      throw busy(`queue: expected at most ${this.most} requests for draws, got more — try again in 1 s`, 1);
    this.#waiting++;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(tooLate(ms)), Math.max(0, ms));
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
