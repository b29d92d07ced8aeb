// A training under way: an async iterator of reports that can also be awaited for the posterior.

import type { Posterior } from '../core/posterior.ts';
import type { PhaseTimes } from '../workers/protocol.ts';
import type { SelectionOutcome } from './earlyStopping.ts';
import type { TrainingReport } from './options.ts';

/** What a training leaves besides its reports. */
export interface TrainingResult extends SelectionOutcome {
  readonly posterior: Posterior;
  /** Milliseconds per phase, summed over workers and steps. */
  readonly phases: PhaseTimes;
  /** Workers that trained together. */
  readonly team: number;
}

export class TrainingRun implements AsyncIterable<TrainingReport>, PromiseLike<Posterior> {
  readonly #reports: TrainingReport[] = [];
  readonly #result: Promise<TrainingResult>;
  /** Iterators that have read all reports there are, any number of them. */
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(work: (report: (report: TrainingReport) => void) => Promise<TrainingResult>) {
    const report = (next: TrainingReport) => {
      this.#reports.push(next);
      this.#wake();
    };
    this.#result = Promise.resolve().then(() => work(report));
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    // Whoever iterates or awaits sees the error; this only keeps an unawaited run from ending the process.
    this.#result.then(end, end);
  }

  /** Reports of all epochs, from the first, as they come. Ends with the training, or throws what ended it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingReport> {
    for (let next = 0; ; ) {
      while (next < this.#reports.length) yield this.#reports[next++];
      if (this.#ended) break;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    await this.#result;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The posterior with what was measured on the way. */
  get result(): Promise<TrainingResult> {
    return this.#result;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class
  then<A = Posterior, B = never>(
    fulfilled?: ((posterior: Posterior) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then((result) => result.posterior).then(fulfilled, rejected);
  }
}
