// Answers requests for predictions: joins small ones, cuts large ones, bounds the queue and keeps every deadline. A row's answer depends
// on the posterior, its numbers and its settings, never on the rows computed beside it. What computes the batches is an engine's business.

import type { Matrix } from '../../core/matrix.ts';
import type { PredictionMode } from '../../core/prediction/predictionMode.ts';
import type { Prediction } from '../../core/predictive/prediction.ts';
import { PredictionParts, rowsOf } from '../../core/predictive/predictionRows.ts';
import { onAbort } from '../cancellation.ts';
import { type BatchBudget, FairQueue, type Slice, type Waiting } from './queue.ts';

/** What the answer to a row depends on besides the row: requests of equal settings are computed together. */
export interface BatchSettings {
  readonly draws: number;
  readonly mode: PredictionMode;
}

/** What computes batches. */
export interface BatchEngine<Settings extends BatchSettings> {
  /** Batches that can be computed at once. */
  readonly threads: number;
  /** @param unwanted aborted when no caller waits for the batch any longer */
  predict(x: Matrix, settings: Settings, unwanted: AbortSignal): Promise<Prediction>;
}

export interface BatcherOptions extends BatchBudget {
  /** Milliseconds that an idle thread waits for more rows. */
  readonly delayMs: number;
  /** Calls once what has arrived by now was taken in. Absent: no batch waits for rows. */
  readonly nextTurn?: (call: () => void) => void;
  /** Rows that may wait or be under way. */
  readonly queueRows: number;
  readonly refusals: BatchRefusals;
}

/** The errors of requests that are not computed. */
export interface BatchRefusals {
  /** @param seconds after which it is worth trying again */
  full(waiting: number, more: number, most: number, seconds: number): Error;
  late(deadlineMs: number): Error;
}

/** What happened, for metrics. */
export interface BatchObserver {
  /** A batch was computed: its rows, the requests in it, draws of a row, milliseconds. */
  batch(rows: number, requests: number, draws: number, ms: number): void;
}

export interface Asked<Settings extends BatchSettings> {
  readonly caller: string;
  readonly x: Matrix;
  readonly settings: Settings;
  /** Whether rows may be computed apart from each other. */
  readonly divisible: boolean;
  /** Milliseconds; null waits for as long as it takes. */
  readonly deadlineMs: number | null;
  /** Aborted, with the error to reject with, when the caller no longer waits for the answer. */
  readonly signal?: AbortSignal | undefined;
}

export interface Answered {
  readonly prediction: Prediction;
  /** Milliseconds from the call to the first batch, and from there to the end. */
  readonly queueMs: number;
  readonly computeMs: number;
}

interface Request<Settings extends BatchSettings> extends Waiting {
  readonly x: Matrix;
  readonly settings: Settings;
  readonly parts: PredictionParts;
  readonly since: number;
  started: number | null;
  settled: boolean;
  /** What to tell once it is settled: the batches with its rows that are being computed. */
  readonly batches: Set<() => void>;
  resolve(prediction: Prediction): void;
  reject(error: Error): void;
}

/** Weight of the newest batch in the measured speed. */
const NEWEST = 0.2;

/** Part of a batch's time, and milliseconds at most, that an idle thread waits for callers who were there a moment ago. */
const GATHER_PART = 1 / 8;
const GATHER_MS = 2;

export class Batcher<Settings extends BatchSettings> {
  readonly #queue: FairQueue<Request<Settings>>;
  #running = 0;
  /** Rows that were taken from the queue and are not done. */
  #flying = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Recent milliseconds per row, of all threads together; null before the first batch. */
  #rowMs: number | null = null;
  /** Recent milliseconds of a batch. */
  #batchMs = 0;
  /** The most rows that waited or were under way at once while the newest batch was computed. */
  #peak = 0;
  #peakNow = 0;
  #gathering = false;
  #whenIdle: Array<() => void> = [];

