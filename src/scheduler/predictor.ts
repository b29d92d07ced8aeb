// Runs predictions as tiles of draws × rows on the pool and puts their moments together in one fixed order.

import { Arena } from '../backend/arena.ts';
import { LANES } from '../backend/backend.ts';
import type { Matrix } from '../core/matrix.ts';
import { packLayer } from '../core/parameters.ts';
import type { Posterior } from '../core/posterior.ts';
import {
  type PredictionMemory,
  type PredictionProblem,
  predictionMemory,
  TILE_DRAWS,
} from '../core/predictionMemory.ts';
import { MomentAccumulator } from '../core/predictive/moments.ts';
import { standardizeInto } from '../core/standardize.ts';
import { WorkerLostError } from '../errors.ts';
import type { PredictionJob, PredictRequest } from '../workers/protocol.ts';
import { LostRequestError } from './pool.ts';
import { chunkRows, tileRows } from './tiles.ts';
import type { TrainerHost } from './trainer.ts';

/** One tile of a prediction in flight. */
interface Flight {
  readonly request: PredictRequest;
  readonly done: Promise<unknown>;
}

export interface PredictorOptions {
  readonly draws: number;
  readonly mode?: 'sample' | 'mean';
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** Outputs of every draw for some rows, in the network's units: values[(s·rows + r)·K + k]. */
export interface DrawChunk {
  readonly firstRow: number;
  readonly rows: number;
  readonly draws: number;
  readonly values: Float32Array;
}

/** A tile whose worker died is tried again this often. */
const MAX_TRIES = 4;

export class Predictor {
  readonly #problem: PredictionProblem;
  readonly #memory: PredictionMemory;
  readonly #arena: Arena;
  readonly #job: PredictionJob;
  /** Rows of a chunk of kept draws. */
  readonly #chunkRows: number;

  constructor(
    readonly posterior: Posterior,
    readonly x: Matrix,
    readonly host: TrainerHost,
    readonly options: PredictorOptions,
    keepDraws: boolean,
  ) {
    const { model } = posterior;
    const slots = 2 * host.pool.size;
    const rows = tileRows(x.rows, model.inputSize, model.outputSize, options.draws, host.pool.size);
    this.#chunkRows = chunkRows(x.rows, model.outputSize, options.draws);
    this.#problem = {
      model,
      likelihood: posterior.likelihood,
      seed: posterior.seed,
      capacity: x.rows,
      tileRows: keepDraws ? Math.min(rows, this.#chunkRows) : rows,
      slots,
      mode: options.mode ?? 'sample',
      keepDraws,
    };
    this.#memory = predictionMemory(this.#problem, slots);
    this.#arena = Arena.allocate(this.#memory.arena);
    this.#job = {
      kind: 'prediction',
      id: host.nextJobId(),
      backend: host.factory.name,
      compiled: host.compiled,
      memory: this.#arena.memory,
      threads: slots,
      problem: this.#problem,
    };
    this.#load();
  }

