// Weights drawn block by block, w = mean + sigma·noise, one noise a weight and draw at the address (step, draw, weight): the same in
// every estimator that needs drawn weights, if only for a prior that is met there.

import { PURPOSE, stream } from '../../random/stream.ts';
import type { EstimatorContext, GradientBuffers } from './estimator.ts';

export class WeightDraws {
  readonly #drawBytes: number;

  /** @param w @param noise buffers of draws × P floats each; byte addresses */
  constructor(
    readonly at: EstimatorContext<unknown>,
    readonly w: number,
    readonly noise: number,
  ) {
    this.#drawBytes = at.layout.size * 4;
  }

  /** Draws block `b` for a step about the means at `mean`, all draws, and keeps the noise for the gradient. */
  draw(step: number, b: number, mean: number): void {
    for (let s = 0; s < this.at.draws; s++) this.drawOne(step, b, s, mean);
  }

  /** One of these draws. */
  protected drawOne(step: number, b: number, s: number, mean: number): void {
    const { layout, rho, kernels, key } = this.at;
    const { layer, panel, firstRow, rows, lanes, offset } = layout.blocks[b];
    kernels.perturb_f32(
      this.weights(s, offset),
      this.noiseOf(s, offset),
      mean,
      rho + offset * 4,
      rows,
      lanes,
      key.key0,
      key.key1,
      step,
      s,
      stream(PURPOSE.weight, layer),
      panel * layout.layers[layer].panelRows + firstRow,
    );
  }

  /** Address of weight `offset` in a draw. */
  weights(draw: number, offset: number): number {
    return this.w + draw * this.#drawBytes + offset * 4;
  }

  /** Address of the noise of weight `offset` in a draw. */
  noiseOf(draw: number, offset: number): number {
    return this.noise + draw * this.#drawBytes + offset * 4;
  }

  /** Adds what log p(w) of block `b` contributes in one draw to gMu and gSigma, where its prior is met at the weights at `w`. */
  addLogPrior(draw: number, b: number, w: number, { dW, gMu, gSigma }: GradientBuffers): void {
    const { layout, logPrior, kernels } = this.at;
    const { layer, rows, offset } = layout.blocks[b];
    const prior = logPrior[layer];
    if (prior === null) return;
    kernels.clear_f32(dW, rows);
    prior(dW, w, rows);
    kernels.accumulate_f32(gMu, gSigma, dW, this.noiseOf(draw, offset), rows, 0);
  }
}
