// Answers requests to one posterior: joins small ones, cuts large ones, bounds the queue and keeps every deadline. A row's
// answer depends on the posterior, its numbers and its settings, never on the rows computed beside it.

import type { Matrix } from '../../core/matrix.ts';
import type { Prediction } from '../../core/predictive/prediction.ts';
import { PredictionParts, rowsOf } from '../../core/predictive/predictionRows.ts';
import { busy, callerGone, tooLate } from '../problem.ts';
import type { Engine, PredictionSettings } from './engine.ts';
import { type BatchBudget, FairQueue, type Slice, type Waiting } from './queue.ts';

export interface BatcherOptions extends BatchBudget {
  /** Milliseconds that an idle thread waits for more rows. */
  readonly delayMs: number;
  /** Rows that may wait or be under way. */
  readonly queueRows: number;
}

/** What happened, for metrics. */
export interface BatchObserver {
  /** A batch was computed: its rows, the requests in it, draws of a row, milliseconds. */
  batch(rows: number, requests: number, draws: number, ms: number): void;
}

export interface Asked {
  readonly caller: string;
  readonly x: Matrix;
  readonly settings: PredictionSettings;
  /** Whether rows may be computed apart from each other. */
  readonly divisible: boolean;
  /** Milliseconds. */
  readonly deadlineMs: number;
  /** Aborted when the caller no longer waits for the answer. */
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly prediction: Prediction;
  /** Milliseconds from the call to the first batch, and from there to the end. */
  readonly queueMs: number;
  readonly computeMs: number;
}

interface Request extends Waiting {
  readonly x: Matrix;
  readonly settings: PredictionSettings;
  readonly parts: PredictionParts;
  readonly since: number;
  started: number | null;
  settled: boolean;
  resolve(prediction: Prediction): void;
  reject(error: Error): void;
}

/** Weight of the newest batch in the measured speed. */
const NEWEST = 0.2;

export class Batcher {
  readonly #queue: FairQueue<Request>;
  #running = 0;
  /** Rows that were taken from the queue and are not done. */
  #flying = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Recent milliseconds per row, of all threads together; null before the first batch. */
  #rowMs: number | null = null;

  constructor(
    readonly engine: Engine,
    readonly options: BatcherOptions,
    readonly observer: BatchObserver,
  ) {
    this.#queue = new FairQueue(options);
  }

  /** Rows that wait or are under way. */
  get rows(): number {
    return this.#queue.rows + this.#flying;
  }

  get idle(): boolean {
    return this.#running === 0 && this.#queue.requests === 0;
  }

  /** Seconds until rows of about half the queue will have been computed, at least 1. */
  retryAfter(): number {
    return Math.max(1, Math.ceil(((this.#rowMs ?? 0) * this.rows) / 2000));
  }

  /** @throws RequestProblem 503 when the queue is full, 504 when the deadline passes; what the engine throws */
  async ask({ caller, x, settings, divisible, deadlineMs, signal }: Asked): Promise<Answered> {
    const { queueRows } = this.options;
    if (this.rows + x.rows > queueRows) {
      const got = `${this.rows} waiting and ${x.rows} more`;
      const seconds = this.retryAfter();
      throw busy(
        `queue: expected at most ${queueRows} rows, got ${got} — try again in ${seconds} s`,
        seconds,
      );
    }
    const since = performance.now();
    return new Promise<Answered>((resolve, reject) => {
      const end = () => {
        request.settled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const request: Request = {
        caller,
        key: JSON.stringify(settings),
        rows: x.rows,
        draws: settings.mode === 'mean' ? 1 : settings.draws,
        divisible,
        x,
        settings,
        parts: new PredictionParts(x.rows),
        since,
        started: null,
        settled: false,
        resolve: (prediction) => {
          end();
          const started = request.started ?? since;
          resolve({ prediction, queueMs: started - since, computeMs: performance.now() - started });
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const giveUp = (error: Error) => {
        this.#queue.remove(request);
        request.reject(error);
      };
      const timer = setTimeout(() => giveUp(tooLate(deadlineMs)), deadlineMs);
      const leave = () => giveUp(callerGone());
      signal?.addEventListener('abort', leave);
      this.#queue.push(request);
      this.#pump();
    });
  }

  /** Starts batches while there are threads and rows; a batch that is not full may wait for more rows. */
  #pump(): void {
    if (this.#running >= this.engine.threads || this.#queue.requests === 0) return;
    const { delayMs, rows } = this.options;
    if (delayMs > 0 && this.#queue.rows < rows) {
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#start();
      }, delayMs);
      return;
    }
    this.#start();
  }

  #start(): void {
    while (this.#running < this.engine.threads && this.#queue.requests > 0)
      void this.#run(this.#queue.take());
  }

  async #run(slices: Slice<Request>[]): Promise<void> {
    const rows = slices.reduce((sum, slice) => sum + slice.rows, 0);
    const start = performance.now();
    this.#running++;
    this.#flying += rows;
    for (const { request } of slices) request.started ??= start;
    const { settings, draws } = slices[0].request;
    try {
      const whole = await this.engine.predict(gathered(slices, rows), settings);
      const ms = performance.now() - start;
      this.observer.batch(rows, slices.length, draws, ms);
      const rowMs = ms / rows / this.engine.threads;
      this.#rowMs = this.#rowMs === null ? rowMs : this.#rowMs + NEWEST * (rowMs - this.#rowMs);
      let first = 0;
      for (const slice of slices) {
        this.#hand(slice, rowsOf(whole, first, slice.rows));
        first += slice.rows;
      }
    } catch (error) {
      for (const { request } of slices) {
        this.#queue.remove(request);
        if (!request.settled) request.reject(error as Error);
      }
    } finally {
      this.#running--;
      this.#flying -= rows;
      this.#pump();
    }
  }

  #hand({ request, firstRow }: Slice<Request>, part: Prediction): void {
    if (request.settled) return;
    const whole = request.parts.add(firstRow, part);
    if (whole !== null) request.resolve(whole);
  }
}

/** The rows of a batch in one table. */
function gathered(slices: readonly Slice<Request>[], rows: number): Matrix {
  const { x } = slices[0].request;
  if (slices.length === 1 && rows === x.rows) return x;
  const { columns } = x;
  const data = new Float64Array(rows * columns);
  let at = 0;
  for (const { request, firstRow, rows: count } of slices) {
    data.set(request.x.data.subarray(firstRow * columns, (firstRow + count) * columns), at * columns);
    at += count;
  }
  return { data, rows, columns };
}
