// A training as the scheduler takes it: the problem and its rows, checked and complete.

import type { Matrix } from '../../core/matrix.ts';
import type { Posterior, Standardization } from '../../core/posterior.ts';
import type { TrainingProblem } from '../../core/training/problem.ts';

export interface PreparedTraining {
  readonly problem: TrainingProblem;
  readonly x: Matrix;
  readonly y: Matrix;
  /** Of the rows, 0 and up with a sum of problem.totalWeight; null where each counts 1. */
  readonly weights: Float64Array | null;
  readonly standardization: {
    readonly features: Standardization | null;
    readonly targets: Standardization | null;
  };
  readonly initialRho: number;
  /** Whose parameters and noise scale a training starts from; null where it starts from random ones. */
  readonly initial: Posterior | null;
}
