// Every message between the scheduler and a worker. Arrays never travel to the pool: a message names places in a shared memory.
// A session's thread is the exception: it has a memory of its own, and the few rows of a request are moved to it.

import type { ArenaMemory } from '../backend/arena.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { PredictionProblem } from '../core/prediction/predictionMemory.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import type { TrainingProblem } from '../core/training/problem.ts';

/** What each int32 word of the control region means. Written by the workers unless said. */
export const CONTROL = {
  /** Threads that have reached the current barrier. */
  arrived: 0,
  /** Number of barriers passed; waiters sleep on it. */
  generation: 1,
  /** Written by the main thread: stop after the current step. */
  cancel: 2,
  /** Written by the main thread: a member is lost, leave the barrier at once. */
  abort: 3,
  /** Steps completed, for progress. */
  stepsDone: 4,
  /** 1 + step in which a NaN or an infinity appeared, 0 while there is none. */
  divergedAt: 5,
  /** 1 + step after which all members stop. */
  stopAfter: 6,
  /** 1 + step whose weights and minibatch are already in the arena; the main thread clears it when it changes the state. */
  readyFor: 7,
} as const;

/** What a worker needs to compute in an arena; the same object for all messages of a job. */
export interface JobBase {
  /** Unique in the runtime; a worker keeps what it made for a job until another job comes in the same arena. */
  readonly id: number;
  /** Number of the memory, the same whenever it is lent again: a worker makes its kernels for it once. */
  readonly arena: number;
  /** Collections of arenas let go of, so far. A worker that has seen fewer forgets all it has made for arenas. */
  readonly evictions: number;
  readonly backend: string;
  /** Code the backend's factory compiled, shared by all workers. */
  readonly compiled: unknown;
  readonly memory: ArenaMemory;
  /** Threads the arena has room for. */
  readonly threads: number;
}

export interface TrainingJob extends JobBase {
  readonly kind: 'training';
  readonly problem: TrainingProblem;
}

export interface PredictionJob extends JobBase {
  readonly kind: 'prediction';
  readonly problem: PredictionProblem;
}

/** Train steps from … to − 1 together with the other members of the team. */
export interface TrainRequest {
  readonly kind: 'train';
  readonly job: TrainingJob;
  readonly rank: number;
  readonly size: number;
  readonly cores: number;
  readonly from: number;
  readonly to: number;
  /** For the worker's hook; set by tests only. */
  readonly order?: unknown;
}

/** Aggregate draws firstDraw … lastDraw − 1 for rows firstRow … lastRow − 1 into a result slot. */
export interface PredictRequest {
  readonly kind: 'predict';
  readonly job: PredictionJob;
  readonly slot: number;
  readonly firstDraw: number;
  readonly lastDraw: number;
  readonly firstRow: number;
  readonly lastRow: number;
}

/** Make what all tiles of a prediction in mode `marginal` share, for parameters first … last − 1 (floats, multiples of 16). */
export interface PrepareRequest {
  readonly kind: 'prepare';
  readonly job: PredictionJob;
  readonly slot: number;
  readonly first: number;
  readonly last: number;
}

/** Release every arena, guaranteed. Members of a team of `size` wait for each other, so that each thread gets one such request. */
export interface ReleaseRequest {
  readonly kind: 'release';
  readonly size: number;
  readonly meeting: Int32Array<SharedArrayBuffer>;
}

export type Request = TrainRequest | PrepareRequest | PredictRequest | ReleaseRequest;

/** How a stretch of training ended. `step` is the first step not yet done. */
export interface TrainReply {
  readonly kind: 'trained';
  readonly ended: 'complete' | 'canceled' | 'diverged' | 'aborted';
  readonly step: number;
  /** Milliseconds this worker spent per phase. */
  readonly phases: PhaseTimes;
}

export interface PhaseTimes {
  readonly prologue: number;
  readonly pass: number;
  readonly finish: number;
  readonly wait: number;
}

export type Reply = TrainReply | { readonly kind: 'prepared' | 'predicted' | 'released' };

/** What a session's thread answers to, through comlink: `open` first and once, then any number of predictions. */
export interface SessionCalls {
  open(setup: SessionSetup): Promise<void>;
  predict(request: SessionRequest): Prediction;
}

export interface SessionSetup {
  readonly posteriors: readonly AnyPosterior[];
  readonly backend: string;
  readonly compiled: unknown;
  /** Rows worked on at once, a multiple of 16. */
  readonly capacity: number;
  /** Bytes of drawn weights to keep, of all posteriors together. */
  readonly cacheBytes: number;
  /** A counter that increments as work proceeds. */
  readonly pulse: Int32Array;
  /** Not 0 when the prediction under way is no longer wanted. */
  readonly stop: Int32Array;
}

/** A prediction that was checked by the sender. */
export interface SessionRequest {
  /** Which of the session's posteriors. */
  readonly posterior: number;
  readonly x: Matrix;
  readonly draws: number;
  readonly mode: PredictionMode;
  readonly levels: readonly number[];
}
