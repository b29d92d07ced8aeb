// What computes the batches of one posterior: sessions for its own seed, each in a thread, and the runtime for other seeds. A session that dies
// is opened again and its batch is computed again, to the same bits.

import type { Matrix } from '../../core/matrix.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import { reseeded } from '../../core/posteriors/mixture.ts';
import type { Prediction } from '../../core/predictive/prediction.ts';
import { WorkerLostError } from '../../errors.ts';
import { openSession, type Runtime, type Session } from '../../index.ts';
import { mismatch } from '../../messages.ts';
import type { BatchEngine, BatchSettings } from '../../scheduler/batching/batcher.ts';
import { busy, type RequestProblem } from '../problem.ts';

/** What an answer depends on besides the posterior and the row. */
export interface PredictionSettings extends BatchSettings {
  readonly levels: readonly number[];
  /** Null for the posterior's own. */
  readonly seed: string | number | null;
}

export interface Engine extends BatchEngine<PredictionSettings> {
  /** Whether every thread can compute. */
  readonly ready: boolean;
  /** Computes jobs that are not batches. */
  readonly runtime: Pick<Runtime, 'draws'>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly threads: number;
  readonly backend: string;
  readonly cacheBytes: number;
  readonly capacity: number;
  readonly onWarning: (message: string) => void;
  /** How sessions are opened; default `openSession`. */
  readonly open?: typeof openSession;
}

/** Times a batch is computed before it fails. */
const TRIES = 3;

export class SessionEngine implements Engine {
  readonly #idle: Session[] = [];
  readonly #all = new Set<Session>();
  readonly #waiting: Array<() => void> = [];
  #opening = 0;
  #closed = false;

  /** @throws BackendUnavailableError, or RangeError when memory is short */
  static async open(
    posterior: AnyPosterior,
    runtime: Runtime,
    options: EngineOptions,
  ): Promise<SessionEngine> {
    const engine = new SessionEngine(posterior, runtime, options);
    try {
      for (let n = 0; n < options.threads; n++) engine.#idle.push(await engine.#open());
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  private constructor(
    readonly posterior: AnyPosterior,
    readonly runtime: Runtime,
    readonly options: EngineOptions,
  ) {}

  get threads(): number {
    return this.options.threads;
  }

  get ready(): boolean {
    return !this.#closed && this.#all.size === this.options.threads;
  }

  async predict(x: Matrix, settings: PredictionSettings, unwanted?: AbortSignal): Promise<Prediction> {
    const { draws, mode, levels, seed } = settings;
    const signal = unwanted === undefined ? {} : { signal: unwanted };
    const options = { draws, mode, quantiles: levels, ...signal };
    if (seed !== null) return this.runtime.predict(reseeded(this.posterior, seed), x, options);
    for (let attempt = 1; ; attempt++) {
      const session = await this.#take();
      try {
        return await session.predict(x, options);
      } catch (error) {
        if (!(error instanceof WorkerLostError)) throw error;
        this.#all.delete(session);
        await session.close();
        if (this.#closed) throw error;
        this.options.onWarning(`a thread was lost (${error.message}); opening another`);
        await this.#replace();
        if (attempt === TRIES) throw error;
      } finally {
        if (this.#all.has(session)) this.#idle.push(session);
        this.#waiting.shift()?.();
      }
    }
  }

  /** A session for one batch; opens one where some were lost. */
  async #take(): Promise<Session> {
    for (;;) {
      if (this.#closed) throw unloaded();
      const session = this.#idle.pop();
      if (session !== undefined) return session;
      if (this.#all.size + this.#opening < this.options.threads) return this.#open();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Opens a session in place of one that was lost; where that fails, the next batch tries again. */
  async #replace(): Promise<void> {
    try {
      this.#idle.push(await this.#open());
    } catch (error) {
      if (this.#closed) throw error;
      this.options.onWarning(`no thread could be opened: ${(error as Error).message}`);
    }
  }

  async #open(): Promise<Session> {
    const { backend, cacheBytes, capacity, onWarning, open = openSession } = this.options;
    this.#opening++;
    try {
      const session = await open(this.posterior, { backend, cacheBytes, capacity, onWarning, gather: false });
      if (this.#closed) {
        await session.close();
        throw unloaded();
      }
      this.#all.add(session);
      return session;
    } finally {
      this.#opening--;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    const sessions = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(sessions.map((session) => session.close()));
  }
}

function unloaded(): RequestProblem {
  const next = 'load it through /v2/repository';
  return busy(mismatch('model', 'one that is loaded', 'one that was unloaded', next), 1);
}
