// The noise scale of a likelihood in the arena: what the kernels read, and the point parameter behind it when learned: scale = softplus(raw),
// trained by maximum likelihood beside q.

import type { Arena } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import { log, sigmoid, softplus, softplusInverse } from '../../math/float64.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { batchRows, learningRate, type TrainingProblem } from '../training/problem.ts';
import type { TrainingMemory } from '../training/trainingMemory.ts';
import { createLikelihood } from './index.ts';

/** Where a learned scale starts, in training units: half a standard deviation of standardized targets. */
const INITIAL_SCALE = 0.5;

export class NoiseScale {
  /** A number, learned, or null where the likelihood has none. */
  readonly #scale: number | 'learned' | null;
  /** Raw scale, first and second moment of each output. */
  readonly #points: Float64Array;
  readonly #inverse: Float32Array;
  readonly #log: Float32Array;

  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
    readonly optimizer: Optimizer,
  ) {
    this.#scale = createLikelihood(problem.likelihood).scale;
    const K = problem.model.outputSize;
    this.#points = arena.f64.subarray(memory.points / 8, memory.points / 8 + 3 * K);
    this.#inverse = arena.floats(memory.inverseScale, K);
    this.#log = arena.floats(memory.logScale, K);
  }

  /** Sets the parameters before the first step. @param from scales to start from, where they are learned; null for the default */
  initialize(from: Float32Array | null = null): void {
    if (this.#scale === null) return;
    this.#points.fill(0);
    for (let k = 0; k < this.problem.model.outputSize; k++) {
      const scale = this.#scale === 'learned' ? (from?.[k] ?? INITIAL_SCALE) : this.#scale;
      this.#points[3 * k] = Math.fround(softplusInverse(scale));
    }
    this.publish();
  }

  /** Makes the kernels' constants from the parameters. */
  publish(): void {
    if (this.#scale === null) return;
    for (let k = 0; k < this.problem.model.outputSize; k++) {
      const scale = this.#of(k);
      this.#inverse[k] = 1 / scale;
      this.#log[k] = log(scale);
    }
  }

  /** Scale per output, or null when the likelihood has none. */
  values(): Float32Array | null {
    if (this.#scale === null) return null;
    return Float32Array.from({ length: this.problem.model.outputSize }, (_, k) => this.#of(k));
  }

  #of(k: number): number {
    return this.#scale === 'learned' ? softplus(this.#points[3 * k]) : (this.#scale as number);
  }

  /** One optimizer step on a learned scale. */
  update(step: number): void {
    const { model } = this.problem;
    if (this.#scale !== 'learned') return;
    const rate = learningRate(this.problem, step);
    for (let k = 0; k < model.outputSize; k++) {
      const slope = sigmoid(this.#points[3 * k]);
      this.optimizer.updatePoint(this.#points, 3 * k, this.#gradient(step, k) * slope, step, rate);
    }
    this.publish();
  }

  /** d(loss)/d(scale of output k), added over draws, then rows, in order. */
  #gradient(step: number, k: number): number {
    const { memory, problem, arena } = this;
    const K = problem.model.outputSize;
    const rows = batchRows(problem, step);
    let gradient = 0;
    for (let s = 0; s < problem.draws; s++) {
      const first = (memory.scaleGradient + s * memory.scaleGradientBytes) >>> 2;
      for (let row = 0; row < rows; row++) {
        gradient += arena.f32[first + (Math.floor(row / LANES) * K + k) * LANES + (row % LANES)];
      }
    }
    return gradient;
  }
}
