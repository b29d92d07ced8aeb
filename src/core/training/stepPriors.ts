// The priors of a step: which there are, what the KL weighs, and what they have learned until now.

import type { Arena } from '../../backend/arena.ts';
import type { Kernels } from '../../backend/backend.ts';
import type { LogPriorGradient } from '../estimators/estimator.ts';
import { klWeight } from '../klWeightings/index.ts';
import { type LayerPriors, layerPriors } from '../layerPriors.ts';
import { createFamily } from '../posteriors/index.ts';
import type { Prior } from '../priors/prior.ts';
import { LearnedPriors } from './learnedPriors.ts';
import { dataWeight, stepPlace, type TrainingProblem } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

export class StepPriors {
  readonly learned: LearnedPriors;
  /** As learned priors start. */
  readonly #first: LayerPriors;
  #now: readonly Prior[];
  readonly #passesKlScale: boolean;
  /** Whether weights have a sigma; without, priors are met at their means (MeansPrior). */
  readonly #hasSigma: boolean;
  /** klWeight / N, or over the sum of the rows' weights, of the step that was prepared. */
  klScale = 0;

  constructor(
    readonly problem: TrainingProblem,
    memory: TrainingMemory,
    arena: Arena,
  ) {
    this.#first = layerPriors(problem.model);
    this.#now = this.#first.priors;
    this.learned = new LearnedPriors(problem, memory, arena);
    this.#hasSigma = createFamily(problem.family).means === null;
    this.#passesKlScale =
      !this.#hasSigma ||
      this.#now.some(({ expectedGradient, sampled }) => sampled || expectedGradient !== undefined);
  }

  /** How many different ones there are. */
  get count(): number {
    return this.#now.length;
  }

  /** Number of the prior of a layer. */
  numberOf(layer: number): number {
    return this.#first.ofLayer[layer];
  }

  /** Prior of a number, as it is now. */
  at(number: number): Prior {
    return this.#now[number];
  }

  /** Whether training takes log p of any of them at drawn weights. */
  get drawsWeights(): boolean {
    return this.#hasSigma && this.#first.drawsWeights;
  }

  /** klScale of the prepared step where priors give it to kernels as an argument, NaN where they give what they learned too, else 0. */
  get klArgument(): number {
    if (!this.#passesKlScale) return 0;
    return this.learned.any ? Number.NaN : this.klScale;
  }

  prepare(step: number): void {
    this.readLearned();
    const { problem } = this;
    this.klScale = klWeight(problem.klWeighting, stepPlace(problem, step)) / dataWeight(problem);
  }

  /** Makes the priors those of the numbers that are learned now. */
  readLearned(): void {
    if (this.learned.any) this.#now = layerPriors(this.problem.model, this.learned.values()).priors;
  }

  /** By layer what adds log p(w) to dW; null where a prior has a closed form. */
  logPriors(kernels: Kernels): (LogPriorGradient | null)[] {
    const { draws } = this.problem;
    return this.#first.ofLayer.map((p) => {
      if (!this.#hasSigma || !this.#first.priors[p].sampled) return null;
      return (dW, w, rows) => this.#now[p].logDensityGradient(kernels, dW, w, rows, this.klScale / draws);
    });
  }
}