  #load(): void {
    const { posterior, x } = this;
    const { layout, mu, rho } = this.#memory;
    const muAll = this.#arena.floats(mu, layout.size);
    const rhoAll = this.#arena.floats(rho, layout.size);
    for (const [l, layer] of layout.layers.entries()) {
      packLayer(muAll, layer, posterior.layers[l].weight.mu, posterior.layers[l].bias.mu);
      packLayer(rhoAll, layer, posterior.layers[l].weight.rho, posterior.layers[l].bias.rho);
    }
    standardizeInto(
      this.#arena.floats(this.#memory.x, x.data.length),
      x.data,
      x.columns,
      posterior.standardization.features,
    );
    const index = this.#memory.index / 4;
    for (let row = 0; row < x.rows; row++) this.#arena.i32[index + row] = row;
  }

  /** Moments over draws of the outputs [rows, K] and of the entropies. */
  async moments(): Promise<{ outputs: MomentAccumulator; entropies: MomentAccumulator | null }> {
    const K = this.posterior.model.outputSize;
    const { entropyRows } = this.#memory;
    const outputs = new MomentAccumulator(this.x.rows * K);
    const entropies = entropyRows === 0 ? null : new MomentAccumulator(this.x.rows * entropyRows);
    await this.#run(0, this.x.rows, (request) => {
      const slot = this.#memory.slots[request.slot];
      this.#addMoments(outputs, slot.mean, slot.m2, request, K);
      if (entropies !== null)
        this.#addMoments(entropies, slot.entropyMean, slot.entropyM2, request, entropyRows);
    });
    return { outputs, entropies };
  }

  #addMoments(
    into: MomentAccumulator,
    mean: number,
    m2: number,
    request: PredictRequest,
    columns: number,
  ): void {
    const { f32 } = this.#arena;
    const n = request.lastDraw - request.firstDraw;
    for (let row = request.firstRow; row < request.lastRow; row++) {
      const local = row - request.firstRow;
      for (let k = 0; k < columns; k++) {
        const at = (Math.floor(local / LANES) * columns + k) * LANES + (local % LANES);
        into.add(row * columns + k, request.firstDraw, n, f32[mean / 4 + at], f32[m2 / 4 + at]);
      }
    }
  }

  /** Every draw's outputs, some rows at a time, so that memory is bounded whatever the number of rows. */
  async *drawChunks(): AsyncGenerator<DrawChunk> {
    const K = this.posterior.model.outputSize;
    const { draws } = this.options;
    for (let firstRow = 0; firstRow < this.x.rows; firstRow += this.#chunkRows) {
      const rows = Math.min(this.#chunkRows, this.x.rows - firstRow);
      const values = new Float32Array(draws * rows * K);
      await this.#run(firstRow, firstRow + rows, (request) =>
        this.#copyDraws(values, firstRow, rows, request, K),
      );
      yield { firstRow, rows, draws, values };
    }
  }

  /** Draws in order, all rows at once: the tiles of a few draws at a time are in memory. */
  async *eachDraw(): AsyncGenerator<{ draw: number; values: Float32Array }> {
    const K = this.posterior.model.outputSize;
    const { rows } = this.x;
    for (let first = 0; first < this.options.draws; first += TILE_DRAWS) {
      const count = Math.min(TILE_DRAWS, this.options.draws - first);
      const values = new Float32Array(count * rows * K);
      await this.#run(
        0,
        rows,
        (request) => this.#copyDraws(values, 0, rows, { ...request, firstDraw: 0, lastDraw: count }, K),
        first,
        first + count,
      );
      for (let s = 0; s < count; s++) {
        yield { draw: first + s, values: values.subarray(s * rows * K, (s + 1) * rows * K) };
      }
    }
  }

  #copyDraws(
    values: Float32Array,
    chunkRow: number,
    chunkRows: number,
    request: PredictRequest,
    K: number,
  ): void {
    const { f32 } = this.#arena;
    const { tilePanels, slots } = this.#memory;
    for (let draw = request.firstDraw; draw < request.lastDraw; draw++) {
      const from = slots[request.slot].draws / 4 + (draw - request.firstDraw) * tilePanels * K * LANES;
      for (let row = request.firstRow; row < request.lastRow; row++) {
        const local = row - request.firstRow;
        const to = (draw * chunkRows + (row - chunkRow)) * K;
        const at = from + Math.floor(local / LANES) * K * LANES + (local % LANES);
        for (let k = 0; k < K; k++) values[to + k] = f32[at + k * LANES];
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
    const { tileRows: rows, slots } = this.#problem;
    const drawTiles = Math.ceil((lastDraw - firstDraw) / TILE_DRAWS);
    const total = drawTiles * Math.ceil((lastRow - firstRow) / rows);
    const flights: Flight[] = [];
    const land = async () => {
      const flight = flights.shift() as Flight;
      await flight.done;
      collect(flight.request);
    };
    try {
      for (let n = 0; n < total; n++) {
        signal?.throwIfAborted();
        if (flights.length === slots) await land();
        const row = firstRow + Math.floor(n / drawTiles) * rows;
        const draw = firstDraw + (n % drawTiles) * TILE_DRAWS;
        const request: PredictRequest = {
          kind: 'predict',
          job: this.#job,
          slot: n % slots,
          firstDraw: draw,
          lastDraw: Math.min(lastDraw, draw + TILE_DRAWS),
          firstRow: row,
          lastRow: Math.min(lastRow, row + rows),
        };
        const done = this.#retrying(request);
        // Failures are seen when the flight lands; one that fails while another is waited for must not count as unhandled.
        done.catch(() => undefined);
        flights.push({ request, done });
        onProgress?.({ done: n - flights.length + 1, total });
      }
      while (flights.length > 0) {
        signal?.throwIfAborted();
        await land();
        onProgress?.({ done: total - flights.length, total });
      }
    } finally {
      await Promise.allSettled(flights.map((flight) => flight.done));
    }
  }

  async #retrying(request: PredictRequest): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.host.pool.run(request);
      } catch (cause) {
        if (!(cause instanceof LostRequestError)) throw cause;
        if (tries === MAX_TRIES) {
          throw new WorkerLostError(
            `predict: expected a worker to survive draws ${request.firstDraw} to ${request.lastDraw - 1}, got ${tries} losses (${cause.message}) — free memory or lower workers`,
            { cause },
          );
        }
        this.host.warn(`predict: a worker was lost (${cause.message}); its tile is computed again`);
      }
    }
  }
}
