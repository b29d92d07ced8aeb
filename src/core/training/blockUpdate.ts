// What a step does to a block of parameters: its gradient from the estimator, what its prior adds, and the optimizer's update; and its KL.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES, UPDATE_SCALARS } from '../../backend/backend.ts';
import type { BlockGradient, EstimatorRun, GradientBuffers } from '../estimators/estimator.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { createFamily } from '../posteriors/index.ts';
import { GradientClip } from './gradientClip.ts';
import { MeansPrior } from './meansPrior.ts';
import { keptEnds, learningRate, pathMoments, type TrainingProblem } from './problem.ts';
import type { StepPriors } from './stepPriors.ts';
import type { TrainingMemory } from './trainingMemory.ts';

/** Where a thread's steps are computed. */
interface StepPlaces {
  readonly problem: TrainingProblem;
  readonly memory: TrainingMemory;
  readonly arena: Arena;
  readonly kernels: Kernels;
}

type UpdateMeans = NonNullable<Optimizer['updateMeans']>;

export class BlockUpdate {
  readonly #buffers: GradientBuffers;
  /** Scalars of each prior, and the address of the first. */
  readonly #scalars: readonly Float32Array[];
  readonly #firstScalars: number;
  /** The prior's part where weights have no sigma; null where they have. */
  readonly #means: MeansPrior | null;
  /** Null where gradients are as long as they are. */
  readonly #clip: GradientClip | null;
  readonly #update: {
    mu: number;
    rho: number;
    moments: number[];
    gMu: number;
    gSigma: number;
    noise: number;
    scalars: number;
  };

  constructor(
    readonly at: StepPlaces,
    thread: number,
    readonly estimator: EstimatorRun,
    readonly priors: StepPriors,
    readonly optimizer: Optimizer,
  ) {
    const { memory, arena } = at;
    const { dW, gMu, gSigma, scalars } = memory.threads[thread];
    this.#buffers = { dW, gMu, gSigma };
    this.#firstScalars = scalars;
    this.#scalars = Array.from({ length: priors.count }, (_, p) =>
      arena.floats(scalars + p * ROW_BYTES, LANES),
    );
    const { means } = createFamily(at.problem.family);
    this.#means = means && new MeansPrior(means, priors, memory.layout, arena, at.kernels);
    this.#clip = GradientClip.create(at);
    const moments = memory.moments.map(() => 0);
    this.#update = { mu: 0, rho: 0, moments, gMu: 0, gSigma: 0, noise: 0, scalars };
  }

  /** Must precede the updates of a step: learning rate, KL weight, bias corrections and what priors have learned. */
  prepare(step: number): void {
    const { priors, optimizer } = this;
    priors.prepare(step);
    const rate = learningRate(this.at.problem, step);
    for (let p = 0; p < this.#scalars.length; p++) {
      const scalars = this.#scalars[p];
      optimizer.scalars(scalars, step, rate);
      scalars[UPDATE_SCALARS.klScale] = priors.klScale;
      scalars[UPDATE_SCALARS.klPrecision] = priors.klScale * priors.at(p).precision;
    }
  }

  /** Whether the gradients of all blocks must be there, by `gradient`, before any is updated. */
  get clips(): boolean {
    return this.#clip !== null;
  }

  /** Makes the gradient of block `b` and keeps it, with the sum of its squares. */
  gradient(step: number, b: number): void {
    const clip = this.#clip as GradientClip;
    const { rows, lanes } = this.at.memory.layout.blocks[b];
    this.#make(step, b, clip.buffers(b, this.#buffers.dW));
    clip.square(this.#update, b, rows, lanes, this.#means === null ? this.#buffers : null);
  }

  /** Brings all gradients to the norm that is allowed, once they are there. */
  clip(): void {
    const shrink = (this.#clip as GradientClip).shrink();
    for (const scalars of this.#scalars) {
      scalars[UPDATE_SCALARS.klScale] *= shrink;
      scalars[UPDATE_SCALARS.klPrecision] *= shrink;
    }
  }

  /** dW over all draws in order, KL gradient and optimizer. Returns the kernels' bit set of non-finite parameters. */
  update(step: number, b: number): number {
    const { priors } = this;
    const { memory, kernels } = this.at;
    const { offset, rows, lanes } = memory.layout.blocks[b];
    const update = this.#update;
    if (this.#clip === null) this.#make(step, b, this.#buffers);
    else this.#take(b, this.#clip);
    for (let m = 0; m < memory.moments.length; m++) update.moments[m] = memory.moments[m] + offset * 4;
    if (this.#means !== null)
      return (this.optimizer.updateMeans as UpdateMeans)(kernels, update, rows, lanes);
    const bad = this.optimizer.update(kernels, update, rows, lanes);
    if (priors.learned.any) priors.learned.tally(kernels, b, { mu: update.mu, rho: update.rho, rows, lanes });
    return bad;
  }

  /** Where block `b` and its scalars are. */
  #place(b: number): void {
    const { memory } = this.at;
    const { layer, offset } = memory.layout.blocks[b];
    this.#update.mu = memory.mu + offset * 4;
    this.#update.rho = memory.rho + offset * 4;
    this.#update.scalars = this.#firstScalars + this.priors.numberOf(layer) * ROW_BYTES;
  }

  /** The gradient of block `b`, and what its prior adds beyond a precision. */
  #make(step: number, b: number, buffers: GradientBuffers): void {
    const { priors } = this;
    const { memory, kernels } = this.at;
    const { layer, rows, lanes } = memory.layout.blocks[b];
    const update = this.#update;
    const { expectedGradient } = priors.at(priors.numberOf(layer));
    this.estimator.gradient(step, b, update, buffers);
    this.#place(b);
    if (this.#means !== null) {
      this.#means.gradient(update.gMu, memory.mu, b, buffers.dW);
      return;
    }
    if (expectedGradient === undefined && this.#clip === null) return;
    this.#separate(update, rows, buffers);
    const of = { mu: update.mu, rho: update.rho, rows, lanes };
    expectedGradient?.(kernels, update.gMu, update.gSigma, of, priors.klScale);
  }

  /** The gradient of block `b` that was kept, no longer than allowed. */
  #take(b: number, clip: GradientClip): void {
    const update = this.#update;
    const { rows } = this.at.memory.layout.blocks[b];
    this.#place(b);
    const [gMu, gSigma] = clip.clipped(b, rows, this.#buffers, this.#means === null);
    update.gMu = gMu;
    update.gSigma = gSigma;
    update.noise = 0;
  }

  /** Makes gSigma a gradient of its own, where it is gMu·noise. */
  #separate(update: BlockGradient, rows: number, { gMu, gSigma }: GradientBuffers): void {
    if (update.noise === 0) return;
    this.at.kernels.accumulate_f32(gMu, gSigma, update.gMu, update.noise, rows, 1);
    update.gMu = gMu;
    update.gSigma = gSigma;
    update.noise = 0;
  }

  /** Adds mu of blocks first … last − 1 at the end of an epoch to what the family keeps of its path. */
  keepPath(epoch: number, first: number, last: number): void {
    const { memory, kernels, problem } = this.at;
    const count = keptEnds(problem, epoch + 1);
    if (count === 0) return;
    const { mean, m2 } = pathMoments(memory.moments);
    for (let b = first; b < last; b++) {
      const { offset, rows } = memory.layout.blocks[b];
      const at = offset * 4;
      kernels.moments_f32(mean + at, m2 + at, memory.mu + at, rows, count);
    }
  }

  /** KL of blocks first … last − 1, one float each. */
  kl(first: number, last: number): void {
    const { priors, estimator } = this;
    const { memory, arena, kernels, problem } = this.at;
    if (this.#means !== null) {
      for (let b = first; b < last; b++)
        arena.f32[(memory.blockKl + b * ROW_BYTES) >>> 2] = this.#means.crossEntropy(memory.mu, b);
      return;
    }
    priors.readLearned();
    const drawn = priors.drawsWeights
      ? Array.from({ length: problem.draws }, (_, s) => estimator.drawnWeights(s))
      : [];
    for (let b = first; b < last; b++) {
      const { layer, offset, rows, lanes } = memory.layout.blocks[b];
      const at = offset * 4;
      const of = { mu: memory.mu + at, rho: memory.rho + at, rows, lanes };
      const w = drawn.map((buffer) => buffer + at);
      priors.at(priors.numberOf(layer)).kl(kernels, memory.blockKl + b * ROW_BYTES, of, w);
    }
  }
}
