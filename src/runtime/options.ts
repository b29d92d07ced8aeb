// Options of the public calls, as a caller gives them.

import type { NamedRow } from '../columns/namedRows.ts';
import type { TableColumns } from '../columns/tableColumns.ts';
import type { EstimatorSpec } from '../core/estimators/index.ts';
import type { KlWeightingSpec } from '../core/klWeightings/index.ts';
import type { LikelihoodInput } from '../core/likelihoods/index.ts';
import type { MatrixLike } from '../core/matrix.ts';
import type { OPTIMIZERS, OptimizerSpec } from '../core/optimizers/index.ts';
import type { Posterior } from '../core/posterior.ts';
import type { FamilyInput } from '../core/posteriors/index.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { ScheduleSpec } from '../core/schedules/index.ts';
import type { TrainingState } from '../core/training/trainingState.ts';
import type { BareName } from '../options/kinds.ts';
import type { CheckpointOptions } from '../scheduler/training/checkpointer.ts';
import type { EarlyStoppingSpec, SelectSpec } from '../scheduler/training/earlyStopping.ts';
import type { MemberReport, TrainingReport, TrainProgress } from '../scheduler/training/reports.ts';
import type { AdaptiveDraws } from './adaptiveDraws.ts';
import type { ClassWeights } from './trainingFields.ts';

/** @internal */
export interface RuntimeTesting {
  readonly entry?: string | undefined;
  readonly patience?: number | undefined;
  readonly endMs?: number | undefined;
}

export interface RuntimeOptions {
  /** Worker threads at most, 1 to 1024; `auto` (default) is one per core. They start as there is work for them. The result does not depend on it. */
  readonly workers?: number | 'auto';
  /** `auto` (default), `native`, `wasm`, `tfjs` or `reference`; all but `tfjs` give the same bits. */
  readonly backend?: string;
  /** Seed of everything random, a string or an integer; default `varpool`. */
  readonly seed?: string | number;
  /** Called with a message about a problem that was recovered from, such as a lost worker. Default: the host's own warnings, on Node process.emitWarning. */
  readonly onWarning?: (message: string) => void;
  /** @internal limit of a worker's JavaScript heap in MiB, for tests of what happens beyond it */
  readonly workerHeapMb?: number;
  /** @internal URL of a module that every worker loads (workers/hook.ts), for tests of recovery */
  readonly workerHook?: string;
  /** @internal another program for the workers, and how long they may stand still and take to end, for tests of hung ones */
  readonly testing?: RuntimeTesting;
}

/** Options of an ensemble: those of a training, the same for every member, and how many there are. */
export interface EnsembleOptions
  extends Omit<TrainOptions, 'onReport' | 'checkpoint' | 'resume' | 'initial'> {
  /** M, a count. Member m trains by the seed `memberSeed(seed, m)`, and comes out as in a training of its own by it. */
  readonly members: number;
  /** Members that are there already, by number: they are taken as they are. */
  readonly trained?: ReadonlyMap<number, Posterior>;
  /** Called when a member is done, in the order they end. What it throws ends the run. */
  readonly onMember?: (member: number, posterior: Posterior) => void;
  /** As of a training, for the epochs of all members. */
  readonly onReport?: (report: MemberReport) => void;
  /** How the state of a member is saved, and the one it resumes from. */
  readonly memberOptions?: (member: number) => Pick<TrainOptions, 'checkpoint' | 'resume'>;
}

/** Rows to predict: numbers, or objects with the names of columns. */
export type RowsLike = MatrixLike | readonly NamedRow[];

/** Rows and their targets: labels (class numbers from 0) for categorical, values otherwise. */
export interface TrainingData {
  readonly x: MatrixLike;
  readonly y: MatrixLike;
  /** Of each row, in training: 2 is a row that is given twice, 0 one that is left out. Default: 1. Metrics count every row once. */
  readonly weights?: MatrixLike | undefined;
  /** What classes are called; of a part of a table that was read. */
  readonly classNames?: readonly string[] | undefined;
  /** The columns x was made of; of a part of a table that was read. */
  readonly columns?: TableColumns | undefined;
}

