// A long-lived predictor of posteriors and ensembles: weights packed once, drawn weights kept as far as there is room, requests
// answered one at a time. No thread in it; it computes where it is called.

import { Arena } from '../backend/arena.ts';
import { predictedColumns } from '../core/likelihoods/sizes.ts';
import type { Matrix } from '../core/matrix.ts';
import { parameterLayout } from '../core/parameters.ts';
import type { AnyPosterior, Posterior } from '../core/posterior.ts';
import { drawsOfMember, membersOf } from '../core/posteriors/mixture.ts';
import {
  addMoments,
  copyDraws,
  loadParameters,
  loadRows,
  type PredictionMoments,
  predictionMoments,
} from '../core/prediction/predictionArena.ts';
import {
  chunkRows,
  type PredictionMemory,
  type PredictionProblem,
  predictionMemory,
  TILE_DRAWS,
} from '../core/prediction/predictionMemory.ts';
import { TilePredictor, type TileWork } from '../core/prediction/predictTile.ts';
import {
  fillQuantiles,
  interleave,
  type PredictiveChunk,
  predictiveChunk,
} from '../core/predictive/drawQuantiles.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { PredictiveSummary } from '../core/predictive/summarize.ts';
import type { WorkerHost } from './host.ts';
import type { SessionRequest, SessionSetup } from './protocol.ts';

export class PredictionSession {
  readonly #posteriors: readonly PosteriorSession[];

  /** @throws RangeError when there is no memory for it, BackendUnavailableError when the backend cannot run in this thread */
  constructor(host: WorkerHost, setup: SessionSetup) {
    const members = setup.posteriors.reduce((sum, posterior) => sum + membersOf(posterior).length, 0);
    const cacheBytes = setup.cacheBytes / members;
    this.#posteriors = setup.posteriors.map(
      (posterior) => new PosteriorSession(host, { ...setup, posterior, cacheBytes }),
    );
  }

  /** The same bits as any other way to predict these rows: neither cuts of rows nor cached weights can be seen in them. */
  predict(request: SessionRequest): Prediction {
    return this.#posteriors[request.posterior].predict(request);
  }
}

/** The setup of one posterior, or of one member of it; cacheBytes are of each member. */
type PartSetup<Part> = Omit<SessionSetup, 'posteriors'> & { readonly posterior: Part };

/** What a session has of one posterior or ensemble. */
class PosteriorSession {
  readonly #members: readonly MemberSession[];
  readonly #capacity: number;
  readonly #outputs: number;

  constructor(host: WorkerHost, setup: PartSetup<AnyPosterior>) {
    const members = membersOf(setup.posterior);
    this.#members = members.map((posterior) => new MemberSession(host, { ...setup, posterior }));
    this.#capacity = setup.capacity;
    this.#outputs = predictedColumns(setup.posterior);
  }

  predict({ x, draws, mode, levels }: SessionRequest): Prediction {
    const K = this.#outputs;
    const M = this.#members.length;
    const parts = this.#members
      .map((member, m) => ({
        member,
        draws: drawsOfMember(draws, M, m),
        moments: predictionMoments(member.memory, x.rows),
      }))
      .filter((part) => part.draws > 0);
    const quantiles = levels.map((level) => ({ level, values: new Float64Array(x.rows * K) }));
    const keepDraws = levels.length > 0;
    const work: TileWork = { mode, keepDraws, keepMoments: true };
    const most = keepDraws ? Math.min(this.#capacity, chunkRows(x.rows, K, draws)) : this.#capacity;
    for (let firstRow = 0; firstRow < x.rows; firstRow += most) {
      const rows = Math.min(most, x.rows - firstRow);
      const part = x.data.subarray(firstRow * x.columns, (firstRow + rows) * x.columns);
      const chunks = parts.map((of) =>
        of.member.predict({ data: part, rows, columns: x.columns }, firstRow, of.draws, work, of.moments),
      );
      if (keepDraws) fillQuantiles(quantiles, interleave(chunks as PredictiveChunk[]));
    }
    const summary = new PredictiveSummary(x.rows, K);
    for (const { member, draws: own, moments } of parts)
      summary.add(member.posterior, own, moments.outputs, moments.entropies);
    return keepDraws ? { ...summary.prediction(), quantiles } : summary.prediction();
  }
}

/** What a session has of one member. */
class MemberSession {
  readonly posterior: Posterior;
  readonly memory: PredictionMemory;
  readonly #arena: Arena;
  readonly #tiles: TilePredictor;
  readonly #stop: Int32Array;
  /** What mode marginal needs is there. */
  #prepared = false;

