// One training step in three kinds of work, each cut into pieces that any thread may do: sampling and gathering, the pass of
// tiles forward and backward, and the finishing of parameter blocks. Pieces of a kind are independent of each other.

import type { Arena } from '../backend/arena.ts';
import { ACTIVATIONS, type Kernels, LANES } from '../backend/backend.ts';
import { epochOrder } from '../random/permutation.ts';
import { Reparameterization } from './estimators/reparameterization.ts';
import { denseForward, denseInputGradient, denseWeightGradient, ROW_BYTES } from './layers/dense.ts';
import { createLikelihood, type Likelihood, type LossAddresses } from './likelihoods/likelihood.ts';
import { NoiseScale } from './likelihoods/noiseScale.ts';
import { createOptimizer, type Optimizer } from './optimizers/optimizer.ts';
import type { LayerLayout } from './parameters.ts';
import { type GaussianPrior, gaussianPrior } from './priors/gaussian.ts';
import { batchRows, learningRate, stepsPerEpoch, type TrainingProblem, totalSteps } from './problem.ts';
import { klWeight } from './schedules/klWeighting.ts';
import type { TrainingMemory } from './trainingMemory.ts';

/** Whether f′ differs from 1: then the pass keeps it and goes back through it, in the last layer as in any other. */
function bends(layer: LayerLayout): boolean {
  return layer.spec.activation !== 'identity';
}

