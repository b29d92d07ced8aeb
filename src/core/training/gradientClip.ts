// Gradients that are brought to a largest norm (Pascanu, Mikolov & Bengio 2013, algorithm 1) before any parameter is updated: all blocks make
// theirs first, keep it, and note its squares, which are added in the order of blocks.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES } from '../../backend/backend.ts';
import type { GradientBuffers } from '../estimators/estimator.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import type { UpdateAddresses } from '../optimizers/optimizer.ts';
import type { TrainingProblem } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

interface StepPlaces {
  readonly problem: TrainingProblem;
  readonly memory: TrainingMemory;
  readonly arena: Arena;
  readonly kernels: Kernels;
}

export class GradientClip {
  /** What gradients are multiplied with in this step. */
  #shrink = 1;

  /** Null where a problem does not limit its gradients. */
  static create(at: StepPlaces): GradientClip | null {
    return at.problem.gradientClip === undefined ? null : new GradientClip(at, at.problem.gradientClip);
  }

  private constructor(
    readonly at: StepPlaces,
    readonly most: number,
  ) {}

  /** Where block `b` makes the gradient that is kept. */
  buffers(b: number, dW: number): GradientBuffers {
    const { layout, clip } = this.at.memory;
    const at = layout.blocks[b].offset * 4;
    return { dW, gMu: clip.gMu + at, gSigma: clip.gSigma + at };
  }

  /**
   * Notes Σ gradMu² and Σ gradRho² of a block, the KL's part included.
   * @param scratch room for the complete gradients; null where gMu is complete and there is no other
   */
  square(
    update: UpdateAddresses,
    b: number,
    rows: number,
    lanes: number,
    scratch: GradientBuffers | null,
  ): void {
    const { kernels, memory } = this.at;
    const out = memory.clip.squares + b * ROW_BYTES;
    if (update.gMu !== memory.clip.gMu + memory.layout.blocks[b].offset * 4)
      throw new Error('gradientClip: expected the gradient where it is kept — mend the estimator');
    if (scratch === null) {
      kernels.squares_f32(out, update.gMu, rows, lanes);
      return;
    }
    const { mu, rho, gMu, gSigma, scalars } = update;
    kernels.kl_gradient_f32(scratch.gMu, scratch.gSigma, mu, rho, gMu, gSigma, 0, rows, scalars);
    kernels.squares_f32(out, scratch.gMu, rows, lanes);
    kernels.squares_f32(out + 4, scratch.gSigma, rows, lanes);
  }

  /** min(1, most/norm) over all blocks in order, in float64; a norm that is no number shrinks nothing, and shows in the update. */
  shrink(): number {
    const { arena, memory } = this.at;
    let sum = 0;
    for (let b = 0; b < memory.layout.blocks.length; b++) {
      const first = (memory.clip.squares >>> 2) + b * LANES;
      sum += arena.f32[first] + arena.f32[first + 1];
    }
    const norm = Math.sqrt(sum);
    this.#shrink = norm > this.most && norm < Infinity ? this.most / norm : 1;
    return this.#shrink;
  }

  /** Addresses of gMu and gSigma of block `b`, shrunk into `buffers` where that is needed. */
  clipped(b: number, rows: number, buffers: GradientBuffers, both: boolean): readonly [number, number] {
    const { gMu, gSigma } = this.buffers(b, 0);
    if (this.#shrink === 1) return [gMu, gSigma];
    const { kernels } = this.at;
    for (const [into, from] of both
      ? ([
          [buffers.gMu, gMu],
          [buffers.gSigma, gSigma],
        ] as const)
      : ([[buffers.gMu, gMu]] as const)) {
      kernels.clear_f32(into, rows);
      kernels.add_scaled_f32(into, from, rows, this.#shrink);
    }
    return [buffers.gMu, buffers.gSigma];
  }
}
