// What estimators have in common whose rows share one set of weights in a draw: the map of a layer is applied to these, forward and back.

import type { GemmStart } from '../../backend/backend.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type { BlockGradient, EstimatorContext, EstimatorRun, GradientBuffers } from './estimator.ts';

export abstract class SharedWeights<Memory> implements EstimatorRun {
  readonly divisible: boolean = true;

  constructor(readonly at: EstimatorContext<Memory>) {}

  abstract prepare(step: number, b: number): void;
  abstract gradient(step: number, b: number, out: BlockGradient, buffers: GradientBuffers): void;
  abstract drawnWeights(draw: number): number;

  /** Address of the weights of a layer in the draw of a run. */
  protected abstract weights(run: PassRun, layer: LayerLayout): number;

  forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void {
    this.at.maps[layer.index].forward(z, this.weights(run, layer), x, run.last - run.first, from, to);
  }

  inputGradient(
    run: PassRun,
    layer: LayerLayout,
    dx: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const { maps, places } = this.at;
    const delta = places.delta(run, layer.index);
    const w = this.weights(run, layer);
    maps[layer.index].inputGradient(dx, w, delta, run.last - run.first, from, to, start);
  }

  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void {
    const { maps, places } = this.at;
    const l = layer.index;
    const delta = places.delta(run, l) + from * ROW_BYTES;
    maps[l].transposeDelta(places.deltaT(run, l), places.rowsT, delta, run.last - run.first, from, to);
  }
}
