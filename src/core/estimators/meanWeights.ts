// Weights that are their means enter a training step as they are: no noise, and a gradient of mu alone.

import type { LayerLayout } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type { BlockGradient, Estimator, GradientBuffers } from './estimator.ts';
import { SharedWeights } from './sharedWeights.ts';

export class MeanWeights<Memory> extends SharedWeights<Memory> {
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  /** There is nothing to draw. */
  prepare(): void {}

  /** gMu = Σ xᵀ·delta over all draws in order. */
  gradient(step: number, b: number, out: BlockGradient, { dW, gMu }: GradientBuffers): void {
    const { layout, maps, places, kernels, draws, batchRows } = this.at;
    const block = layout.blocks[b];
    const l = block.layer;
    const run = this.#run;
    run.step = step;
    for (let s = 0; s < draws; s++) {
      run.draw = s;
      const into = s === 0 ? gMu : dW;
      maps[l].weightGradient(
        into,
        this.inputs(run, layout.layers[l]),
        places.deltaT(run, l),
        places.rowsT,
        block,
        batchRows(step),
      );
      if (s > 0) kernels.add_f32(gMu, gMu, dW, block.rows);
    }
    out.gMu = gMu;
    out.gSigma = 0;
    out.noise = 0;
  }

  /** Address of what the map of a layer is applied to. */
  protected inputs(run: PassRun, layer: LayerLayout): number {
    return this.at.places.input(run, layer.index);
  }

  drawnWeights(): number {
    return this.at.mu;
  }

  protected weights(_: PassRun, layer: LayerLayout): number {
    return this.at.mu + layer.offset * 4;
  }
}

export const meanWeights: Estimator<unknown> = {
  options: () => ({}),
  reserve: () => null,
  create: (context) => new MeanWeights(context),
};
