// One training step in three kinds of work, each cut into pieces that any thread may do: sampling and gathering, the pass of
// tiles forward and backward, and the finishing of parameter blocks. Pieces of a kind are independent of each other.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES } from '../../backend/backend.ts';
import { epochOrder } from '../../random/permutation.ts';
import { seedKey } from '../../random/seed.ts';
import type { EstimatorRun } from '../estimators/estimator.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import { NoiseScale } from '../likelihoods/noiseScale.ts';
import { targetColumns } from '../likelihoods/sizes.ts';
import { createOptimizer } from '../optimizers/index.ts';
import { layerMaps } from '../parameters.ts';
import { BatchPlaces, type PassRun } from './batchPlaces.ts';
import { BlockUpdate } from './blockUpdate.ts';
import type { LearnedPriors } from './learnedPriors.ts';
import { NetworkPass } from './networkPass.ts';
import { batchRows, estimatorOf, stepsPerEpoch, type TrainingProblem, totalSteps } from './problem.ts';
import { StepPriors } from './stepPriors.ts';
import type { TrainingMemory } from './trainingMemory.ts';

export class TrainingStep {
  readonly #targetColumns: number;
  readonly #priors: StepPriors;
  readonly #estimator: EstimatorRun;
  readonly #places: BatchPlaces;
  readonly #stepsPerEpoch: number;
  readonly #totalSteps: number;
  readonly #pass: NetworkPass;
  readonly #run: PassRun = { step: 0, draw: 0, first: 0, last: 0 };
  readonly #blocks: BlockUpdate;
  /** The learned or fixed scale of the noise. */
  readonly noiseScale: NoiseScale;
  /** What priors have learned. */
  readonly learned: LearnedPriors;