  constructor(host: WorkerHost, setup: PartSetup<Posterior>) {
    const { posterior, backend, compiled, capacity, cacheBytes, pulse, stop } = setup;
    const { model, family, likelihood, seed, kernelEpoch } = posterior;
    // Once packed, the row-major weights are not needed again.
    this.posterior = { ...posterior, layers: [] };
    const problem: PredictionProblem = {
      model,
      family,
      likelihood,
      seed,
      kernelEpoch,
      capacity,
      tileRows: capacity,
      slots: 1,
      mode: 'sample',
      anyMode: true,
      keepDraws: true,
      keepMoments: true,
      cachedDraws: Math.floor(cacheBytes / (parameterLayout(model).size * 4)),
    };
    this.memory = predictionMemory(problem, 1);
    this.#arena = Arena.allocate(this.memory.arena, undefined, (bytes) => host.noMemoryMessage(bytes));
    const kernels = host.backends.named(backend).create(this.#arena, compiled, 0);
    this.#stop = stop;
    const beat = () => void Atomics.add(pulse, 0, 1);
    this.#tiles = new TilePredictor(problem, this.memory, this.#arena, kernels, beat);
    loadParameters(this.#arena, this.memory, posterior);
  }

  /** Adds the moments of rows firstRow … of a request, and returns their draws if they are kept. */
  predict(
    x: Matrix,
    firstRow: number,
    draws: number,
    work: TileWork,
    moments: PredictionMoments,
  ): PredictiveChunk | null {
    const { posterior, memory } = this;
    const { rows } = x;
    const values = new Float32Array(work.keepDraws ? draws * rows * posterior.model.outputSize : 0);
    const tileDraws = TILE_DRAWS[work.mode];
    if (work.mode === 'marginal' && !this.#prepared) {
      this.#tiles.prepare(0, memory.layout.size);
      this.#prepared = true;
    }
    loadRows(this.#arena, memory, x, posterior);
    for (let firstDraw = 0; firstDraw < draws; firstDraw += tileDraws) {
      if (Atomics.load(this.#stop, 0) !== 0) throw new UnwantedError();
      const lastDraw = Math.min(draws, firstDraw + tileDraws);
      const range = { slot: 0, firstDraw, lastDraw, firstRow: 0, lastRow: rows };
      const tile = { ...range, rowOffset: firstRow, sameRows: firstDraw > 0 };
      this.#tiles.predict(tile, work);
      addMoments(moments, this.#arena, memory, tile, firstRow);
      if (work.keepDraws) copyDraws(values, this.#arena, memory, tile, 0, rows);
    }
    return work.keepDraws ? predictiveChunk(posterior, { firstRow, rows, draws, values }) : null;
  }
}

/** A prediction that was given up: its caller has gone. */
class UnwantedError extends Error {
  override readonly name = 'UnwantedError';

  constructor() {
    super('session: expected a caller, got none — ask again');
  }
}

/** The memory of a prediction's arrays, each array the only user of its buffer. */
export function buffersOf(prediction: Prediction): ArrayBufferLike[] {
  const { quantiles, ...rest } = prediction;
  const arrays = [...Object.values(rest), ...(quantiles ?? []).map(({ values }) => values)];
  return arrays
    .filter((value) => value instanceof Float32Array || value instanceof Float64Array)
    .map(({ buffer }) => buffer);
}
