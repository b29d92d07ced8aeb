// Flipout (Wen et al. 2018, §3): all rows share one perturbation Δ = sigma·noise of the weights, and each row has random signs for its
// inputs and outputs, z = x·mu + ((x∘s)·Δ)∘r: nearly independent perturbations of the rows at the price of a second product. The mean is
// never flipped; the bias is that of an input of 1 whose s is 1.

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
import { WeightDraws } from './weightDraws.ts';

/** Buffers of one layer: for each draw, panels of 16 rows of data. */
export interface FlippedLayer {
  /** x∘s, [inputUnits] rows a panel, and bytes from one draw to the next. */
  readonly x: number;
  readonly xBytes: number;
  /** ((x∘s)·Δ) and later delta∘r, [units]. */
  readonly z: number;
  readonly zBytes: number;
  /** What goes back through Δ, [inputUnits]; of one draw at a time within a tile's panels. */
  readonly dx: number;
  /** Transposed delta∘r. */
  readonly deltaT: number;
  readonly deltaTBytes: number;
}

/** What flipout keeps; draws × P floats each, but for the zeros. */
export interface FlipoutMemory {
  readonly perturbation: number;
  readonly noise: number;
  /** mu + Δ, for priors that are met at drawn weights; 0 where there are none. */
  readonly w: number;
  /** A block of zeros: the mean of Δ. */
  readonly zeros: number;
  readonly layers: readonly FlippedLayer[];
}

class Flipout implements EstimatorRun {
  readonly divisible = false;
  /** Δ, drawn about 0. */
  readonly #delta: WeightDraws;
  readonly #drawBytes: number;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };

  constructor(readonly at: EstimatorContext<FlipoutMemory>) {
    this.#delta = new WeightDraws(at, at.own.perturbation, at.own.noise);
    this.#drawBytes = at.layout.size * 4;
  }

  /** Δ of block `b` for every draw, and its noise. */
  prepare(step: number, b: number): void {
    const { layout, own, mu, kernels, draws } = this.at;
    const { rows, offset } = layout.blocks[b];
    this.#delta.draw(step, b, own.zeros);
    for (let s = 0; own.w !== 0 && s < draws; s++) {
      kernels.add_f32(
        this.drawnWeights(s) + offset * 4,
        mu + offset * 4,
        this.#delta.weights(s, offset),
        rows,
      );
    }
  }

  forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void {
    const { mu, maps, kernels } = this.at;
    const l = layer.index;
    const panels = run.last - run.first;
    const [flipped, product] = [this.#x(run, layer), this.#z(run, layer)];
    this.#flip(run, layer, 'input', flipped, x);
    maps[l].forward(z, mu + layer.offset * 4, x, panels, from, to);
    const delta = this.#delta.weights(run.draw, layer.offset);
    maps[l].forward(product, delta, flipped, panels, from, to);
    this.#flip(run, layer, 'output', product, product);
    kernels.add_f32(z, z, product, panels * layer.units);
  }

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
    const back =
      own.layers[l].dx + run.draw * own.layers[l].xBytes + run.first * layer.inputUnits * ROW_BYTES;
    maps[l].inputGradient(dx, mu + layer.offset * 4, places.delta(run, l), panels, from, to, start);
    const delta = this.#delta.weights(run.draw, layer.offset);
    maps[l].inputGradient(back, delta, this.#z(run, layer), panels, from, to, GemmStart.zero);
    this.#flip(run, layer, 'input', back, back);
    kernels.add_f32(dx, dx, back, panels * layer.inputUnits);
  }

  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void {
    const { own, maps, places } = this.at;
    const l = layer.index;
    const panels = run.last - run.first;
    const delta = places.delta(run, l);
    maps[l].transposeDelta(places.deltaT(run, l), places.rowsT, delta, panels, from, to);
    const flipped = this.#z(run, layer);
    this.#flip(run, layer, 'output', flipped, delta);
    const { deltaT, deltaTBytes } = own.layers[l];
    const out = deltaT + run.draw * deltaTBytes + run.first * 16 * ROW_BYTES;
    maps[l].transposeDelta(out, places.rowsT, flipped, panels, from, to);
  }

  /** gMu = Σ xᵀ·delta, gSigma = Σ ((x∘s)ᵀ·(delta∘r))∘noise. */
  gradient(step: number, b: number, out: BlockGradient, buffers: GradientBuffers): void {
    const { layout, own, maps, places, kernels, draws, batchRows } = this.at;
    const block = layout.blocks[b];
    const { layer: l, rows } = block;
    const { dW, gMu, gSigma } = buffers;
    const run = this.#run;
    run.step = step;
    for (let s = 0; s < draws; s++) {
      run.draw = s;
      const [forMu, forSigma] = s === 0 ? [gMu, gSigma] : [dW, dW];
      const x = places.input(run, l);
      maps[l].weightGradient(forMu, x, places.deltaT(run, l), places.rowsT, block, batchRows(step));
      if (s > 0) kernels.add_f32(gMu, gMu, dW, rows);
      const { deltaT, deltaTBytes } = own.layers[l];
      const flipped = this.#x(run, layout.layers[l]);
      maps[l].weightGradient(
        forSigma,
        flipped,
        deltaT + s * deltaTBytes,
        places.rowsT,
        block,
        batchRows(step),
      );
      kernels.multiply_f32(forSigma, forSigma, this.#delta.noiseOf(s, block.offset), rows);
      if (s > 0) kernels.add_f32(gSigma, gSigma, dW, rows);
      this.#delta.addLogPrior(s, b, this.drawnWeights(s) + block.offset * 4, buffers);
    }
    out.gMu = gMu;
    out.gSigma = gSigma;
    out.noise = 0;
  }

  drawnWeights(draw: number): number {
    return this.at.own.w + draw * this.#drawBytes;
  }

  #x({ draw, first }: PassRun, layer: LayerLayout): number {
    const { x, xBytes } = this.at.own.layers[layer.index];
    return x + draw * xBytes + first * layer.inputUnits * ROW_BYTES;
  }

  #z({ draw, first }: PassRun, layer: LayerLayout): number {
    const { z, zBytes } = this.at.own.layers[layer.index];
    return z + draw * zBytes + first * layer.units * ROW_BYTES;
  }

  /** out = x times the signs of the run's rows; signs of inputs and of outputs are different streams. */
  #flip(run: PassRun, layer: LayerLayout, of: 'input' | 'output', out: number, x: number): void {
    const units = of === 'input' ? layer.inputUnits : layer.units;
    const { kernels, key } = this.at;
    kernels.flip_f32(
      out,
      x,
      (run.last - run.first) * units,
      key.key0,
      key.key1,
      run.step,
      run.draw,
      stream(PURPOSE.flip, 2 * layer.index + (of === 'input' ? 0 : 1)),
      run.first * units,
    );
  }
}

export const flipout: Estimator<FlipoutMemory> & Bare = {
  options: () => ({}),
  reserve: ({ draws, layout, batchPanels, drawsWeights }, reserve) => ({
    perturbation: reserve('perturbation', draws * layout.size),
    noise: reserve('noise', draws * layout.size),
    w: drawsWeights ? reserve('w', draws * layout.size) : 0,
    zeros: reserve('zeros', Math.max(...layout.blocks.map(({ rows }) => rows)) * 16),
    layers: layout.layers.map(({ index, inputUnits, units, deltaPanels }) => {
      const floats = (name: string, perPanel: number) =>
        reserve(`flipout${index}.${name}`, draws * batchPanels * perPanel * 16);
      return {
        x: floats('x', inputUnits),
        xBytes: batchPanels * inputUnits * ROW_BYTES,
        z: floats('z', units),
        zBytes: batchPanels * units * ROW_BYTES,
        dx: floats('dx', inputUnits),
        deltaT: floats('deltaT', deltaPanels * 16),
        deltaTBytes: deltaPanels * batchPanels * 16 * ROW_BYTES,
      };
    }),
  }),
  create: (context) => new Flipout(context),
};
