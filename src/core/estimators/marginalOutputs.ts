// Predictions by local reparameterization (Kingma, Salimans & Welling 2015, §2.2): no weight is drawn, but each pre-activation from
// its distribution given the layer's inputs. Exact for every row alone. Rows share their noise, which no drawn weights would do in this
// way, so nothing joint is right.

import type { Arena } from '../../backend/arena.ts';
import { ACTIVATIONS, type Kernels, LANES } from '../../backend/backend.ts';
import { isEarlier, seedKeyOf } from '../../random/earlierEpochs.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import { type LinearMap, ROW_BYTES, type WeightlessLayer } from '../layers/layer.ts';
import { type LayerLayout, layerMaps, weightlessLayers } from '../parameters.ts';
import {
  type PredictionMemory,
  type PredictionProblem,
  type PredictionSlot,
  readsFeatures,
} from '../prediction/predictionMemory.ts';
import { localMoments } from './localMoments.ts';
import type { OutputEstimator, TakeOutputs, Tile } from './outputEstimator.ts';

/** `activate_f32` of this activation copies. */
const IDENTITY = 0;

/** Some data panels in some draws: what goes through the network together, draw after draw, panels of a draw side by side. */
interface Pass {
  readonly slot: PredictionSlot;
  /** Row of the prediction in lane 0 of the first panel. */
  readonly row: number;
  /** Rows in a panel; where fewer than 16, 16 / width draws share it. */
  readonly width: number;
  /** The first of the tile's data panels, and how many. */
  readonly firstPanel: number;
  readonly panels: number;
  readonly draw: number;
  /** Times the panels are there, each time with the next 16 / width draws. */
  readonly groups: number;
}

/**
 * z = (mu·x + mu_b) + sqrt(sigma²·x² + sigma_b²)·noise in each layer. Given its inputs, a layer's z are sums of independent normals
 * no two of which share a weight, so they are independent normals of these means and variances; and each layer's weights are
 * independent of those below. So a draw of all outputs of one row has the very distribution drawn weights give it.
 *
 * noise = normal(key, 0, draw, stream(marginal, layer), 16·unit), the same for every row: a row's draws depend on the posterior and on
 * the row alone, never on its number, its neighbors, tiles or what shares a panel. Before kernel epoch 3 the row's number stood in place
 * of the 0.
 */
export class MarginalOutputs implements OutputEstimator {
  readonly #key: { readonly key0: number; readonly key1: number };
  readonly #maps: readonly LinearMap[];
  readonly #weightless: ReadonlyArray<WeightlessLayer | null>;
  readonly #readsFeaturesAsTheyAre: boolean;
  /** 1 gives each row of a prediction noise of its own, by its number. */
  readonly #rowStep: 0 | 1;