  constructor(
    readonly engine: BatchEngine<Settings>,
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

  /** Settles once nothing waits or is under way. */
  whenIdle(): Promise<void> {
    return this.idle ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Seconds until rows of about half the queue will have been computed, at least 1. */
  retryAfter(): number {
    return Math.max(1, Math.ceil(((this.#rowMs ?? 0) * this.rows) / 2000));
  }

  /** @throws the refusals of the options, the reason of the signal, what the engine throws */
  async ask({ caller, x, settings, divisible, deadlineMs, signal }: Asked<Settings>): Promise<Answered> {
    const { queueRows, refusals } = this.options;
    signal?.throwIfAborted();
    if (this.rows + x.rows > queueRows) throw refusals.full(this.rows, x.rows, queueRows, this.retryAfter());
    const since = performance.now();
    return new Promise<Answered>((resolve, reject) => {
      const end = () => {
        request.settled = true;
        clearTimeout(timer);
        heard();
        for (const settled of request.batches) settled();
      };
      const request: Request<Settings> = {
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
        batches: new Set(),
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
        this.#settle();
      };
      const timer =
        deadlineMs === null ? undefined : setTimeout(() => giveUp(refusals.late(deadlineMs)), deadlineMs);
      const heard = onAbort(signal, () => giveUp(signal?.reason));
      this.#queue.push(request);
      this.#peakNow = Math.max(this.#peakNow, this.rows);
      this.#pump();
    });
  }

  /** Rejects every request that has not begun to be computed. */
  rejectWaiting(error: Error): void {
    for (const request of this.#queue.all()) {
      this.#queue.remove(request);
      request.reject(error);
    }
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
    this.#gather();
  }

  /**
   * Callers whose answers have just left ask again within a moment: as many rows as there were during the newest batch are worth waiting for
   * during a small part of a batch's time, for a batch of few rows takes nearly as long as one of 16.
   */
  #gather(): void {
    const { nextTurn, rows } = this.options;
    const most = Math.min(this.#peak, rows);
    const until = performance.now() + Math.min(GATHER_MS, GATHER_PART * this.#batchMs);
    const look = () => {
      const waits = this.#queue.requests > 0 && this.rows < most && performance.now() < until;
      if (waits && nextTurn !== undefined) return nextTurn(look);
      this.#gathering = false;
      this.#start();
    };
    if (this.#gathering) return;
    this.#gathering = true;
    look();
  }

  #start(): void {
    while (this.#running < this.engine.threads && this.#queue.requests > 0)
      void this.#run(this.#queue.take());
  }

  async #run(slices: Slice<Request<Settings>>[]): Promise<void> {
    const rows = slices.reduce((sum, slice) => sum + slice.rows, 0);
    const start = performance.now();
    this.#running++;
    this.#flying += rows;
    this.#peakNow = this.rows;
    const unwanted = new AbortController();
    const settled = () => {
      if (slices.every(({ request }) => request.settled)) unwanted.abort();
    };
    for (const { request } of slices) {
      request.started ??= start;
      request.batches.add(settled);
    }
    const { settings, draws } = slices[0].request;
    try {
      const whole = await this.engine.predict(gathered(slices, rows), settings, unwanted.signal);
      const ms = performance.now() - start;
      this.observer.batch(rows, slices.length, draws, ms);
      this.#batchMs += NEWEST * (ms - this.#batchMs);
      const rowMs = ms / rows / this.engine.threads;
      this.#rowMs = this.#rowMs === null ? rowMs : this.#rowMs + NEWEST * (rowMs - this.#rowMs);
      let first = 0;
      for (const slice of slices) {
        slice.request.batches.delete(settled);
        this.#hand(slice, rowsOf(whole, first, slice.rows));
        first += slice.rows;
      }
    } catch (error) {
      for (const { request } of slices) {
        request.batches.delete(settled);
        this.#queue.remove(request);
        if (!request.settled) request.reject(error as Error);
      }
    } finally {
      this.#running--;
      this.#flying -= rows;
      this.#peak = this.#peakNow;
      this.#pump();
      this.#settle();
    }
  }

  #settle(): void {
    if (this.idle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #hand({ request, firstRow }: Slice<Request<Settings>>, part: Prediction): void {
    if (request.settled) return;
    const whole = request.parts.add(firstRow, part);
    if (whole !== null) request.resolve(whole);
  }
}

/** The rows of a batch in one table. */
function gathered<Settings extends BatchSettings>(
  slices: readonly Slice<Request<Settings>>[],
  rows: number,
): Matrix {
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
