// The public API on Node: every exported name, nothing else.

export { ACTIVATIONS, type Activation } from './backend/backend.ts';
export {
  type BuildOptions,
  bayesianDense,
  build,
  type ElboLossOptions,
  elboLoss,
  input,
  klCost,
  type Node,
  toModel,
} from './core/bayesian.ts';
export type { Matrix, MatrixLike, TensorLike } from './core/matrix.ts';
export type { LayerSpec, LikelihoodSpec, Model } from './core/model.ts';
export type { OptimizerSpec } from './core/optimizers/optimizer.ts';
export type { LayerPosterior, Posterior, Standardization } from './core/posterior.ts';
export type { Draw, Prediction } from './core/predictive/prediction.ts';
export {
  type TensorDraw,
  type TensorMaker,
  type TensorPrediction,
  toTensors,
} from './core/predictive/toTensors.ts';
export type { KlWeightingSpec } from './core/schedules/klWeighting.ts';
export type { ScheduleSpec } from './core/schedules/schedule.ts';
export type { StateTensor, TrainingOrigin, TrainingState } from './core/trainingState.ts';
export * from './errors.ts';
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './experiment/checkpoint.ts';
export { loadPosterior as load, posteriorDigest, savePosterior as save } from './experiment/posteriorFile.ts';
export type { CheckpointOptions } from './scheduler/checkpointer.ts';
export type {
  Evaluation,
  PredictOptions,
  TrainingData,
  TrainingReport,
  TrainOptions,
  TrainProgress,
} from './scheduler/options.ts';
export { epochRows, stepRows } from './scheduler/rowOrder.ts';
export { createRuntime, type Runtime, type RuntimeOptions } from './scheduler/runtime.ts';
export {
  openSession,
  type Session,
  type SessionOptions,
  type SessionPredictOptions,
} from './scheduler/session.ts';
export type { TrainingResult, TrainingRun } from './scheduler/trainingRun.ts';
