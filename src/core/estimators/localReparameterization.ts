// Local reparameterization (Kingma, Salimans & Welling 2015, §2.2): pre-activations are drawn in place of weights, for each row of data its
// own, z = m + sqrt(v)·noise with the moments of localMoments.ts. Rows are then independent, which lowers the variance of gradients:
//
//     d/dm = delta,  d/dv = delta·noise/(2·sqrt(v)),  d/dmu = xᵀ·d/dm,  d/dsigma = 2·sigma·(x²)ᵀ·d/dv

import { GemmStart } from '../../backend/backend.ts';
import type { Bare } from '../../options/kinds.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';
import type { PassRun } from '../training/batchPlaces.ts';
import type {
  BlockGradient,
  Estimator,
  EstimatorContext,
  EstimatorRun,
  GradientBuffers,
} from './estimator.ts';
import { localMoments } from './localMoments.ts';
import { WeightDraws } from './weightDraws.ts';

/** Buffers of one layer: for each draw, panels of 16 rows of data. */
export interface LocalLayer {
  /** x², [inputUnits] rows a panel. */
  readonly squares: number;
  /** What goes back through the variances, [inputUnits]. */
  readonly back: number;
  /** Bytes from one draw to the next in these two. */
  readonly inputBytes: number;
  /** v, then d(z)/d(v), then d(loss)/d(v), [units]. */
  readonly variance: number;
  readonly unitBytes: number;
  /** Transposed d(loss)/d(v). */
  readonly varianceT: number;
  readonly bytesT: number;
}

export interface LocalMemory {
  /** sigma² of every parameter. */
  readonly sigma2: number;
  /** Drawn weights and their noise, for priors that are met there; 0 where there are none. */
  readonly w: number;
  readonly noise: number;
  readonly layers: readonly LocalLayer[];
}

