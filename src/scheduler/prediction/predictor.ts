// Runs predictions as tiles of draws × rows on the pool and puts their moments together in one fixed order.

import type { Arena } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import type { Matrix } from '../../core/matrix.ts';
import type { Posterior } from '../../core/posterior.ts';
import {
  addMoments,
  copyDraws,
  loadParameters,
  loadRows,
  type PredictionMoments,
  predictionMoments,
} from '../../core/prediction/predictionArena.ts';
import {
  chunkRows,
  type PredictionMemory,
  type PredictionProblem,
  predictionMemory,
  TILE_DRAWS,
} from '../../core/prediction/predictionMemory.ts';
import type { PredictionMode } from '../../core/prediction/predictionMode.ts';
import type { DrawChunk } from '../../core/predictive/drawQuantiles.ts';
import type { PredictionJob, PredictRequest, PrepareRequest } from '../../workers/protocol.ts';
import type { Loan } from '../arenas.ts';
import { onAbort } from '../cancellation.ts';
import { jobIn, type TrainerHost } from '../host.ts';
import { TileRunner } from '../tileRunner.ts';
import { tileRows } from '../tiles.ts';

/** One tile of a prediction in flight. */
interface Flight {
  readonly request: PredictRequest;
  readonly done: Promise<unknown>;
}

export interface PredictorOptions {
  readonly draws: number;
  /** Draws that a chunk of rows must leave room for; default `draws`. Members of a mixture have equal chunks by it. */
  readonly chunkDraws?: number;
  readonly mode?: PredictionMode;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** Parameters below which preparing them is not worth another request. */
const PREPARE_FLOATS = 1 << 16;

export class Predictor {
  readonly #memory: PredictionMemory;
  readonly #arena: Arena;
  readonly #job: PredictionJob;
  readonly #tiles: TileRunner;
  #prepared: Promise<unknown> | null = null;

  /** @throws RangeError when there is no memory for it; to be closed */
  static async open(
    posterior: Posterior,
    x: Matrix,
    host: TrainerHost,
    options: PredictorOptions,
    keepDraws: boolean,
  ): Promise<Predictor> {
    const { model, family, likelihood, seed, kernelEpoch } = posterior;
    const { draws, mode = 'sample' } = options;
    const rows = tileRows(x.rows, model.inputSize, model.outputSize, draws, host.pool.size, mode);
    const chunk = keepDraws ? chunkRows(x.rows, model.outputSize, options.chunkDraws ?? draws) : x.rows;
    const most = keepDraws ? Math.min(rows, chunk) : rows;
    const tiles = Math.ceil(draws / TILE_DRAWS[mode]) * Math.ceil(Math.min(x.rows, chunk) / most);
    const problem: PredictionProblem = {
      model,
      family,
      likelihood,
      seed,
      kernelEpoch,
      capacity: x.rows,
      tileRows: most,
      // One tile a worker and one that waits for it, as far as there are tiles.
      slots: Math.min(2 * host.pool.size, tiles),
      mode,
      keepDraws,
    };
    const memory = predictionMemory(problem, problem.slots);
    const loan = await host.arenas.lend(memory.arena);
    return new Predictor(posterior, x, host, options, problem, memory, loan, chunk);
  }

