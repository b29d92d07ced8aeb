// The noise scale of a gaussian likelihood in the arena: what the kernels read, and the point parameter behind it when learned.

import type { Arena } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { batchRows, learningRate, type TrainingProblem } from '../problem.ts';
import type { TrainingMemory } from '../trainingMemory.ts';
import { initialRawScale, noiseScale, noiseScaleSlope, writeScale } from './gaussian.ts';

export class NoiseScale {
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
    const K = problem.model.outputSize;
    this.#points = arena.f64.subarray(memory.points / 8, memory.points / 8 + 3 * K);
    this.#inverse = arena.floats(memory.inverseScale, K);
    this.#log = arena.floats(memory.logScale, K);
  }

  /** Sets the parameters before the first step. */
  initialize(): void {
    if (this.problem.likelihood.kind !== 'gaussian') return;
    this.#points.fill(0);
    for (let k = 0; k < this.problem.model.outputSize; k++)
      this.#points[3 * k] = initialRawScale(this.problem.likelihood);
    this.publish();
  }

  /** Makes the kernels' constants from the parameters. */
  publish(): void {
    const spec = this.problem.likelihood;
    if (spec.kind !== 'gaussian') return;
    for (let k = 0; k < this.problem.model.outputSize; k++) {
      writeScale(this.#inverse, this.#log, k, noiseScale(spec, this.#points[3 * k]));
    }
  }

  /** Scale per output, or null when the likelihood has none. */
  values(): Float32Array | null {
    const spec = this.problem.likelihood;
    if (spec.kind !== 'gaussian') return null;
    return Float32Array.from({ length: this.problem.model.outputSize }, (_, k) =>
      noiseScale(spec, this.#points[3 * k]),
    );
  }

  /** One optimizer step on a learned scale. */
  update(step: number): void {
    const { likelihood, model } = this.problem;
    if (likelihood.kind !== 'gaussian' || likelihood.scale !== 'learned') return;
    const rate = learningRate(this.problem, step);
    for (let k = 0; k < model.outputSize; k++) {
      const slope = noiseScaleSlope(this.#points[3 * k]);
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
