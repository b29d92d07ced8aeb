// Weight reparameterization (Blundell et al. 2015, §3.2): w = mu + sigma·noise, one noise a weight and draw, shared by all rows;
// so d/dmu = dW and d/dsigma = dW·noise.

import type { GemmStart } from '../../backend/backend.ts';
import type { Bare } from '../../options/kinds.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import type { PassRun } from '../batchPlaces.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';
import type {
  BlockGradient,
  Estimator,
  EstimatorContext,
  EstimatorRun,
  GradientBuffers,
} from './estimator.ts';

/** Weight draws, and the noise they were made with: draws × P floats each. */
export interface DrawnMemory {
  readonly w: number;
  readonly noise: number;
}

class Reparameterization implements EstimatorRun {
  readonly divisible = true;
  readonly #key0: number;
  readonly #key1: number;
  readonly #drawBytes: number;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  constructor(readonly at: EstimatorContext<DrawnMemory>) {
    // Signed words of the same bits: a JavaScript engine allocates a box for an integer above 2^31 at every call.
    this.#key0 = at.key.key0 | 0;
    this.#key1 = at.key.key1 | 0;
    this.#drawBytes = at.layout.size * 4;
  }

  /** Draws the weights of block `b` for a step, all draws, and keeps the noise for the gradient. */
  prepare(step: number, b: number): void {
    const { layout, own, mu, rho, kernels, draws } = this.at;
    const block = layout.blocks[b];
    const at = block.offset * 4;
    const panelRow = block.panel * layout.layers[block.layer].panelRows + block.firstRow;
    for (let s = 0; s < draws; s++) {
      kernels.perturb_f32(
        own.w + s * this.#drawBytes + at,
        own.noise + s * this.#drawBytes + at,
        mu + at,
        rho + at,
        block.rows,
        this.#key0,
        this.#key1,
        step,
        s,
        stream(PURPOSE.weight, block.layer),
        panelRow,
      );
    }
  }

  forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void {
    this.at.maps[layer.index].forward(z, this.#weights(run, layer), x, run.last - run.first, from, to);
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
    const w = this.#weights(run, layer);
    maps[layer.index].inputGradient(dx, w, delta, run.last - run.first, from, to, start);
  }

  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void {
    const { maps, places } = this.at;
    const l = layer.index;
    const delta = places.delta(run, l) + from * ROW_BYTES;
    maps[l].transposeDelta(places.deltaT(run, l), places.rowsT, delta, run.last - run.first, from, to);
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
      logPrior[l]?.(buffers.dW, this.drawnWeights(s) + block.offset * 4, block.rows);
      if (draws === 1) break;
      const noise = this.#noise(s, block.offset);
      kernels.accumulate_f32(buffers.gMu, buffers.gSigma, buffers.dW, noise, block.rows, s === 0 ? 1 : 0);
    }
    out.gMu = draws === 1 ? buffers.dW : buffers.gMu;
    out.gSigma = buffers.gSigma;
    out.noise = draws === 1 ? this.#noise(0, block.offset) : 0;
  }

  drawnWeights(draw: number): number {
    return this.at.own.w + draw * this.#drawBytes;
  }

  #weights(run: PassRun, layer: LayerLayout): number {
    return this.drawnWeights(run.draw) + layer.offset * 4;
  }

  #noise(draw: number, offset: number): number {
    return this.at.own.noise + draw * this.#drawBytes + offset * 4;
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
