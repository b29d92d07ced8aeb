// What goes into a prediction's arena and what comes out: parameters and rows in, moments and draws of a tile out.

import type { Arena } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import { isEarlier } from '../../random/earlierEpochs.ts';
import type { Tile } from '../estimators/outputEstimator.ts';
import type { Matrix } from '../matrix.ts';
import { packLayer } from '../parameters.ts';
import type { Posterior } from '../posterior.ts';
import { createFamily } from '../posteriors/index.ts';
import { MomentAccumulator } from '../predictive/moments.ts';
import { standardizeInto } from '../standardize.ts';
import type { PredictionMemory } from './predictionMemory.ts';

/** Writes the parameters of every layer: mu, and rho where the family has it. */
export function loadParameters(arena: Arena, memory: PredictionMemory, posterior: Posterior): void {
  const { layout } = memory;
  for (const name of createFamily(posterior.family).parameters) {
    const buffer = arena.floats(memory[name], layout.size);
    for (const [l, layer] of layout.layers.entries())
      packLayer(buffer, layer, posterior.layers[l].weight[name], posterior.layers[l].bias[name]);
  }
}

/** Writes rows 0 … x.rows − 1, standardized; x is in the data's units. */
export function loadRows(
  arena: Arena,
  memory: PredictionMemory,
  x: Matrix,
  { standardization, kernelEpoch }: Pick<Posterior, 'standardization' | 'kernelEpoch'>,
): void {
  // Before kernel epoch 3 rows were float32 before anything was done to them, in training as here.
  const data = isEarlier(kernelEpoch) ? Float32Array.from(x.data) : x.data;
  standardizeInto(arena.floats(memory.x, data.length), data, x.columns, standardization.features);
  const index = memory.index / 4;
  for (let row = 0; row < x.rows; row++) arena.i32[index + row] = row;
}

/** Moments over draws of the outputs, [rows, K], and of the entropies, [rows] or [rows, K]; null where there are none. */
export interface PredictionMoments {
  readonly outputs: MomentAccumulator;
  readonly entropies: MomentAccumulator | null;
}

export function predictionMoments(
  { layout, entropyRows }: PredictionMemory,
  rows: number,
): PredictionMoments {
  const K = layout.layers[layout.layers.length - 1].units;
  return {
    outputs: new MomentAccumulator(rows * K),
    entropies: entropyRows === 0 ? null : new MomentAccumulator(rows * entropyRows),
  };
}

/** Adds a tile's moments; tiles of the same rows must come in the order of their draws. Row 0 of the arena is row `offset` of `into`. */
export function addMoments(
  into: PredictionMoments,
  arena: Arena,
  memory: PredictionMemory,
  tile: Tile,
  offset = 0,
): void {
  const slot = memory.slots[tile.slot];
  const K = memory.layout.layers[memory.layout.layers.length - 1].units;
  add(into.outputs, arena.f32, slot.mean / 4, slot.m2 / 4, tile, offset, K);
  if (into.entropies === null) return;
  add(into.entropies, arena.f32, slot.entropyMean / 4, slot.entropyM2 / 4, tile, offset, memory.entropyRows);
}

function add(
  into: MomentAccumulator,
  f32: Float32Array,
  mean: number,
  m2: number,
  tile: Tile,
  offset: number,
  columns: number,
): void {
  const n = tile.lastDraw - tile.firstDraw;
  for (let row = tile.firstRow; row < tile.lastRow; row++) {
    const local = row - tile.firstRow;
    for (let k = 0; k < columns; k++) {
      const at = (Math.floor(local / LANES) * columns + k) * LANES + (local % LANES);
      into.add((offset + row) * columns + k, tile.firstDraw, n, f32[mean + at], f32[m2 + at]);
    }
  }
}

/** Copies the draws a tile kept to values[(s·rows + r − firstRow)·K + k], s and r draws and rows of the tile. */
export function copyDraws(
  values: Float32Array,
  arena: Arena,
  memory: PredictionMemory,
  tile: Tile,
  firstRow: number,
  rows: number,
): void {
  const { f32 } = arena;
  const { tilePanels, slots, layout } = memory;
  const K = layout.layers[layout.layers.length - 1].units;
  for (let draw = tile.firstDraw; draw < tile.lastDraw; draw++) {
    const from = slots[tile.slot].draws / 4 + (draw - tile.firstDraw) * tilePanels * K * LANES;
    for (let row = tile.firstRow; row < tile.lastRow; row++) {
      const local = row - tile.firstRow;
      const to = (draw * rows + (row - firstRow)) * K;
      const at = from + Math.floor(local / LANES) * K * LANES + (local % LANES);
      for (let k = 0; k < K; k++) values[to + k] = f32[at + k * LANES];
    }
  }
}
