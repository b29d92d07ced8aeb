// The prior's part in the objective of a family without a sigma: the cross-entropy −E_q[log p(w)] of a block of means, and its gradient.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES } from '../../backend/backend.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import type { ParameterLayout } from '../parameters.ts';
import type { MeansTraining } from '../posteriors/posteriorFamily.ts';
import type { StepPriors } from './stepPriors.ts';

export class MeansPrior {
  constructor(
    readonly means: MeansTraining,
    readonly priors: StepPriors,
    readonly layout: ParameterLayout,
    readonly arena: Arena,
    readonly kernels: Kernels,
  ) {}

  /**
   * Adds klScale·d/dmu −E_q[log p(w)] of block `b` to gMu: (−log p)′ at mu/kept, for the probability and the slope of mu/kept cancel.
   * @param mu address of the parameter buffer @param scratch address of a block's floats
   */
  gradient(gMu: number, mu: number, b: number, scratch: number): void {
    const { layer, firstRow, rows, offset } = this.layout.blocks[b];
    const { kernels } = this;
    const { klScale } = this.priors;
    const prior = this.#prior(layer);
    const from = mu + offset * 4;
    const kept = this.means.kept(this.layout.layers[layer]);
    if (kept === 1) {
      prior.logDensityGradient(kernels, gMu, from, rows, klScale);
      return;
    }
    const biases = firstRow === 0 ? 1 : 0;
    if (biases === 1) prior.logDensityGradient(kernels, gMu, from, 1, klScale);
    const skip = biases * ROW_BYTES;
    kernels.clear_f32(scratch, rows - biases);
    kernels.add_scaled_f32(scratch, from + skip, rows - biases, 1 / kept);
    prior.logDensityGradient(kernels, gMu + skip, scratch, rows - biases, klScale);
  }

  /** −E_q[log p(w)] of block `b` in nats; in float64, row by row. */
  crossEntropy(mu: number, b: number): number {
    const { layer, firstRow, rows, lanes, offset } = this.layout.blocks[b];
    const prior = this.#prior(layer);
    const { f32 } = this.arena;
    const kept = this.means.kept(this.layout.layers[layer]);
    const dropped = kept === 1 ? 0 : (1 - kept) * prior.logDensity(0);
    let sum = 0;
    for (let r = 0; r < rows; r++) {
      const isBias = firstRow + r === 0;
      for (let l = 0; l < lanes; l++) {
        const value = f32[(mu >>> 2) + offset + r * LANES + l];
        sum -= isBias ? prior.logDensity(value) : kept * prior.logDensity(value / kept) + dropped;
      }
    }
    return sum;
  }

  #prior(layer: number) {
    return this.priors.at(this.priors.numberOf(layer));
  }
}
