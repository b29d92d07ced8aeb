// What priors learn, in the arena: their numbers by layer, and what the blocks of a step add to the sums these follow from.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES } from '../../backend/backend.ts';
import { learnedPriors } from '../layerPriors.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import type { LearnedPrior, ParameterRows } from '../priors/prior.ts';
import type { TrainingProblem } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

/** One layer whose prior learns. */
interface Learner {
  readonly layer: number;
  readonly learned: LearnedPrior;
  readonly values: Float64Array;
  readonly sums: Float64Array;
}

export class LearnedPriors {
  readonly #learners: readonly Learner[];
  /** By layer; null where nothing is learned. */
  readonly #ofLayer: readonly (Learner | null)[];

  constructor(
    problem: Pick<TrainingProblem, 'model'>,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
  ) {
    let at = memory.learned / 8;
    this.#ofLayer = learnedPriors(problem.model).map((learned, layer) => {
      if (learned === null) return null;
      const { length } = learned.names;
      const values = arena.f64.subarray(at, at + length);
      at += length;
      return { layer, learned, values, sums: new Float64Array(length) };
    });
    this.#learners = this.#ofLayer.filter((learner) => learner !== null);
  }

  /** Whether any prior learns. */
  get any(): boolean {
    return this.#learners.length > 0;
  }

  /** Sets the numbers before the first step. */
  initialize(): void {
    for (const { learned, values } of this.#learners) values.set(learned.initial);
  }

  /** Notes what block `b`, as a step left it, adds to the sums of its layer. */
  tally(kernels: Kernels, b: number, of: ParameterRows): void {
    const learner = this.#ofLayer[this.memory.layout.blocks[b].layer];
    learner?.learned.tally(kernels, this.memory.priorTally + b * ROW_BYTES, of);
  }

  /** The numbers after a step all of whose blocks are noted; blocks are added in order, in float64. To be called by one thread. */
  update(): void {
    const { layout, priorTally } = this.memory;
    for (const { sums } of this.#learners) sums.fill(0);
    for (const [b, { layer }] of layout.blocks.entries()) {
      const learner = this.#ofLayer[layer];
      if (learner === null) continue;
      for (let n = 0; n < learner.sums.length; n++)
        learner.sums[n] += this.arena.f32[(priorTally >>> 2) + b * LANES + n];
    }
    for (const { layer, learned, values, sums } of this.#learners) {
      const { rows, O } = layout.layers[layer];
      learned.update(values, sums, rows * O);
    }
  }

  /** By layer what its prior has come to, not copied; null where it learns nothing. */
  values(): (Float64Array | null)[] {
    return this.#ofLayer.map((learner) => learner?.values ?? null);
  }
}
