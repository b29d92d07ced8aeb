// A long-lived predictor of one posterior: weights packed once, drawn weights kept as far as there is room, requests answered
// one at a time. No thread in it; it computes where it is called.

import { Arena } from '../backend/arena.ts';
import { backendFactory } from '../backend/registry.ts';
import { parameterLayout } from '../core/parameters.ts';
import type { Posterior } from '../core/posterior.ts';
import {
  addMoments,
  copyDraws,
  loadParameters,
  loadRows,
  predictionMoments,
} from '../core/predictionArena.ts';
import {
  chunkRows,
  type PredictionMemory,
  type PredictionProblem,
  predictionMemory,
  TILE_DRAWS,
} from '../core/predictionMemory.ts';
import { fillQuantiles } from '../core/predictive/drawQuantiles.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { summarize } from '../core/predictive/summarize.ts';
import { TilePredictor, type TileWork } from '../core/predictTile.ts';
import type { SessionRequest, SessionSetup } from './protocol.ts';

export class PredictionSession {
  readonly #posterior: Posterior;
  readonly #problem: PredictionProblem;
  readonly #memory: PredictionMemory;
  readonly #arena: Arena;
  readonly #tiles: TilePredictor;
  /** What mode marginal needs is there. */
  #prepared = false;

  /** @throws RangeError when there is no memory for it, BackendUnavailableError when the backend cannot run in this thread */
  constructor({ posterior, backend, compiled, capacity, cacheBytes }: SessionSetup) {
    const { model, likelihood, seed } = posterior;
    // Once packed, the row-major weights are not needed again.
    this.#posterior = { ...posterior, layers: [] };
    this.#problem = {
      model,
      likelihood,
      seed,
      capacity,
      tileRows: capacity,
      slots: 1,
      mode: 'sample',
      anyMode: true,
      keepDraws: true,
      keepMoments: true,
      cachedDraws: Math.floor(cacheBytes / (parameterLayout(model).size * 4)),
    };
    this.#memory = predictionMemory(this.#problem, 1);
    this.#arena = Arena.allocate(this.#memory.arena);
    const kernels = backendFactory(backend).create(this.#arena, compiled, 0);
    this.#tiles = new TilePredictor(this.#problem, this.#memory, this.#arena, kernels);
    loadParameters(this.#arena, this.#memory, posterior);
  }

  /** The same bits as any other way to predict these rows: neither cuts of rows nor cached weights can be seen in them. */
  predict({ x, draws, mode, levels }: SessionRequest): Prediction {
    const posterior = this.#posterior;
    const K = posterior.model.outputSize;
    const moments = predictionMoments(this.#memory, x.rows);
    const quantiles = levels.map((level) => ({ level, values: new Float32Array(x.rows * K) }));
    const keepDraws = levels.length > 0;
    const work: TileWork = { mode, keepDraws, keepMoments: true };
    const tileDraws = TILE_DRAWS[mode];
    if (mode === 'marginal' && !this.#prepared) {
      this.#tiles.prepare(0, this.#memory.layout.size);
      this.#prepared = true;
    }
    const { capacity } = this.#problem;
    const most = keepDraws ? Math.min(capacity, chunkRows(x.rows, K, draws)) : capacity;
    for (let firstRow = 0; firstRow < x.rows; firstRow += most) {
      const rows = Math.min(most, x.rows - firstRow);
      const values = new Float32Array(keepDraws ? draws * rows * K : 0);
      const part = x.data.subarray(firstRow * x.columns, (firstRow + rows) * x.columns);
      loadRows(this.#arena, this.#memory, part, x.columns, posterior.standardization.features);
      for (let firstDraw = 0; firstDraw < draws; firstDraw += tileDraws) {
        const lastDraw = Math.min(draws, firstDraw + tileDraws);
        const sameRows = firstDraw > 0;
        const tile = {
          slot: 0,
          firstDraw,
          lastDraw,
          firstRow: 0,
          lastRow: rows,
          rowOffset: firstRow,
          sameRows,
        };
        this.#tiles.predict(tile, work);
        addMoments(moments, this.#arena, this.#memory, tile, firstRow);
        if (keepDraws) copyDraws(values, this.#arena, this.#memory, tile, 0, rows);
      }
      if (keepDraws) fillQuantiles(quantiles, posterior, { firstRow, rows, draws, values });
    }
    const prediction = summarize(posterior, x.rows, draws, moments.outputs, moments.entropies);
    return keepDraws ? { ...prediction, quantiles } : prediction;
  }
}

/** The memory of a prediction's arrays, each array the only user of its buffer. */
export function buffersOf(prediction: Prediction): ArrayBufferLike[] {
  const { quantiles, ...rest } = prediction;
  const arrays = [...Object.values(rest), ...(quantiles ?? []).map(({ values }) => values)];
  return arrays.filter((value) => value instanceof Float32Array).map(({ buffer }) => buffer);
}
