// Runs the tiles of a prediction on the pool, and again where a worker was lost: one that died or threw, or that is hung and was
// therefore ended. Tells a hung worker by the words that count the progress of each slot.

import { WorkerLostError } from '../errors.ts';
import { LostRequestError, type WorkerPool } from '../platform/platform.ts';
import type { PredictRequest, PrepareRequest } from '../workers/protocol.ts';
import { LOOKS, PATIENCE_MS, patienceOf } from './liveness.ts';

/** A tile whose worker was lost is tried again this often. */
const MAX_TRIES = 4;

type TileRequest = PrepareRequest | PredictRequest;

/** One request on its way. */
interface Flight {
  readonly slot: number;
  readonly ending: AbortController;
  /** What changes as long as there is progress, as of the last look. */
  sign: string;
  /** Looks in a row that saw the same. */
  still: number;
  /** Set when its worker is given up for lost: resolves when that worker is gone. */
  ended: Promise<void> | null;
  waited: number;
}

export interface TileHost {
  readonly pool: WorkerPool;
  warn(message: string): void;
  /** Tests only: milliseconds a worker may stand still. */
  readonly patience?: number | undefined;
}

export class TileRunner {
  readonly #flights = new Set<Flight>();
  readonly #period: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #started = 0;
  #draws = 0;
  #stopped = false;

  /** @param pulse word of a slot that its worker counts up */
  constructor(
    readonly host: TileHost,
    readonly words: Int32Array<SharedArrayBuffer>,
    readonly pulse: (slot: number) => number,
  ) {
    this.#period = (host.patience ?? PATIENCE_MS) / LOOKS;
  }

  /** @throws WorkerLostError when too many workers were lost with it, or one cannot be ended */
  async run(request: TileRequest): Promise<void> {
    for (let tries = 1; ; tries++) {
      const flight = this.#launch(request.slot);
      try {
        await this.host.pool.run(request, flight.ending);
        return;
      } catch (cause) {
        if (!(cause instanceof LostRequestError)) throw cause;
        // Nothing may be computed in the slot before its last worker is gone.
        await flight.ended;
        const reason =
          flight.ended === null ? cause.message : `worker: no sign of life for ${flight.waited / 1000} s`;
        if (this.#stopped) throw cause;
        if (tries === MAX_TRIES) {
          throw new WorkerLostError(
            `predict: expected a worker to survive ${describe(request)}, got ${tries} losses (${reason}) — free memory or lower workers`,
            { cause },
          );
        }
        this.host.warn(`predict: a worker was lost (${reason}); its part is computed again`);
      } finally {
        this.#land(flight);
      }
    }
  }

  /** Stops retrying requests: the result is no longer wanted. */
  stop(): void {
    this.#stopped = true;
  }

  #launch(slot: number): Flight {
    Atomics.store(this.words, this.pulse(slot), 0);
    const ending = new AbortController();
    const flight: Flight = { slot, ending, sign: '', still: 0, ended: null, waited: 0 };
    if (this.#flights.size === 0) this.#timer = setInterval(() => this.#look(), this.#period);
    if (this.#started === 0) this.#started = performance.now();
    this.#flights.add(flight);
    return flight;
  }

  #land(flight: Flight): void {
    this.#draws += this.#progress(flight);
    this.#flights.delete(flight);
    if (this.#flights.size === 0) clearInterval(this.#timer);
  }

  /** Draws of a flight that are done: its first count says that it has begun. */
  #progress({ slot }: Flight): number {
    return Math.max(0, Atomics.load(this.words, this.pulse(slot)) - 1);
  }

  #look(): void {
    let draws = this.#draws;
    for (const flight of this.#flights) draws += this.#progress(flight);
    const msPerDraw = draws === 0 ? 0 : (performance.now() - this.#started) / draws;
    for (const flight of this.#flights) {
      const count = Atomics.load(this.words, this.pulse(flight.slot));
      // One that waits for a worker progresses as long as others are done.
      const sign = count === 0 ? `waits ${this.host.pool.settled}` : `${count}`;
      flight.still = sign === flight.sign ? flight.still + 1 : 0;
      flight.sign = sign;
      const patience = this.host.patience ?? patienceOf(count === 0 ? 0 : msPerDraw);
      if (flight.ended !== null || flight.still * this.#period < patience) continue;
      flight.waited = patience;
      flight.ended = this.host.pool.endWorkers([flight.ending]);
      // Seen when the request has come back.
      flight.ended.catch(() => undefined);
    }
  }
}

function describe(request: TileRequest): string {
  if (request.kind === 'prepare') return 'the preparation of variances';
  return `draws ${request.firstDraw} to ${request.lastDraw - 1}`;
}
