// The address book of a prediction job: parameters once, rows once, and per slot what one tile of draws × rows works in.

import { ArenaLayout } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import type { LikelihoodSpec, Model } from '../model.ts';
import { type LayerLayout, type ParameterLayout, parameterLayout } from '../parameters.ts';
import { createFamily, type FamilySpec } from '../posteriors/index.ts';
import type { PredictionMode } from './predictionMode.ts';

/**
 * Draws of one tile. Part of the definition of the result: moments are accumulated within tiles, then tiles in order. A tile of
 * mode `marginal` computes its first layer once, so more draws make that cheaper.
 */
export const TILE_DRAWS: Readonly<Record<PredictionMode, number>> = { sample: 8, mean: 8, marginal: 32 };

/** Rows that go through the network together: eight panels keep activations of wide layers in a second-level cache. */
const PASS_PANELS = 8;

/** What a prediction job's memory depends on. */
export interface PredictionProblem {
  readonly model: Model;
  /** As of the posterior. */
  readonly family?: FamilySpec | undefined;
  readonly likelihood: LikelihoodSpec;
  readonly seed: string;
  /** As of the posterior. */
  readonly kernelEpoch?: number | undefined;
  /** Rows there is room for. */
  readonly capacity: number;
  /** Rows of a tile at most, a multiple of 16. */
  readonly tileRows: number;
  /** Tiles that may be in the arena at once. */
  readonly slots: number;
  readonly mode: PredictionMode;
  /** Room for work in every mode, not in `mode` alone. */
  readonly anyMode?: boolean;
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
  /** Drawn weights; mode sample. */
  readonly w: number;
  readonly x: number;
  readonly marginal: MarginalSlot;
  /** Outputs of layers in a pass, by layer; a layer's place is reused after its last reader. */
  readonly outputs: readonly number[];
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

/** What mode marginal needs besides. */
export interface MarginalSlot {
  /** int32 [16]: which rows the lanes of a shared panel hold. */
  readonly index: number;
  /** Squares of a layer's inputs and the variances of its pre-activations, of one pass. */
  readonly squares: number;
  readonly variance: number;
  /** By layer that reads the features: moments of its pre-activations, which all draws share; 0 for the others. */
  readonly firstMean: readonly number[];
  readonly firstVariance: readonly number[];
  /** The features once for each group of draws, where a layer without weights reads them. */
  readonly features: number;
  /** Outputs of one draw out of a panel that draws share. */
  readonly unpacked: number;
}

export interface PredictionMemory {
  readonly layout: ParameterLayout;
  readonly arena: ArenaLayout;
  /** One int32: not 0 when the result is no longer wanted. */
  readonly canceled: number;
  /** int32 per slot, a cache line each: increments as work in the slot proceeds. */
  readonly pulse: number;
  readonly mu: number;
  readonly rho: number;
  /** sigma² of every parameter; mode marginal. */
  readonly variance: number;
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
  const { modes, parameters } = createFamily(problem.family);
  const wants = (mode: PredictionMode) =>
    modes.includes(mode) && ((problem.anyMode ?? false) || problem.mode === mode);
  const [draws, marginal] = [wants('sample'), wants('marginal')];
  // Draws of mode marginal go through the network together where there are few rows.
  const passPanels = marginal ? PASS_PANELS : Math.min(PASS_PANELS, tilePanels);
  const width = Math.max(...layout.layers.map((layer) => layer.units));
  const places = outputPlaces(layout);
  const tileDraws = TILE_DRAWS[marginal ? 'marginal' : problem.mode];
  const { entropies } = createLikelihood(problem.likelihood);
  const entropyRows = entropies === null ? 0 : entropies === 'row' ? 1 : K;

  const canceled = floats('canceled', 1);
  const pulse = floats('pulse', problem.slots * LANES);
  const mu = floats('mu', layout.size);
  const rho = floats('rho', parameters.includes('rho') ? layout.size : 0);
  const variance = floats('variance', marginal ? layout.size : 0);
  const cache = floats('cache', (problem.cachedDraws ?? 0) * layout.size);
  const x = floats('x', problem.capacity * I);
  const index = floats('index', problem.capacity);
  const slots = Array.from({ length: problem.slots }, (_, s): PredictionSlot => {
    const outputs = tilePanels * K * LANES;
    const moments = (problem.keepMoments ?? !problem.keepDraws) ? 1 : 0;
    const buffers = Array.from({ length: Math.max(...places) + 1 }, (_, b) =>
      floats(`slot${s}.outputs${b}`, passPanels * width * LANES),
    );
    return {
      w: floats(`slot${s}.w`, draws ? layout.size : 0),
      x: floats(`slot${s}.x`, tilePanels * I * LANES),
      marginal: marginalSlot(
        marginal ? layout : null,
        (name, count) => floats(`slot${s}.${name}`, count),
        passPanels * LANES,
      ),
      outputs: places.map((place) => buffers[place]),
      entropy: floats(`slot${s}.entropy`, passPanels * entropyRows * LANES),
      draws: floats(`slot${s}.draws`, problem.keepDraws ? tileDraws * outputs : 0),
      mean: floats(`slot${s}.mean`, moments * outputs),
      m2: floats(`slot${s}.m2`, moments * outputs),
      entropyMean: floats(`slot${s}.entropyMean`, tilePanels * entropyRows * LANES),
      entropyM2: floats(`slot${s}.entropyM2`, tilePanels * entropyRows * LANES),
    };
  });
  return {
    layout,
    arena,
    canceled,
    pulse,
    mu,
    rho,
    variance,
    cache,
    x,
    index,
    slots,
    tilePanels,
    passPanels,
    entropyRows,
  };
}

/** Whether a layer with weights reads the features: then its pre-activations have the same moments in every draw. */
export function readsFeatures({ O, inputs }: LayerLayout): boolean {
  return O > 0 && inputs[0] < 0;
}

/** By layer, the lowest number of a buffer that holds no output which it or a later layer reads. */
function outputPlaces({ layers }: ParameterLayout): number[] {
  const places: number[] = [];
  for (const { index } of layers) {
    const taken = new Set(places.filter((_, l) => layers[l].consumers.some((consumer) => consumer >= index)));
    let place = 0;
    while (taken.has(place)) place++;
    places.push(place);
  }
  return places;
}

/** @param layout null where the mode is not wanted: places without room */
function marginalSlot(
  layout: ParameterLayout | null,
  floats: (name: string, count: number) => number,
  lanes: number,
): MarginalSlot {
  const layers = layout?.layers ?? [];
  const widest = Math.max(0, ...layers.map(({ inputUnits }) => inputUnits));
  const widestOut = Math.max(0, ...layers.map(({ units }) => units));
  const K = layers[layers.length - 1]?.units ?? 0;
  return {
    index: floats('index', layout === null ? 0 : LANES),
    squares: floats('squares', widest * lanes),
    variance: floats('variance', widestOut * lanes),
    firstMean: layers.map((layer) =>
      readsFeatures(layer) ? floats(`firstMean${layer.index}`, layer.units * lanes) : 0,
    ),
    firstVariance: layers.map((layer) =>
      readsFeatures(layer) ? floats(`firstVariance${layer.index}`, layer.units * lanes) : 0,
    ),
    features: floats(
      'features',
      layers.some((layer) => layer.O === 0 && layer.inputs.includes(-1))
        ? (layers[0]?.inputUnits ?? 0) * lanes
        : 0,
    ),
    unpacked: floats('unpacked', K * LANES),
  };
}
