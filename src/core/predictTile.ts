// One tile of a prediction: some draws for some rows, reduced to moments (or kept) in the tile's slot.

import type { Arena } from '../backend/arena.ts';
import { ACTIVATIONS, type Kernels, LANES } from '../backend/backend.ts';
import { seedKey } from '../random/seed.ts';
import { PURPOSE, stream } from '../random/stream.ts';
import { denseForward, ROW_BYTES } from './layers/dense.ts';
import type { PredictionMemory, PredictionProblem, PredictionSlot } from './predictionMemory.ts';

export interface Tile {
  readonly slot: number;
  readonly firstDraw: number;
  readonly lastDraw: number;
  readonly firstRow: number;
  readonly lastRow: number;
}

/** What is done with a tile's draws; memory must have room for what is kept. */
export type TileWork = Pick<PredictionProblem, 'mode' | 'keepDraws' | 'keepMoments'>;

export class TilePredictor {
  readonly #key: { readonly key0: number; readonly key1: number };
  /** Draws whose weights are in the cache. */
  readonly #cached: Uint8Array;

  constructor(
    readonly problem: PredictionProblem,
    readonly memory: PredictionMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
  ) {
    this.#key = seedKey(problem.seed);
    this.#cached = new Uint8Array(problem.cachedDraws ?? 0);
  }

  /**
   * Fills the slot for draws firstDraw … lastDraw − 1 and rows firstRow … lastRow − 1. Draw s uses the same weights for every row
   * and every tile, so the result does not depend on how rows were cut. Returns early, the slot unfinished, once the caller has
   * set the memory's `canceled`.
   */
  predict(tile: Tile, work: TileWork = this.problem): void {
    const { memory, kernels, problem } = this;
    const slot = memory.slots[tile.slot];
    const I = problem.model.inputSize;
    const rows = tile.lastRow - tile.firstRow;
    const panels = Math.ceil(rows / LANES);
    kernels.gather_f32(slot.x, I, memory.x, I, memory.index + tile.firstRow * 4, rows);
    for (let draw = tile.firstDraw; draw < tile.lastDraw; draw++) {
      if (Atomics.load(this.arena.i32, memory.canceled >>> 2) !== 0) return;
      const w = work.mode === 'mean' ? memory.mu : this.#weights(slot, draw);
      for (let p = 0; p < panels; p += memory.passPanels) {
        this.#pass(work, slot, w, draw - tile.firstDraw, p, Math.min(memory.passPanels, panels - p));
      }
    }
  }

  /** Address of the weights of a draw: in the cache where it has room for them, else in the slot. */
  #weights(slot: PredictionSlot, draw: number): number {
    const { memory, kernels } = this;
    const caches = draw < this.#cached.length;
    const w = caches ? memory.cache + draw * memory.layout.size * 4 : slot.w;
    if (caches && this.#cached[draw] === 1) return w;
    for (const layer of memory.layout.layers) {
      const at = layer.offset * 4;
      kernels.perturb_f32(
        w + at,
        0,
        memory.mu + at,
        memory.rho + at,
        layer.panels * layer.panelRows,
        this.#key.key0,
        this.#key.key1,
        0,
        draw,
        stream(PURPOSE.predictive, layer.index),
        0,
      );
    }
    if (caches) this.#cached[draw] = 1;
    return w;
  }

  #pass(work: TileWork, slot: PredictionSlot, w: number, nth: number, p: number, panels: number): void {
    const { memory, kernels, problem } = this;
    const { layers } = memory.layout;
    const K = problem.model.outputSize;
    let from = slot.x + p * problem.model.inputSize * ROW_BYTES;
    let to = slot.ping;
    for (const layer of layers) {
      denseForward(kernels, layer, to, w + layer.offset * 4, from, panels);
      kernels.activate_f32(to, 0, to, panels * layer.O, ACTIVATIONS.indexOf(layer.spec.activation));
      from = to;
      to = to === slot.ping ? slot.pong : slot.ping;
    }
    this.#observe(slot, from, panels);
    const outputs = panels * K;
    const at = p * K * ROW_BYTES;
    if (work.keepDraws) {
      const draw = slot.draws + (nth * memory.tilePanels + p) * K * ROW_BYTES;
      this.arena.u8.copyWithin(draw, from, from + outputs * ROW_BYTES);
    }
    if (work.keepMoments ?? !work.keepDraws) {
      kernels.moments_f32(slot.mean + at, slot.m2 + at, from, outputs, nth + 1);
    }
    if (memory.entropyRows > 0) {
      const e = p * memory.entropyRows * ROW_BYTES;
      kernels.moments_f32(
        slot.entropyMean + e,
        slot.entropyM2 + e,
        slot.entropy,
        panels * memory.entropyRows,
        nth + 1,
      );
    }
  }

  /** Turns network outputs into means of the target given the weights (in place), and their entropies. */
  #observe(slot: PredictionSlot, outputs: number, panels: number): void {
    const { kernels, problem } = this;
    const K = problem.model.outputSize;
    if (problem.likelihood.kind === 'categorical')
      kernels.softmax_f32(outputs, slot.entropy, outputs, K, K, panels);
    if (problem.likelihood.kind === 'bernoulli')
      kernels.sigmoid_f32(outputs, slot.entropy, outputs, panels * K);
  }
}