export interface TrainOptions {
  /** Default: gaussian with a learned scale. A fixed scale is in the data's own units. */
  readonly likelihood?: LikelihoodInput;
  /** The family of distributions that is fitted to the weights. Default: meanField. */
  readonly posterior?: FamilyInput;
  /** Default 10. */
  readonly epochs?: number;
  /** Default 32, or all rows where there are fewer. */
  readonly batchSize?: number;
  /** Weight draws per step; default 1. */
  readonly draws?: number;
  /** Default: reparameterization. */
  readonly estimator?: EstimatorSpec | EstimatorSpec['kind'];
  /** Default: adam with a learning rate of 0.001. */
  readonly optimizer?: OptimizerSpec | BareName<typeof OPTIMIZERS>;
  readonly schedule?: ScheduleSpec | ScheduleSpec['kind'];
  readonly klWeighting?: KlWeightingSpec;
  /** Largest norm of a step's gradient over all mu and rho, per training row; longer ones are shortened to it. Default: any. */
  readonly gradientClip?: number;
  /** rho every weight starts from; sigma = softplus(rho). */
  readonly initialRho?: number;
  /**
   * Weights of the rows of each class, by name or number, times those of the rows themselves; classes that are not named weigh 1. `balanced`: all
   * classes count the same in all. Default: 1.
   */
  readonly classWeights?: ClassWeights;
  /** Columns brought to zero mean and unit standard deviation, undone in predictions. Default: `both` for gaussian, else `features`. */
  readonly standardize?: 'both' | 'features' | 'none';
  /**
   * A posterior to start from in place of random weights: of the same network, likelihood and family. Its standardization is kept, so that the
   * weights mean what they meant; the prior stays the model's own. Default: none.
   */
  readonly initial?: Posterior;
  /** What classes are called in predictions. Default: what `data` says. */
  readonly classNames?: readonly string[];
  /** Columns of the table that rows came from: with them the posterior takes rows by name. Default: what `data` says. */
  readonly columns?: TableColumns;
  /** Default: the runtime's seed. */
  readonly seed?: string | number;
  /** Rows evaluated with fixed draws at the end of every `every`-th epoch (default 1) and of the last. */
  readonly validation?: TrainingData & { readonly every?: number; readonly draws?: number };
  /** How often the weights are diagnosed: at the end of every `every`-th epoch and of the last; 0 is never. Default `auto`: so that it costs about 1 %. */
  readonly diagnostics?: { readonly every?: number | 'auto' };
  /** Ends training when a metric of the validation rows has not improved for a while. */
  readonly earlyStopping?: EarlyStoppingSpec;
  /** The epoch whose posterior is the result. Default: `best` with early stopping, else `last`. */
  readonly select?: SelectSpec;
  readonly signal?: AbortSignal;
  /** Called about ten times a second. */
  readonly onProgress?: (progress: TrainProgress) => void;
  /** Called with the report of each epoch, before a state with that epoch in it is saved. What it throws ends the training. */
  readonly onReport?: (report: TrainingReport) => void;
  /** Saves the state of training now and then, and when it is aborted or loses its workers for good. */
  readonly checkpoint?: CheckpointOptions;
  /** A saved state of this training (same model, data, options and seed) to resume from, to the same bits. */
  readonly resume?: TrainingState;
}

export interface PredictOptions {
  /**
   * Posterior draws averaged; default 100. Draw s of an ensemble of M is draw floor(s / M) of member s mod M.
   *
   * `{ tolerance, min, max }` draws until the Monte Carlo standard error of every mean of a row is at most `tolerance`: the row's answer is
   * that of `rowDraws[row]` draws asked for outright, and takes at most twice their time. Of `predict` alone.
   */
  readonly draws?: number | AdaptiveDraws;
  /**
   * `sample` (default) averages over weight draws, which all rows share. `mean` uses every weight's mu: one deterministic pass a
   * member.
   *
   * `marginal` draws each layer's pre-activations in place of its weights (Kingma, Salimans & Welling 2015, §2.2): the same
   * distribution for every row taken alone, so all that is returned here means the same, with the same Monte Carlo error. But rows
   * have no weights in common: nothing joint over rows (a covariance between them, a curve) may be computed from it.
   *
   * Without weights to draw, a row alone is some fifty times cheaper. It wins at any number of rows where the first layer has more
   * than half of the weights (784-400-400-10: 8 times with 16 rows, 2 times with 128, 1.2 times with 1024), else below some 300 rows
   * (784-1200-1200-10: 5 times with 16, 1.3 times with 128, 0.8 times with 1024).
   */
  readonly mode?: PredictionMode;
  /** Levels in (0, 1) of the predictive quantiles wanted. */
  readonly quantiles?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}
