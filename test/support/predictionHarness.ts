// A prediction's arena in this thread: draws of any rows in any cut into tiles, without runtime or workers.

import { Arena } from '../../src/backend/arena.ts';
import type { BackendFactory, Kernels } from '../../src/backend/backend.ts';
import { layerShape } from '../../src/core/layers/index.ts';
import type { LikelihoodSpec, Model } from '../../src/core/model.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { copyDraws, loadParameters, loadRows } from '../../src/core/prediction/predictionArena.ts';
import {
  type PredictionMemory,
  predictionMemory,
  TILE_DRAWS,
} from '../../src/core/prediction/predictionMemory.ts';
import type { PredictionMode } from '../../src/core/prediction/predictionMode.ts';
import { TilePredictor } from '../../src/core/prediction/predictTile.ts';
import { testNormals } from './trainingHarness.ts';

/** An untrained posterior: mu ~ N(0, muScale² / inputs), rho around rhoLoc; no units but its own. */
export function madeUpPosterior(
  model: Model,
  likelihood: LikelihoodSpec,
  { seed = 'made up', muScale = 1, rhoLoc = -1, which = 700 } = {},
): Posterior {
  const layers = model.layers.map((spec, l) => {
    const { I, O } = layerShape(spec);
    const values = (count: number, n: number, loc: number, scale: number) =>
      testNormals(count, which + 4 * l + n).map((value) => loc + scale * value);
    return {
      weight: { mu: values(I * O, 0, 0, muScale / Math.sqrt(I)), rho: values(I * O, 1, rhoLoc, 0.3) },
      bias: { mu: values(O, 2, 0, muScale), rho: values(O, 3, rhoLoc, 0.3) },
    };
  });
  const K = model.outputSize;
  return {
    model,
    likelihood,
    layers,
    noiseScale: 'scale' in likelihood ? new Float32Array(K).fill(0.5) : null,
    standardization: { features: null, targets: null },
    classNames: null,
    seed,
  };
}

export class PredictionHarness {
  readonly memory: PredictionMemory;
  readonly arena: Arena;
  readonly tiles: TilePredictor;

  private constructor(
    readonly posterior: Posterior,
    readonly mode: PredictionMode,
    readonly x: Float32Array,
    readonly tileRows: number,
    factory: BackendFactory,
    compiled: unknown,
    wrap: (kernels: Kernels) => Kernels,
  ) {
    const { model, likelihood, seed, kernelEpoch } = posterior;
    const capacity = x.length / model.inputSize;
    const problem = {
      model,
      likelihood,
      seed,
      kernelEpoch,
      capacity,
      tileRows: Math.ceil(tileRows / 16) * 16,
      slots: 1,
      mode,
      keepDraws: true,
    };
    this.memory = predictionMemory(problem, 1);
    this.arena = Arena.allocate(this.memory.arena);
    const kernels = wrap(factory.create(this.arena, compiled, 0));
    this.tiles = new TilePredictor(problem, this.memory, this.arena, kernels);
    loadParameters(this.arena, this.memory, posterior);
    const table = { data: x, rows: x.length / model.inputSize, columns: model.inputSize };
    loadRows(this.arena, this.memory, table, { standardization: { features: null, targets: null } });
    if (mode === 'marginal') this.tiles.prepare(0, this.memory.layout.size);
  }

  static async create(
    posterior: Posterior,
    mode: PredictionMode,
    x: Float32Array,
    factory: BackendFactory,
    { tileRows = 128, wrap = (kernels: Kernels) => kernels } = {},
  ): Promise<PredictionHarness> {
    return new PredictionHarness(posterior, mode, x, tileRows, factory, await factory.compile(), wrap);
  }

  /** values[(s·rows + r)·K + k] of draws 0 … draws − 1 of rows firstRow … lastRow − 1, in tiles of `cut` rows. */
  draws(draws: number, { firstRow = 0, lastRow = this.rows, cut = this.tileRows } = {}): Float32Array {
    const rows = lastRow - firstRow;
    const values = new Float32Array(draws * rows * this.posterior.model.outputSize);
    const tileDraws = TILE_DRAWS[this.mode];
    for (let row = firstRow; row < lastRow; row += cut) {
      for (let draw = 0; draw < draws; draw += tileDraws) {
        const tile = {
          slot: 0,
          firstDraw: draw,
          lastDraw: Math.min(draws, draw + tileDraws),
          firstRow: row,
          lastRow: Math.min(lastRow, row + cut),
        };
        this.tiles.predict(tile);
        copyDraws(values, this.arena, this.memory, tile, firstRow, rows);
      }
    }
    return values;
  }

  get rows(): number {
    return this.x.length / this.posterior.model.inputSize;
  }
}
