// A training under way, of one posterior or of an ensemble: an async iterator of reports that can also be awaited for what it fits.

import type { Ensemble, Posterior } from '../core/posterior.ts';
import type { PhaseTimes } from '../workers/protocol.ts';
import type { SelectionOutcome } from './earlyStopping.ts';
import type { MemberReport, TrainingReport } from './options.ts';

/** What a training leaves besides its reports. */
export interface TrainingResult extends SelectionOutcome {
  readonly posterior: Posterior;
  /** Milliseconds per phase, summed over workers and steps. */
  readonly phases: PhaseTimes;
  /** Workers that trained together. */
  readonly team: number;
}

/** What the training of an ensemble leaves besides its reports. */
export interface EnsembleResult {
  readonly posterior: Ensemble;
  /** Milliseconds per phase, summed over members, workers and steps. */
  readonly phases: PhaseTimes;
  /** Members that trained at the same time at most. */
  readonly atOnce: number;
}

class Run<Report, Result extends { readonly posterior: unknown }>
  implements AsyncIterable<Report>, PromiseLike<Result['posterior']>
{
  readonly #reports: Report[] = [];
  readonly #result: Promise<Result>;
  /** Iterators that have read all reports there are, any number of them. */
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(work: (report: (report: Report) => void) => Promise<Result>) {
    const report = (next: Report) => {
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
  async *[Symbol.asyncIterator](): AsyncGenerator<Report> {
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
  get result(): Promise<Result> {
    return this.#result;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class
  then<A = Result['posterior'], B = never>(
    fulfilled?: ((posterior: Result['posterior']) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then((result) => result.posterior).then(fulfilled, rejected);
  }
}

/** The training of one posterior. */
export class TrainingRun extends Run<TrainingReport, TrainingResult> {}

/** The training of an ensemble; reports of its members come as they come, each member's in order. */
export class EnsembleRun extends Run<MemberReport, EnsembleResult> {}
