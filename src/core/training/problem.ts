// A training problem: everything that decides the bits of the result, and nothing that does not (no workers, no backend).
// Plain data, so that it crosses to a worker as it is.

import type { Estimator } from '../estimators/estimator.ts';
import { type EstimatorSpec, estimatorKind } from '../estimators/index.ts';
import type { KlWeightingSpec, StepPlace } from '../klWeightings/index.ts';
import type { LikelihoodSpec, Model } from '../model.ts';
import { createOptimizer, type OptimizerSettings } from '../optimizers/index.ts';
import { createFamily, type FamilySpec, trainedParameters } from '../posteriors/index.ts';
import { rateFactor, type ScheduleSpec } from '../schedules/index.ts';

export interface TrainingProblem {
  readonly model: Model;
  readonly likelihood: LikelihoodSpec;
  /** N, training rows. */
  readonly rowCount: number;
  readonly batchSize: number;
  /** S, weight draws per step. */
  readonly draws: number;
  readonly epochs: number;
  readonly optimizer: OptimizerSettings;
  readonly schedule: ScheduleSpec;
  readonly klWeighting: KlWeightingSpec;
  /** Mean field where there is none. */
  readonly family?: FamilySpec;
  /** Reparameterization where there is none. */
  readonly estimator?: EstimatorSpec;
  /** The largest norm of a step's gradient of mu and rho; any where there is none. */
  readonly gradientClip?: number;
  /** Σ of the rows' weights, where they have any; each row counts 1 otherwise. The weights themselves are data, as targets are. */
  readonly totalWeight?: number;
  readonly seed: string;
}

/** What the nll per row times it is that of all data: N, or the sum of the rows' weights. */
export function dataWeight({ totalWeight, rowCount }: TrainingProblem): number {
  return totalWeight ?? rowCount;
}

/** Minibatches of an epoch; the last may be smaller. */
export function stepsPerEpoch(problem: TrainingProblem): number {
  return Math.ceil(problem.rowCount / problem.batchSize);
}

export function totalSteps(problem: TrainingProblem): number {
  return problem.epochs * stepsPerEpoch(problem);
}

/** Rows of the minibatch of a step. */
export function batchRows(problem: TrainingProblem, step: number): number {
  const first = (step % stepsPerEpoch(problem)) * problem.batchSize;
  return Math.min(problem.batchSize, problem.rowCount - first);
}

/** Where a step stands in its training. */
export function stepPlace(problem: TrainingProblem, step: number): StepPlace {
  return { step, perEpoch: stepsPerEpoch(problem), steps: totalSteps(problem) };
}

/** Learning rate of a step by the schedule. */
export function learningRate(problem: TrainingProblem, step: number): number {
  return problem.optimizer.learningRate * rateFactor(problem.schedule, stepPlace(problem, step));
}

/** How the weights of a training's family enter a step. */
export function estimatorOf({ family, estimator }: TrainingProblem): Estimator<unknown> {
  return createFamily(family).means?.estimator ?? estimatorKind(estimator);
}

/** Names of the moments that the optimizer keeps of a family's parameters, and at the end of those that the family keeps of their path. */
export function momentNames({ family, optimizer }: TrainingProblem): readonly string[] {
  const trained = trainedParameters(family);
  const { momentNames: all } = createOptimizer(optimizer);
  const own = all.filter((name) => trained.some((parameter) => name.startsWith(`${parameter}.`)));
  return createFamily(family).path === undefined ? own : [...own, ...PATH_MOMENTS];
}

/** Running mean of mu over the ends of epochs, and the sum of squared deviations from it. */
const PATH_MOMENTS = ['mu.pathMean', 'mu.pathM2'];

/** Ends of epochs that a family's path has kept after some epochs; 0 where it keeps none. */
export function keptEnds({ family, epochs }: TrainingProblem, done: number): number {
  const { path } = createFamily(family);
  return path === undefined ? 0 : Math.max(0, done - path.first(epochs));
}

/** The two buffers of a family's path, which are the last of the moments. */
export function pathMoments(moments: readonly number[]): { readonly mean: number; readonly m2: number } {
  const [mean, m2] = moments.slice(-PATH_MOMENTS.length);
  return { mean, m2 };
}
