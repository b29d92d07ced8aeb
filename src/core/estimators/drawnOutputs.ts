// Predictions from drawn weights: draw s has w = mu + sigma·noise_s for all rows (Blundell et al. 2015, §3.2), or w = mu in mode
// `mean`. Which address which weight has, and how far drawn weights are kept; nothing of what is made of the outputs.

import type { Arena } from '../../backend/arena.ts';
import { ACTIVATIONS, type Kernels } from '../../backend/backend.ts';
import { seedKeyOf } from '../../random/earlierEpochs.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import { type LinearMap, ROW_BYTES, type WeightlessLayer } from '../layers/layer.ts';
import { layerMaps, weightlessLayers } from '../parameters.ts';
import type { PredictionMemory, PredictionProblem, PredictionSlot } from '../prediction/predictionMemory.ts';
import type { OutputEstimator, TakeOutputs, Tile } from './outputEstimator.ts';

export class DrawnOutputs implements OutputEstimator {
  readonly #key: { readonly key0: number; readonly key1: number };
  readonly #maps: readonly LinearMap[];
  readonly #weightless: ReadonlyArray<WeightlessLayer | null>;
  /** Draws whose weights are in the cache. */
  readonly #cached: Uint8Array;

  constructor(
    readonly problem: PredictionProblem,
    readonly memory: PredictionMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
    readonly mode: 'sample' | 'mean',
  ) {
    this.#key = seedKeyOf(problem.kernelEpoch, problem.seed);
    this.#maps = layerMaps(memory.layout, kernels);
    this.#weightless = weightlessLayers(memory.layout, kernels);
    this.#cached = new Uint8Array(problem.cachedDraws ?? 0);
  }

  run(tile: Tile, panels: number, take: TakeOutputs): void {
    const { memory, kernels, problem } = this;
    const slot = memory.slots[tile.slot];
    if (tile.sameRows !== true) {
      const I = problem.model.inputSize;
      kernels.gather_f32(
        slot.x,
        I,
        memory.x,
        I,
        memory.index + tile.firstRow * 4,
        tile.lastRow - tile.firstRow,
      );
    }
    for (let draw = tile.firstDraw; draw < tile.lastDraw; draw++) {
      if (Atomics.load(this.arena.i32, memory.canceled >>> 2) !== 0) return;
      const w = this.mode === 'mean' ? memory.mu : this.#weights(slot, draw);
      for (let p = 0; p < panels; p += memory.passPanels) {
        const n = Math.min(memory.passPanels, panels - p);
        take(draw, p, n, this.#pass(slot, w, p, n));
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

  /** Address of the outputs of `panels` data panels from panel `p` on. */
  #pass(slot: PredictionSlot, w: number, p: number, panels: number): number {
    const { memory, kernels, problem } = this;
    const features = slot.x + p * problem.model.inputSize * ROW_BYTES;
    let to = 0;
    for (const layer of memory.layout.layers) {
      to = slot.outputs[layer.index];
      const x = layer.inputs.map((input) => (input < 0 ? features : slot.outputs[input]));
      const weightless = this.#weightless[layer.index];
      if (weightless !== null) weightless.forward(to, x, panels, 0, layer.units);
      else this.#maps[layer.index].forward(to, w + layer.offset * 4, x[0], panels, 0, layer.units);
      kernels.activate_f32(to, 0, to, panels * layer.units, ACTIVATIONS.indexOf(layer.spec.activation));
    }
    return to;
  }
}
