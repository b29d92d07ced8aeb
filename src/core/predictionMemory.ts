// The address book of a prediction job: parameters once, rows once, and per slot what one tile of draws × rows works in.

import { ArenaLayout } from '../backend/arena.ts';
import { LANES } from '../backend/backend.ts';
import type { LikelihoodSpec, Model } from './model.ts';
import { type ParameterLayout, parameterLayout } from './parameters.ts';

/** Draws of one tile. Part of the definition of the result: moments are accumulated within tiles, then tiles in order. */
export const TILE_DRAWS = 8;

/** Rows that go through the network together: eight panels keep activations of wide layers in a second-level cache. */
const PASS_PANELS = 8;

/** What a prediction job's memory depends on. */
export interface PredictionProblem {
  readonly model: Model;
  readonly likelihood: LikelihoodSpec;
  readonly seed: string;
  /** Rows there is room for. */
  readonly capacity: number;
  /** Rows of a tile at most, a multiple of 16. */
  readonly tileRows: number;
  /** Tiles that may be in the arena at once. */
  readonly slots: number;
  /** `sample` draws weights, `mean` uses mu. */
  readonly mode: 'sample' | 'mean';
  /** Keep every draw's outputs. */
  readonly keepDraws: boolean;
  /** Keep the moments of outputs. Default: unless draws are kept. */
  readonly keepMoments?: boolean;
  /** Weights of draws 0 … cachedDraws − 1 stay in memory once they are drawn. Default 0. */
  readonly cachedDraws?: number;
}

/** Floats of one chunk of kept draws; more rows go in several chunks. */
const CHUNK_FLOATS = 16 << 20;

/** Rows of a chunk that keeps all its draws: as many 16s as stay within CHUNK_FLOATS, at least one. */
export function chunkRows(rows: number, outputSize: number, draws: number): number {
  const most = Math.floor(CHUNK_FLOATS / (draws * outputSize * LANES)) * LANES;
  return Math.max(LANES, Math.min(most, Math.ceil(rows / LANES) * LANES));
}

export interface PredictionSlot {
  readonly w: number;
  readonly x: number;
  /** Activations of a pass, read and written in turn. */
  readonly ping: number;
  readonly pong: number;
  /** Entropies of one pass. */
  readonly entropy: number;
  /** keepDraws: [draw][panel][K][16]. */
  readonly draws: number;
  /** keepMoments: moments of outputs, [panel][K][16] each. */
  readonly mean: number;
  readonly m2: number;
  /** Mean over draws of the entropies: [panel][16] (categorical) or [panel][K][16] (bernoulli); m2 is scratch. */
  readonly entropyMean: number;
  readonly entropyM2: number;
}

export interface PredictionMemory {
  readonly layout: ParameterLayout;
  readonly arena: ArenaLayout;
  /** One int32: not 0 when nobody wants the result any more. */
  readonly canceled: number;
  readonly mu: number;
  readonly rho: number;
  /** Cached weights, a parameter buffer a draw. */
  readonly cache: number;
  readonly x: number;
  readonly index: number;
  readonly slots: readonly PredictionSlot[];
  readonly tilePanels: number;
  readonly passPanels: number;
  /** Rows of 16 entropies a data panel has: 1, K or 0. */
  readonly entropyRows: number;
}

export function predictionMemory(problem: PredictionProblem, threads: number): PredictionMemory {
  const layout = parameterLayout(problem.model);
  const arena = new ArenaLayout(threads);
  const floats = (name: string, count: number) => arena.reserve(name, count * 4);
  const K = problem.model.outputSize;
  const I = problem.model.inputSize;
  const tilePanels = problem.tileRows / LANES;
  const passPanels = Math.min(PASS_PANELS, tilePanels);
  const width = Math.max(...layout.layers.map((layer) => layer.O));
  const entropyRows = { categorical: 1, bernoulli: K, gaussian: 0 }[problem.likelihood.kind];

  const canceled = floats('canceled', 1);
  const mu = floats('mu', layout.size);
  const rho = floats('rho', layout.size);
  const cache = floats('cache', (problem.cachedDraws ?? 0) * layout.size);
  const x = floats('x', problem.capacity * I);
  const index = floats('index', problem.capacity);
  const slots = Array.from({ length: problem.slots }, (_, s): PredictionSlot => {
    const outputs = tilePanels * K * LANES;
    const moments = (problem.keepMoments ?? !problem.keepDraws) ? 1 : 0;
    return {
      w: floats(`slot${s}.w`, layout.size),
      x: floats(`slot${s}.x`, tilePanels * I * LANES),
      ping: floats(`slot${s}.ping`, passPanels * width * LANES),
      pong: floats(`slot${s}.pong`, passPanels * width * LANES),
      entropy: floats(`slot${s}.entropy`, passPanels * entropyRows * LANES),
      draws: floats(`slot${s}.draws`, problem.keepDraws ? TILE_DRAWS * outputs : 0),
      mean: floats(`slot${s}.mean`, moments * outputs),
      m2: floats(`slot${s}.m2`, moments * outputs),
      entropyMean: floats(`slot${s}.entropyMean`, tilePanels * entropyRows * LANES),
      entropyM2: floats(`slot${s}.entropyM2`, tilePanels * entropyRows * LANES),
    };
  });
  return { layout, arena, canceled, mu, rho, cache, x, index, slots, tilePanels, passPanels, entropyRows };
}
