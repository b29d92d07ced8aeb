// Weights that are their means enter a training step as they are: no noise, and a gradient of mu alone.

import type { GemmStart } from '../../backend/backend.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type {
  BlockGradient,
  Estimator,
  EstimatorContext,
  EstimatorRun,
  GradientBuffers,
} from './estimator.ts';

export class MeanWeights<Memory> implements EstimatorRun {
  readonly divisible: boolean = true;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  constructor(readonly at: EstimatorContext<Memory>) {}

  /** There is nothing to draw. */
  prepare(): void {}

  forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void {
    const { maps, mu } = this.at;
    maps[layer.index].forward(z, mu + layer.offset * 4, x, run.last - run.first, from, to);
  }

  inputGradient(
    run: PassRun,
    layer: LayerLayout,
    dx: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const { maps, places, mu } = this.at;
    const delta = places.delta(run, layer.index);
    maps[layer.index].inputGradient(dx, mu + layer.offset * 4, delta, run.last - run.first, from, to, start);
  }

  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void {
    const { maps, places } = this.at;
    const l = layer.index;
    const delta = places.delta(run, l) + from * ROW_BYTES;
    maps[l].transposeDelta(places.deltaT(run, l), places.rowsT, delta, run.last - run.first, from, to);
  }

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
}

export const meanWeights: Estimator<unknown> = {
  options: () => ({}),
  reserve: () => null,
  create: (context) => new MeanWeights(context),
};
