// Weight reparameterization (Blundell et al. 2015, §3.2): w = mu + sigma·noise, one noise a weight and draw, shared by all rows;
// so d/dmu = dW and d/dsigma = dW·noise.

import type { Bare } from '../../options/kinds.ts';
import type { LayerLayout } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type { BlockGradient, Estimator, EstimatorContext, GradientBuffers } from './estimator.ts';
import { SharedWeights } from './sharedWeights.ts';
import { WeightDraws } from './weightDraws.ts';

/** Weight draws, and the noise they were made with: draws × P floats each. */
export interface DrawnMemory {
  readonly w: number;
  readonly noise: number;
}

/** Also of other ways to draw weights, whose noise has the distribution of q all the same. */
export class Reparameterization extends SharedWeights<DrawnMemory> {
  readonly #drawn: WeightDraws;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  constructor(
    at: EstimatorContext<DrawnMemory>,
    drawn: WeightDraws = new WeightDraws(at, at.own.w, at.own.noise),
  ) {
    super(at);
    this.#drawn = drawn;
  }

  /** Draws the weights of block `b` for a step, all draws, and keeps the noise for the gradient. */
  prepare(step: number, b: number): void {
    this.#drawn.draw(step, b, this.at.mu + this.at.layout.blocks[b].offset * 4);
  }

  /** One draw: dW, with the noise beside it. Several: sums of dW and of dW·noise. */
  gradient(step: number, b: number, out: BlockGradient, buffers: GradientBuffers): void {
    const { layout, maps, places, kernels, draws, batchRows, logPrior } = this.at;
    const block = layout.blocks[b];
    const l = block.layer;
    const run = this.#run;
    run.step = step;
    for (let s = 0; s < draws; s++) {
      run.draw = s;
      const x = places.input(run, l);
      const deltaT = places.deltaT(run, l);
      maps[l].weightGradient(buffers.dW, x, deltaT, places.rowsT, block, batchRows(step));
      logPrior[l]?.(buffers.dW, this.#drawn.weights(s, block.offset), block.rows);
      if (draws === 1) break;
      const noise = this.#drawn.noiseOf(s, block.offset);
      kernels.accumulate_f32(buffers.gMu, buffers.gSigma, buffers.dW, noise, block.rows, s === 0 ? 1 : 0);
    }
    out.gMu = draws === 1 ? buffers.dW : buffers.gMu;
    out.gSigma = buffers.gSigma;
    out.noise = draws === 1 ? this.#drawn.noiseOf(0, block.offset) : 0;
  }

  drawnWeights(draw: number): number {
    return this.#drawn.weights(draw, 0);
  }

  protected weights(run: PassRun, layer: LayerLayout): number {
    return this.#drawn.weights(run.draw, layer.offset);
  }
}

export const reparameterization: Estimator<DrawnMemory> & Bare = {
  options: () => ({}),
  reserve: ({ draws, layout }, reserve) => ({
    w: reserve('w', draws * layout.size),
    noise: reserve('noise', draws * layout.size),
  }),
  create: (context) => new Reparameterization(context),
};
