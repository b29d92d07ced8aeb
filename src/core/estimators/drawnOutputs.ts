// Predictions from drawn weights, which all rows share: those that the posterior's family gives draw s, or w = mu in mode `mean`. How far
// drawn weights are kept; nothing of what is made of the outputs.

import type { Arena } from '../../backend/arena.ts';
import { ACTIVATIONS, type Kernels } from '../../backend/backend.ts';
import { seedKeyOf } from '../../random/earlierEpochs.ts';
import { type LinearMap, ROW_BYTES, type WeightlessLayer } from '../layers/layer.ts';
import { layerMaps, weightlessLayers } from '../parameters.ts';
import { createFamily } from '../posteriors/index.ts';
import type { WeightSource } from '../posteriors/posteriorFamily.ts';
import type { PredictionMemory, PredictionProblem, PredictionSlot } from '../prediction/predictionMemory.ts';
import type { OutputEstimator, TakeOutputs, Tile } from './outputEstimator.ts';

export class DrawnOutputs implements OutputEstimator {
  readonly #source: WeightSource;
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
    this.#source = createFamily(problem.family).weights({
      layout: memory.layout,
      kernels,
      mu: memory.mu,
      rho: memory.rho,
      key: seedKeyOf(problem.kernelEpoch, problem.seed),
    });
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
    const { memory } = this;
    if (draw >= this.#cached.length) return this.#source.draw(slot.w, draw);
    const w = memory.cache + draw * memory.layout.size * 4;
    if (this.#cached[draw] === 1) return w;
    const drawn = this.#source.draw(w, draw);
    // Weights that are there already need no place in the cache.
    if (drawn === w) this.#cached[draw] = 1;
    return drawn;
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