  constructor(
    readonly problem: PredictionProblem,
    readonly memory: PredictionMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
  ) {
    this.#key = seedKeyOf(problem.kernelEpoch, problem.seed);
    this.#rowStep = isEarlier(problem.kernelEpoch) ? 1 : 0;
    this.#maps = layerMaps(memory.layout, kernels);
    this.#weightless = weightlessLayers(memory.layout, kernels);
    this.#readsFeaturesAsTheyAre = memory.layout.layers.some(
      ({ index, inputs }) => this.#weightless[index] !== null && inputs.includes(-1),
    );
  }

  /** sigma² of parameters first … last − 1, floats of a parameter buffer and multiples of 16; all are needed before the first tile. */
  prepare(first: number, last: number): void {
    const { memory, kernels } = this;
    kernels.variance_f32(memory.variance + first * 4, memory.rho + first * 4, (last - first) / LANES);
  }

  run(tile: Tile, panels: number, take: TakeOutputs): void {
    const { memory } = this;
    const slot = memory.slots[tile.slot];
    const rows = tile.lastRow - tile.firstRow;
    const width = panelWidth(rows);
    const perPanel = LANES / width;
    if (tile.sameRows !== true) this.#gather(tile, rows, width);
    for (let p = 0; p < panels; p += memory.passPanels) {
      const n = Math.min(memory.passPanels, panels - p);
      // Moments of other panels may be there by now, unless there are none.
      if (tile.sameRows !== true || n < panels) this.#firstLayers(slot, p, n);
      const row = tile.firstRow + (tile.rowOffset ?? 0) + p * LANES;
      const together = Math.floor(memory.passPanels / n) * perPanel;
      for (let draw = tile.firstDraw; draw < tile.lastDraw; draw += together) {
        if (Atomics.load(this.arena.i32, memory.canceled >>> 2) !== 0) return;
        const draws = Math.min(together, tile.lastDraw - draw);
        const pass = {
          slot,
          row,
          width,
          firstPanel: p,
          panels: n,
          draw,
          groups: Math.ceil(draws / perPanel),
        };
        this.#hand(pass, this.#forward(pass), draws, rows, p, take);
      }
    }
  }

  /** The tile's rows to x; where draws share a panel, the rows once for each of them. */
  #gather({ slot, firstRow }: Tile, rows: number, width: number): void {
    const { memory, kernels, problem, arena } = this;
    const { x, marginal } = memory.slots[slot];
    const I = problem.model.inputSize;
    if (width === LANES) {
      kernels.gather_f32(x, I, memory.x, I, memory.index + firstRow * 4, rows);
      return;
    }
    for (let l = 0; l < LANES; l++) {
      arena.i32[marginal.index / 4 + l] = firstRow + Math.min(l % width, rows - 1);
    }
    kernels.gather_f32(x, I, memory.x, I, marginal.index, LANES);
  }

  /** The moments of pre-activations that do not depend on the draw: of layers that read the features. */
  #firstLayers({ x, marginal }: PredictionSlot, p: number, panels: number): void {
    const { inputSize } = this.problem.model;
    const from = x + p * inputSize * ROW_BYTES;
    for (const layer of this.memory.layout.layers) {
      if (!readsFeatures(layer)) continue;
      const { firstMean, firstVariance, squares } = marginal;
      this.#moments(layer, firstMean[layer.index], firstVariance[layer.index], squares, from, panels);
    }
  }

  /** The features once for each group of draws, for layers without weights. */
  #repeatFeatures({ slot, panels, groups, firstPanel }: Pass): void {
    const I = this.problem.model.inputSize;
    const rows = panels * I;
    const from = slot.x + firstPanel * I * ROW_BYTES;
    for (let g = 0; g < groups; g++)
      this.kernels.activate_f32(slot.marginal.features + g * rows * ROW_BYTES, 0, from, rows, IDENTITY);
  }

  #moments(
    layer: LayerLayout,
    mean: number,
    variance: number,
    squares: number,
    x: number,
    panels: number,
  ): void {
    const { memory, kernels } = this;
    const at = layer.offset * 4;
    const out = { mean, variance, squares };
    const map = this.#maps[layer.index];
    localMoments(kernels, map, layer, out, memory.mu + at, memory.variance + at, x, panels);
  }

  /** Address of the outputs of a pass. */
  #forward(pass: Pass): number {
    const { slot, panels, groups } = pass;
    const { marginal } = slot;
    const all = panels * groups;
    if (this.#readsFeaturesAsTheyAre) this.#repeatFeatures(pass);
    let to = 0;
    for (const layer of this.memory.layout.layers) {
      to = slot.outputs[layer.index];
      const weightless = this.#weightless[layer.index];
      if (weightless !== null) {
        const x = layer.inputs.map((input) => (input < 0 ? marginal.features : slot.outputs[input]));
        weightless.forward(to, x, all, 0, layer.units);
      } else if (readsFeatures(layer)) {
        const { firstMean, firstVariance } = marginal;
        this.#draw(pass, layer, to, firstMean[layer.index], firstVariance[layer.index], 0);
      } else {
        this.#moments(layer, to, marginal.variance, marginal.squares, slot.outputs[layer.inputs[0]], all);
        this.#draw(pass, layer, to, to, marginal.variance, panels * layer.units * ROW_BYTES);
      }
      this.kernels.activate_f32(to, 0, to, all * layer.units, ACTIVATIONS.indexOf(layer.spec.activation));
    }
    return to;
  }

  /** z of every group; its moments lie `apart` bytes from those of the group before. */
  #draw(pass: Pass, layer: LayerLayout, z: number, mean: number, variance: number, apart: number): void {
    const { row, width, panels, draw, groups } = pass;
    for (let g = 0; g < groups; g++) {
      this.kernels.marginal_f32(
        z + g * panels * layer.units * ROW_BYTES,
        mean + g * apart,
        variance + g * apart,
        layer.units,
        panels,
        this.#key.key0,
        this.#key.key1,
        this.#rowStep * row,
        this.#rowStep,
        width,
        draw + g * (LANES / width),
        stream(PURPOSE.marginal, layer.index),
      );
    }
  }

  /** Hands over the outputs of a pass, draw by draw. */
  #hand(pass: Pass, outputs: number, draws: number, rows: number, p: number, take: TakeOutputs): void {
    const { slot, width, panels, draw } = pass;
    const K = this.problem.model.outputSize;
    if (width === LANES) {
      for (let n = 0; n < draws; n++) take(draw + n, p, panels, outputs + n * panels * K * ROW_BYTES);
      return;
    }
    const { unpacked } = slot.marginal;
    const { f32 } = this.arena;
    const perPanel = LANES / width;
    for (let n = 0; n < draws; n++) {
      const from = outputs / 4 + Math.floor(n / perPanel) * K * LANES + (n % perPanel) * width;
      for (let k = 0; k < K; k++) {
        for (let r = 0; r < rows; r++) f32[unpacked / 4 + k * LANES + r] = f32[from + k * LANES + r];
      }
      take(draw + n, p, 1, unpacked);
    }
  }
}

/** Rows that share a panel with other draws of themselves: the power of 2 that holds them, 16 when there are more than 8. */
function panelWidth(rows: number): number {
  let width = 1;
  while (width < LANES && width < rows) width *= 2;
  return width;
}