class LocalReparameterization implements EstimatorRun {
  readonly divisible = false;
  readonly #drawn: WeightDraws;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  constructor(readonly at: EstimatorContext<LocalMemory>) {
    this.#drawn = new WeightDraws(at, at.own.w, at.own.noise);
  }

  /** sigma² of block `b`; and its weights, where a prior wants them. */
  prepare(step: number, b: number): void {
    const { layout, own, mu, rho, kernels } = this.at;
    const { rows, offset } = layout.blocks[b];
    kernels.variance_f32(own.sigma2 + offset * 4, rho + offset * 4, rows);
    if (own.w !== 0) this.#drawn.draw(step, b, mu + offset * 4);
  }

  /** The noise of row r of the minibatch in draw s has the address (step r, draw step·S + s, unit). */
  forward(run: PassRun, layer: LayerLayout, z: number, x: number, _from: number, _to: number): void {
    const { own, mu, maps, kernels, draws, key } = this.at;
    const panels = run.last - run.first;
    const variance = this.#units(own.layers[layer.index].variance, run, layer);
    const squares = this.#inputs(own.layers[layer.index].squares, run, layer);
    const at = layer.offset * 4;
    const out = { mean: z, variance, squares };
    localMoments(kernels, maps[layer.index], layer, out, mu + at, own.sigma2 + at, x, panels);
    kernels.local_f32(
      z,
      variance,
      z,
      variance,
      layer.units,
      panels,
      key.key0,
      key.key1,
      run.first * 16,
      (run.step * draws + run.draw) | 0,
      stream(PURPOSE.local, layer.index),
    );
  }

  /** dx = W_mu·delta + 2·x∘(W_sigma²·d/dv) */
  inputGradient(
    run: PassRun,
    layer: LayerLayout,
    dx: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const { own, mu, maps, kernels, places } = this.at;
    const l = layer.index;
    const panels = run.last - run.first;
    const rows = panels * layer.inputUnits;
    const back = this.#inputs(own.layers[l].back, run, layer);
    const variance = this.#units(own.layers[l].variance, run, layer);
    const at = layer.offset * 4;
    maps[l].inputGradient(dx, mu + at, places.delta(run, l), panels, from, to, start);
    maps[l].inputGradient(back, own.sigma2 + at, variance, panels, from, to, GemmStart.zero);
    kernels.multiply_f32(back, back, places.input(run, l), rows);
    kernels.add_f32(back, back, back, rows);
    kernels.add_f32(dx, dx, back, rows);
  }

  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void {
    const { own, maps, places, kernels } = this.at;
    const l = layer.index;
    const panels = run.last - run.first;
    const delta = places.delta(run, l);
    const variance = this.#units(own.layers[l].variance, run, layer);
    maps[l].transposeDelta(places.deltaT(run, l), places.rowsT, delta, panels, from, to);
    kernels.multiply_f32(variance, variance, delta, panels * layer.units);
    const out = own.layers[l].varianceT + run.draw * own.layers[l].bytesT + run.first * 16 * ROW_BYTES;
    maps[l].transposeDelta(out, places.rowsT, variance, panels, from, to);
  }

  gradient(step: number, b: number, out: BlockGradient, buffers: GradientBuffers): void {
    const { layout, own, rho, maps, places, kernels, draws, batchRows } = this.at;
    const { dW, gMu, gSigma } = buffers;
    const { layer: l, rows, offset } = layout.blocks[b];
    const block = layout.blocks[b];
    const run = this.#run;
    run.step = step;
    for (let s = 0; s < draws; s++) {
      run.draw = s;
      const [forMu, forVariance] = s === 0 ? [gMu, gSigma] : [dW, dW];
      const x = places.input(run, l);
      maps[l].weightGradient(forMu, x, places.deltaT(run, l), places.rowsT, block, batchRows(step));
      if (s > 0) kernels.add_f32(gMu, gMu, dW, rows);
      const squares = this.#inputs(own.layers[l].squares, run, layout.layers[l]);
      const varianceT = own.layers[l].varianceT + s * own.layers[l].bytesT;
      maps[l].weightGradient(forVariance, squares, varianceT, places.rowsT, block, batchRows(step));
      if (s > 0) kernels.add_f32(gSigma, gSigma, dW, rows);
    }
    kernels.sigma_gradient_f32(gSigma, gSigma, rho + offset * 4, rows);
    for (let s = 0; s < draws; s++) this.#drawn.addLogPrior(s, b, this.#drawn.weights(s, offset), buffers);
    out.gMu = gMu;
    out.gSigma = gSigma;
    out.noise = 0;
  }

  drawnWeights(draw: number): number {
    return this.#drawn.weights(draw, 0);
  }

  #inputs(base: number, { draw, first }: PassRun, layer: LayerLayout): number {
    const { inputBytes } = this.at.own.layers[layer.index];
    return base + draw * inputBytes + first * layer.inputUnits * ROW_BYTES;
  }

  #units(base: number, { draw, first }: PassRun, layer: LayerLayout): number {
    const { unitBytes } = this.at.own.layers[layer.index];
    return base + draw * unitBytes + first * layer.units * ROW_BYTES;
  }
}

export const localReparameterization: Estimator<LocalMemory> & Bare = {
  options: () => ({}),
  reserve: ({ draws, layout, batchPanels, drawsWeights }, reserve) => ({
    sigma2: reserve('sigma2', layout.size),
    w: drawsWeights ? reserve('w', draws * layout.size) : 0,
    noise: drawsWeights ? reserve('noise', draws * layout.size) : 0,
    layers: layout.layers.map(({ index, inputUnits, units, deltaPanels }) => {
      const floats = (name: string, perPanel: number) =>
        reserve(`local${index}.${name}`, draws * batchPanels * perPanel * 16);
      return {
        squares: floats('squares', inputUnits),
        back: floats('back', inputUnits),
        inputBytes: batchPanels * inputUnits * ROW_BYTES,
        variance: floats('variance', units),
        unitBytes: batchPanels * units * ROW_BYTES,
        varianceT: floats('varianceT', deltaPanels * 16),
        bytesT: deltaPanels * batchPanels * 16 * ROW_BYTES,
      };
    }),
  }),
  create: (context) => new LocalReparameterization(context),
};