export class TrainingStep {
  readonly #likelihood: Likelihood;
  readonly #optimizer: Optimizer;
  readonly #prior: GaussianPrior;
  readonly #estimator: Reparameterization;
  readonly #stepsPerEpoch: number;
  readonly #totalSteps: number;
  readonly #loss: LossAddresses;
  readonly #update: {
    mu: number;
    rho: number;
    moments: [number, number, number, number];
    gMu: number;
    gRho: number;
    noise: number;
    scalars: number;
  };
  readonly #scalars: Float32Array;
  /** The learned or fixed scale of a gaussian likelihood. */
  readonly noiseScale: NoiseScale;

  /** @param thread which of the memory's per-thread buffers are this caller's own */
  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
    readonly thread: number,
  ) {
    const own = memory.threads[thread];
    this.#likelihood = createLikelihood(problem.likelihood);
    this.#optimizer = createOptimizer(problem.optimizer);
    this.#prior = gaussianPrior(problem.model.priorSigma);
    this.#estimator = new Reparameterization(problem, memory, kernels);
    this.#stepsPerEpoch = stepsPerEpoch(problem);
    this.#totalSteps = totalSteps(problem);
    this.#loss = {
      outputs: 0,
      targets: 0,
      loss: 0,
      gradient: 0,
      scaleGradient: 0,
      inverse: memory.inverseScale,
      logScale: memory.logScale,
    };
    this.#update = { mu: 0, rho: 0, moments: [0, 0, 0, 0], gMu: 0, gRho: 0, noise: 0, scalars: own.scalars };
    this.#scalars = arena.floats(own.scalars, LANES);
    this.noiseScale = new NoiseScale(problem, memory, arena, this.#optimizer);
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
    for (let b = first; b < last; b++) this.#estimator.sample(step, b);
  }

  /** Panels of 16 rows in the minibatch of a step. */
  panels(step: number): number {
    return Math.ceil(batchRows(this.problem, step) / LANES);
  }

  /** Gathers the minibatch of a step: panels first … last − 1 of its features and targets. */
  gather(step: number, first: number, last: number): void {
    if (first >= last) return;
    const { memory, kernels, problem } = this;
    const epoch = Math.floor(step / this.#stepsPerEpoch);
    const batchStart = (step % this.#stepsPerEpoch) * problem.batchSize;
    const count = Math.min(batchRows(problem, step), last * LANES) - first * LANES;
    const index = memory.order + ((epoch & 1) * problem.rowCount + batchStart + first * LANES) * 4;
    const I = problem.model.inputSize;
    kernels.gather_f32(this.#batchX(step) + first * I * ROW_BYTES, I, memory.x, I, index, count);
    const columns = this.#likelihood.targets === 'labels' ? 1 : problem.model.outputSize;
    kernels.gather_f32(
      this.#batchTargets(step) + first * columns * ROW_BYTES,
      columns,
      memory.targets,
      columns,
      index,
      count,
    );
  }

  #batchX(step: number): number {
    return this.memory.batchX + (step & 1) * this.memory.batchXBytes;
  }

  #batchTargets(step: number): number {
    return this.memory.batchTargets + (step & 1) * this.memory.batchTargetsBytes;
  }

  // ——— the pass ———

  /** Tiles of a step: weight draws × panels of 16 minibatch rows, numbered draw by draw. */
  tiles(step: number): number {
    return this.problem.draws * this.panels(step);
  }

  /** Forward, loss and backward to every layer's delta for tiles first … last − 1; neighbors of one draw go through together. */
  pass(step: number, first: number, last: number): void {
    const perDraw = this.panels(step);
    for (let tile = first; tile < last; ) {
      const draw = Math.floor(tile / perDraw);
      const end = Math.min(last, (draw + 1) * perDraw);
      this.#passRun(step, draw, tile - draw * perDraw, end - draw * perDraw);
      tile = end;
    }
  }

  #passRun(step: number, draw: number, p0: number, p1: number): void {
    const { memory, kernels } = this;
    const { layers } = memory.layout;
    const panels = p1 - p0;
    const w = this.#estimator.weights(draw);
    const top = layers.length - 1;
    for (let l = 0; l <= top; l++) {
      const layer = layers[l];
      const y = this.#at(memory.activations[l].y, l, draw, p0);
      denseForward(kernels, layer, y, w + layer.offset * 4, this.#input(step, l, draw, p0), panels);
      const derivative = bends(layer) ? this.#at(memory.activations[l].derivative, l, draw, p0) : 0;
      kernels.activate_f32(y, derivative, y, panels * layer.O, ACTIVATIONS.indexOf(layer.spec.activation));
    }
    this.#lossRun(step, draw, p0, panels);
    for (let l = top; l >= 0; l--) {
      const layer = layers[l];
      const { delta, deltaT, drawBytesT } = memory.activations[l];
      const here = this.#at(delta, l, draw, p0);
      if (l < top) {
        const above = layers[l + 1];
        denseInputGradient(
          kernels,
          above,
          here,
          w + above.offset * 4,
          this.#at(memory.activations[l + 1].delta, l + 1, draw, p0),
          panels,
        );
      }
      if (bends(layer)) {
        const derivative = this.#at(memory.activations[l].derivative, l, draw, p0);
        kernels.multiply_f32(here, here, derivative, panels * layer.O);
      }
      kernels.transpose_f32(
        deltaT + draw * drawBytesT + p0 * LANES * ROW_BYTES,
        memory.batchPanels * LANES,
        here,
        layer.O,
        layer.O,
        panels * LANES,
      );
    }
  }

  #lossRun(step: number, draw: number, p0: number, panels: number): void {
    const { memory, problem } = this;
    const K = problem.model.outputSize;
    const top = memory.activations.length - 1;
    const rows = batchRows(problem, step);
    const at = this.#loss;
    at.outputs = this.#at(memory.activations[top].y, top, draw, p0);
    at.gradient = this.#at(memory.activations[top].delta, top, draw, p0);
    at.targets = this.#batchTargets(step) + p0 * (this.#likelihood.targets === 'labels' ? 1 : K) * ROW_BYTES;
    at.loss = memory.rowLoss + (draw * memory.batchPanels + p0) * ROW_BYTES;
    at.scaleGradient = this.#likelihood.learnsScale
      ? memory.scaleGradient + draw * memory.scaleGradientBytes + p0 * K * ROW_BYTES
      : 0;
    const runRows = Math.min(rows - p0 * LANES, panels * LANES);
    this.#likelihood.loss(this.kernels, at, K, runRows, 1 / (rows * problem.draws));
  }

  /** Address of panel p of a per-draw activation buffer of layer l. */
  #at(base: number, l: number, draw: number, p: number): number {
    const { activations, layout } = this.memory;
    return base + draw * activations[l].drawBytes + p * layout.layers[l].O * ROW_BYTES;
  }

  /** Address of panel p of what layer l reads. */
  #input(step: number, l: number, draw: number, p: number): number {
    if (l === 0) return this.#batchX(step) + p * this.problem.model.inputSize * ROW_BYTES;
    return this.#at(this.memory.activations[l - 1].y, l - 1, draw, p);
  }

  // ——— finishing blocks ———

  /** Must precede `finish` in a step: learning rate, KL weight and bias corrections. */
  prepare(step: number): void {
    const { problem } = this;
    this.#optimizer.scalars(this.#scalars, step, learningRate(problem, step));
    const weight = klWeight(problem.klWeighting, step, this.#stepsPerEpoch);
    this.#prior.scalars(this.#scalars, weight / problem.rowCount);
  }

  /**
   * Finishes blocks first … last − 1: dW over all draws in order, KL gradient and optimizer in one pass, and the weights of the
   * next step while the block is in cache. Returns whether a parameter became NaN or infinite.
   */
  finish(step: number, first: number, last: number): boolean {
    let bad = 0;
    for (let b = first; b < last; b++) {
      bad |= this.#updateBlock(step, b);
      if (step + 1 < this.#totalSteps) this.#estimator.sample(step + 1, b);
    }
    return bad !== 0;
  }

  #updateBlock(step: number, b: number): number {
    const { memory, kernels, problem } = this;
    const block = memory.layout.blocks[b];
    const layer = memory.layout.layers[block.layer];
    const { deltaT, drawBytesT } = memory.activations[block.layer];
    const own = memory.threads[this.thread];
    const rows = batchRows(problem, step);
    const at = block.offset * 4;
    const panelT = deltaT + block.panel * memory.batchPanels * LANES * ROW_BYTES;
    for (let s = 0; s < problem.draws; s++) {
      denseWeightGradient(
        kernels,
        layer,
        own.dW,
        this.#input(step, block.layer, s, 0),
        panelT + s * drawBytesT,
        block.firstRow,
        block.rows,
        rows,
      );
      if (problem.draws > 1) this.#estimator.accumulate(s, b, own.gMu, own.gRho, own.dW);
    }
    const single = problem.draws === 1;
    const update = this.#update;
    update.mu = memory.mu + at;
    update.rho = memory.rho + at;
    for (let m = 0; m < memory.moments.length; m++) update.moments[m] = memory.moments[m] + at;
    update.gMu = single ? own.dW : own.gMu;
    update.gRho = own.gRho;
    update.noise = single ? this.#estimator.noise(0, b) : 0;
    return this.#optimizer.update(kernels, update, block.rows, block.lanes);
  }

  // ——— what one thread does for all ———

  /** Mean loss of a step in nats per row, averaged over draws; draws are added in order. */
  meanLoss(step: number): number {
    const { memory, kernels, problem } = this;
    const { scratch } = memory.threads[this.thread];
    let sum = 0;
    for (let s = 0; s < problem.draws; s++) {
      kernels.sum_f32(
        scratch,
        memory.rowLoss + s * memory.batchPanels * ROW_BYTES,
        this.panels(step) * LANES,
      );
      sum += this.arena.f32[scratch >>> 2];
    }
    return sum / (batchRows(problem, step) * problem.draws);
  }

  /** KL of blocks first … last − 1, one float each. */
  blockKl(first: number, last: number): void {
    const { memory, kernels } = this;
    for (let b = first; b < last; b++) {
      const { offset, rows, lanes } = memory.layout.blocks[b];
      const out = memory.blockKl + b * ROW_BYTES;
      this.#prior.kl(kernels, out, memory.mu + offset * 4, memory.rho + offset * 4, rows, lanes);
    }
  }

  /** KL of all parameters in nats: blocks added in order. */
  totalKl(): number {
    let kl = 0;
    for (let b = 0; b < this.memory.layout.blocks.length; b++)
      kl += this.arena.f32[(this.memory.blockKl >>> 2) + b * LANES];
    return kl;
  }
}