  /** @param thread which of the memory's per-thread buffers are this caller's own */
  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
    readonly thread: number,
  ) {
    this.#targetColumns = targetColumns(problem);
    const optimizer = createOptimizer(problem.optimizer);
    this.#priors = new StepPriors(problem, memory, arena);
    this.learned = this.#priors.learned;
    this.#places = new BatchPlaces(memory, memory.layout.layers);
    const { key0, key1 } = seedKey(problem.seed);
    this.#estimator = estimatorOf(problem).create({
      layout: memory.layout,
      draws: problem.draws,
      batchPanels: memory.batchPanels,
      drawsWeights: this.#priors.drawsWeights,
      own: memory.estimator,
      mu: memory.mu,
      rho: memory.rho,
      places: this.#places,
      maps: layerMaps(memory.layout, kernels),
      kernels,
      // Signed words of the same bits: a JavaScript engine allocates a box for an integer above 2^31 at every call.
      key: { key0: key0 | 0, key1: key1 | 0 },
      batchRows: (step) => batchRows(problem, step),
      logPrior: this.#priors.logPriors(kernels),
    });
    this.#stepsPerEpoch = stepsPerEpoch(problem);
    this.#totalSteps = totalSteps(problem);
    this.#pass = new NetworkPass(problem, memory, this.#places, this.#estimator, kernels);
    this.#blocks = new BlockUpdate(this, thread, this.#estimator, this.#priors, optimizer);
    this.noiseScale = new NoiseScale(problem, memory, arena, optimizer);
  }

  // ——— sampling and gathering ———

  /** Writes the row order of an epoch. */
  orderEpoch(epoch: number): void {
    const { order } = this.memory;
    const N = this.problem.rowCount;
    const first = (order >>> 2) + (epoch & 1) * N;
    epochOrder(this.arena.i32.subarray(first, first + N), this.problem.seed, epoch);
  }

  /** Draws the weights of a step: w = mu + sigma·noise for blocks first … last − 1 and every draw. */
  sample(step: number, first: number, last: number): void {
    for (let b = first; b < last; b++) this.#estimator.prepare(step, b);
  }

  /** Panels of 16 rows in the minibatch of a step. */
  panels(step: number): number {
    return Math.ceil(batchRows(this.problem, step) / LANES);
  }

  /** Gathers the minibatch of a step: panels first … last − 1 of its features and targets. */
  gather(step: number, first: number, last: number): void {
    if (first >= last) return;
    const { memory, kernels, problem } = this;
    const count = Math.min(batchRows(problem, step), last * LANES) - first * LANES;
    const index = this.cursor(step) + first * LANES * 4;
    const I = problem.model.inputSize;
    kernels.gather_f32(this.#places.features(step) + first * I * ROW_BYTES, I, memory.x, I, index, count);
    const columns = this.#targetColumns;
    kernels.gather_f32(
      this.#places.targets(step) + first * columns * ROW_BYTES,
      columns,
      memory.targets,
      columns,
      index,
      count,
    );
    if (memory.weights === 0) return;
    const weights = this.#places.weights(step) + first * ROW_BYTES;
    kernels.gather_f32(weights, 1, memory.weights, 1, index, count);
  }

  /** Where the rows of a step's minibatch begin in the order of its epoch; a byte address. */
  cursor(step: number): number {
    const { memory, problem } = this;
    const epoch = Math.floor(step / this.#stepsPerEpoch);
    const batchStart = (step % this.#stepsPerEpoch) * problem.batchSize;
    return memory.order + ((epoch & 1) * problem.rowCount + batchStart) * 4;
  }

  // ——— the pass ———

  /** Tiles of a step: weight draws × panels of 16 minibatch rows, numbered draw by draw. */
  tiles(step: number): number {
    return this.problem.draws * this.panels(step);
  }

  /** Forward, loss and backward to every layer's delta for tiles first … last − 1; neighbors of one draw go through together. */
  pass(step: number, first: number, last: number): void {
    const { stages } = this.#pass;
    for (let tile = first; tile < last; ) {
      tile = this.#begin(step, tile, last);
      for (let stage = 0; stage < stages; stage++) this.#stage(stage, 0, 1);
    }
  }

  /** Stages of a pass that several threads go through together, each with a part of every layer's units. */
  get passStages(): number {
    return this.#pass.stages;
  }

  /** One stage of the pass of tiles first … last − 1, for part number `part` of `parts`; the next needs all parts of it. */
  passStage(step: number, stage: number, first: number, last: number, part: number, parts: number): void {
    for (let tile = first; tile < last; ) {
      tile = this.#begin(step, tile, last);
      this.#stage(stage, part, parts);
    }
  }

  /** Makes the tiles from `tile` on, as far as they are of one draw, the current run; returns the first that is not in it. */
  #begin(step: number, tile: number, last: number): number {
    const perDraw = this.panels(step);
    const run = this.#run;
    run.step = step;
    run.draw = Math.floor(tile / perDraw);
    run.first = tile - run.draw * perDraw;
    run.last = Math.min(last - run.draw * perDraw, perDraw);
    return run.draw * perDraw + run.last;
  }

  #stage(stage: number, part: number, parts: number): void {
    this.#pass.stage(stage, this.#run, part, parts);
  }

  // ——— finishing blocks ———

  /** Must precede `finish` in a step: learning rate, KL weight, bias corrections and what priors have learned. */
  prepare(step: number): void {
    this.#blocks.prepare(step);
  }

  /** klScale of the prepared step where priors give it to kernels as an argument, NaN where they give what they learned too, else 0. */
  get klArgument(): number {
    return this.#priors.klArgument;
  }

  /** Whether `gradients` of all blocks must precede `clip`, and that `finish`, in a step. */
  get clips(): boolean {
    return this.#blocks.clips;
  }

  /** Makes the gradients of blocks first … last − 1. */
  gradients(step: number, first: number, last: number): void {
    for (let b = first; b < last; b++) this.#blocks.gradient(step, b);
  }

  /** Limits the gradients of a step, for this thread's `finish`. */
  clip(): void {
    this.#blocks.clip();
  }

  /**
   * Finishes blocks first … last − 1: dW over all draws in order, KL gradient and optimizer in one pass, and the weights of the
   * next step while the block is in cache. Returns whether a parameter became NaN or infinite.
   */
  finish(step: number, first: number, last: number): boolean {
    let bad = 0;
    for (let b = first; b < last; b++) {
      bad |= this.#blocks.update(step, b);
      // A KL that is taken at drawn weights needs those of one step more than there are.
      if (step + 1 < this.#totalSteps || this.#priors.drawsWeights) this.#estimator.prepare(step + 1, b);
    }
    return bad !== 0;
  }

  // ——— what one thread does for all ———

  /** Adds the losses of a step's rows, one sum a draw, for `meanLoss`. */
  sumLoss(step: number): void {
    const { memory, kernels, problem } = this;
    const { lossSums } = memory.threads[this.thread];
    for (let s = 0; s < problem.draws; s++) {
      const losses = memory.rowLoss + s * memory.batchPanels * ROW_BYTES;
      kernels.sum_f32(lossSums + 4 * s, losses, this.panels(step) * LANES);
    }
  }

  /** Mean loss of a step in nats per row, averaged over draws; draws are added in order. */
  meanLoss(step: number): number {
    const { memory, problem, arena } = this;
    const first = memory.threads[this.thread].lossSums >>> 2;
    let sum = 0;
    for (let s = 0; s < problem.draws; s++) sum += arena.f32[first + s];
    return sum / (batchRows(problem, step) * problem.draws);
  }

  /**
   * All kernel calls of a step, in the order in which a thread that is alone makes them: the pass, the finish, the next minibatch and the
   * sums of the loss. Returns what `finish` does; `prepare` must precede it.
   */
  whole(step: number): boolean {
    this.pass(step, 0, this.tiles(step));
    if (this.clips) {
      this.gradients(step, 0, this.memory.layout.blocks.length);
      this.clip();
    }
    const bad = this.finish(step, 0, this.memory.layout.blocks.length);
    if (step + 1 < this.#totalSteps) this.gather(step + 1, 0, this.panels(step + 1));
    this.sumLoss(step);
    return bad;
  }

  /** Adds blocks first … last − 1 at the end of an epoch to what the family keeps of its path. */
  keepPath(epoch: number, first: number, last: number): void {
    this.#blocks.keepPath(epoch, first, last);
  }

  /** KL of blocks first … last − 1, one float each. */
  blockKl(first: number, last: number): void {
    this.#blocks.kl(first, last);
  }

  /** KL of all parameters in nats: blocks added in order. */
  totalKl(): number {
    let kl = 0;
    for (let b = 0; b < this.memory.layout.blocks.length; b++)
      kl += this.arena.f32[(this.memory.blockKl >>> 2) + b * LANES];
    return kl;
  }
}
