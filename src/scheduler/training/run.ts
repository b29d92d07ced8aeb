// A training under way, of one posterior or of an ensemble: an async iterator of reports that is also a promise of what it fits.

import type { Ensemble, Posterior } from '../../core/posterior.ts';
import type { Platform } from '../../platform/platform.ts';
import type { PhaseTimes } from '../../workers/protocol.ts';
import type { SelectionOutcome } from './earlyStopping.ts';
import type { MemberReport, TrainingReport } from './reports.ts';
import { Failure, watchFailure } from './unseenFailures.ts';

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

abstract class Run<Report, Result extends { readonly posterior: unknown }>
  implements AsyncIterable<Report>, Promise<Result['posterior']>
{
  abstract readonly [Symbol.toStringTag]: string;
  readonly #reports: Report[] = [];
  readonly #result: Promise<Result>;
  readonly #failure: Failure;
  /** Iterators that have read all reports there are, any number of them. */
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(
    platform: Pick<Platform, 'beforeExit'>,
    work: (report: (report: Report) => void) => Promise<Result>,
  ) {
    this.#failure = new Failure(platform);
    const report = (next: Report) => {
      this.#reports.push(next);
      this.#wake();
    };
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    this.#result = Promise.resolve().then(() => work(report));
    const failure = this.#failure;
    this.#result.then(end, (error) => {
      failure.set(error);
      end();
    });
    watchFailure(this, failure);
  }

  /** Reports of all epochs, from the first, as they come. Ends with the training, or throws what ended it. */
  [Symbol.asyncIterator](): AsyncGenerator<Report> {
    this.#failure.see();
    return this.#read();
  }

  async *#read(): AsyncGenerator<Report> {
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
    this.#failure.see();
    return this.#result;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is the point of this class
  then<A = Result['posterior'], B = never>(
    fulfilled?: ((posterior: Result['posterior']) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then((result) => result.posterior).then(fulfilled, rejected);
  }

  catch<B = never>(
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result['posterior'] | B> {
    return this.then(null, rejected);
  }

  finally(settled?: (() => void) | null): Promise<Result['posterior']> {
    return this.then().finally(settled);
  }
}

/** The training of one posterior. */
export class TrainingRun extends Run<TrainingReport, TrainingResult> {
  readonly [Symbol.toStringTag] = 'TrainingRun';
}

/** The training of an ensemble; reports of its members come as they come, each member's in order. */
export class EnsembleRun extends Run<MemberReport, EnsembleResult> {
  readonly [Symbol.toStringTag] = 'EnsembleRun';
}