  /** @param chunkRows rows of a chunk of kept draws */
  private constructor(
    readonly posterior: Posterior,
    readonly x: Matrix,
    readonly host: TrainerHost,
    readonly options: PredictorOptions,
    readonly problem: PredictionProblem,
    memory: PredictionMemory,
    readonly loan: Loan,
    readonly chunkRows: number,
  ) {
    this.#memory = memory;
    this.#arena = loan.arena;
    this.#job = {
      kind: 'prediction',
      ...jobIn(host, loan),
      problem,
    };
    this.#tiles = new TileRunner(host, loan.arena.i32, (slot) => (memory.pulse >>> 2) + slot * LANES);
    loadParameters(this.#arena, memory, posterior);
    loadRows(this.#arena, memory, x, posterior);
  }

  /** Gives the memory back; no other method may be called or under way. */
  close(): void {
    this.host.arenas.giveBack(this.loan, this.host.pool.stuck);
  }

  /** Moments over draws of the outputs [rows, K] and of the entropies. */
  async moments(): Promise<PredictionMoments> {
    const moments = predictionMoments(this.#memory, this.x.rows);
    await this.#run(0, this.x.rows, (request) => addMoments(moments, this.#arena, this.#memory, request));
    return moments;
  }

  /** Every draw's outputs, some rows at a time, so that memory is bounded whatever the number of rows. */
  async *drawChunks(): AsyncGenerator<DrawChunk> {
    const K = this.posterior.model.outputSize;
    const { draws } = this.options;
    for (let firstRow = 0; firstRow < this.x.rows; firstRow += this.chunkRows) {
      const rows = Math.min(this.chunkRows, this.x.rows - firstRow);
      const values = new Float32Array(draws * rows * K);
      await this.#run(firstRow, firstRow + rows, (request) =>
        copyDraws(values, this.#arena, this.#memory, request, firstRow, rows),
      );
      yield { firstRow, rows, draws, values };
    }
  }

  /** Draws in order, all rows at once: the tiles of a few draws at a time are in memory. */
  async *eachDraw(): AsyncGenerator<{ draw: number; values: Float32Array }> {
    const K = this.posterior.model.outputSize;
    const { rows } = this.x;
    const tileDraws = TILE_DRAWS[this.problem.mode];
    for (let first = 0; first < this.options.draws; first += tileDraws) {
      const count = Math.min(tileDraws, this.options.draws - first);
      const values = new Float32Array(count * rows * K);
      await this.#run(
        0,
        rows,
        (request) =>
          copyDraws(
            values,
            this.#arena,
            this.#memory,
            { ...request, firstDraw: 0, lastDraw: count },
            0,
            rows,
          ),
        first,
        first + count,
      );
      for (let s = 0; s < count; s++) {
        yield { draw: first + s, values: values.subarray(s * rows * K, (s + 1) * rows * K) };
      }
    }
  }

  /** Runs all tiles of some rows and hands their results over in the order of the tiles, a bounded number in flight. */
  async #run(
    firstRow: number,
    lastRow: number,
    collect: (request: PredictRequest) => void,
    firstDraw = 0,
    lastDraw = this.options.draws,
  ): Promise<void> {
    const { signal, onProgress } = this.options;
    const { tileRows: rows, slots, mode } = this.problem;
    const tileDraws = TILE_DRAWS[mode];
    const drawTiles = Math.ceil((lastDraw - firstDraw) / tileDraws);
    const total = drawTiles * Math.ceil((lastRow - firstRow) / rows);
    const flights: Flight[] = [];
    const land = async () => {
      const flight = flights.shift() as Flight;
      await flight.done;
      // A tile that saw the flag came back unfinished.
      signal?.throwIfAborted();
      collect(flight.request);
    };
    const cancel = () => {
      this.#tiles.stop();
      Atomics.store(this.#arena.i32, this.#memory.canceled >>> 2, 1);
    };
    const uncancel = onAbort(signal, cancel);
    try {
      if (mode === 'marginal') await (this.#prepared ??= this.#prepare());
      for (let n = 0; n < total; n++) {
        signal?.throwIfAborted();
        if (flights.length === slots) await land();
        const row = firstRow + Math.floor(n / drawTiles) * rows;
        const draw = firstDraw + (n % drawTiles) * tileDraws;
        const request: PredictRequest = {
          kind: 'predict',
          job: this.#job,
          slot: n % slots,
          firstDraw: draw,
          lastDraw: Math.min(lastDraw, draw + tileDraws),
          firstRow: row,
          lastRow: Math.min(lastRow, row + rows),
        };
        const done = this.#tiles.run(request);
        // Failures are seen when the flight lands; one that fails while another is waited for must not count as unhandled.
        done.catch(() => undefined);
        flights.push({ request, done });
        onProgress?.({ done: n - flights.length + 1, total });
      }
      while (flights.length > 0) {
        await land();
        onProgress?.({ done: total - flights.length, total });
      }
    } catch (error) {
      cancel();
      signal?.throwIfAborted();
      throw error;
    } finally {
      uncancel();
      await Promise.allSettled(flights.map((flight) => flight.done));
    }
  }

  /** Has the workers make what all tiles share, each a part of it. */
  async #prepare(): Promise<void> {
    const { size } = this.#memory.layout;
    const most = Math.min(this.host.pool.size, this.problem.slots);
    const parts = Math.max(1, Math.min(most, Math.floor(size / PREPARE_FLOATS)));
    const part = Math.ceil(size / LANES / parts) * LANES;
    const requests = Array.from({ length: parts }, (_, slot): PrepareRequest => {
      const last = Math.min(size, (slot + 1) * part);
      return { kind: 'prepare', job: this.#job, slot, first: slot * part, last };
    });
    const ends = await Promise.allSettled(requests.map((request) => this.#tiles.run(request)));
    const failed = ends.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }
}
