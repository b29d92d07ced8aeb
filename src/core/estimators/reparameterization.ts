// Weight reparameterization (Blundell et al. 2015, §3.2): w = mu + sigma·noise, one noise a weight and draw, shared by all rows;
// so d/dmu = dW and d/dsigma = dW·noise.

import type { Kernels } from '../../backend/backend.ts';
import { seedKey } from '../../random/seed.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import type { TrainingProblem } from '../problem.ts';
import type { TrainingMemory } from '../trainingMemory.ts';

export class Reparameterization {
  readonly #key: { readonly key0: number; readonly key1: number };
  readonly #drawBytes: number;

  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly kernels: Kernels,
  ) {
    // Signed words of the same bits: a JavaScript engine allocates a box for an integer above 2^31 at every call.
    const { key0, key1 } = seedKey(problem.seed);
    this.#key = { key0: key0 | 0, key1: key1 | 0 };
    this.#drawBytes = memory.layout.size * 4;
  }

  /** Draws the weights of block `b` for a step, all draws, and keeps the noise for the gradient. */
  sample(step: number, b: number): void {
    const { memory, kernels, problem } = this;
    const block = memory.layout.blocks[b];
    const at = block.offset * 4;
    const panelRow = block.panel * memory.layout.layers[block.layer].panelRows + block.firstRow;
    for (let s = 0; s < problem.draws; s++) {
      kernels.perturb_f32(
        memory.w + s * this.#drawBytes + at,
        memory.noise + s * this.#drawBytes + at,
        memory.mu + at,
        memory.rho + at,
        block.rows,
        this.#key.key0,
        this.#key.key1,
        step,
        s,
        stream(PURPOSE.weight, block.layer),
        panelRow,
      );
    }
  }

  /** Address of the weights of a draw. */
  weights(draw: number): number {
    return this.memory.w + draw * this.#drawBytes;
  }

  /** Address of the noise of block `b` in a draw. */
  noise(draw: number, b: number): number {
    return this.memory.noise + draw * this.#drawBytes + this.memory.layout.blocks[b].offset * 4;
  }

  /** Adds draw number `draw` of dW to the gradients of mu and sigma; the first one starts them. */
  accumulate(draw: number, b: number, gMu: number, gSigma: number, dW: number): void {
    const { rows } = this.memory.layout.blocks[b];
    this.kernels.accumulate_f32(gMu, gSigma, dW, this.noise(draw, b), rows, draw === 0 ? 1 : 0);
  }
}
