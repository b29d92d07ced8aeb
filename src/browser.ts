// The public API in a browser: the names and types of Node, with a browser's own way to start workers and to keep files.

import './browser/strictPolicy.ts';

export { ACTIVATIONS, type Activation } from './backend/backend.ts';
export { type CheckpointStore, checkpointStore } from './browser/checkpoints.ts';
export {
  type FileHandle,
  type FileSource,
  load,
  posteriorBytes,
  posteriorDigest,
  readCheckpoint,
  save,
  writeCheckpoint,
} from './browser/files.ts';
export type { PartUrls } from './browser/parts.ts';
export {
  type BrowserRuntimeOptions as RuntimeOptions,
  type BrowserSessionOptions as SessionOptions,
  createRuntime,
  openSession,
} from './browser/runtime.ts';
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
export { diagnosePosterior } from './core/diagnostics/diagnosePosterior.ts';
export type { ModelDiagnostics, WeightDiagnostics } from './core/diagnostics/diagnostics.ts';
export type { DiagnosticWarning } from './core/diagnostics/diagnosticWarnings.ts';
export type { DecibelHistogram, WeightQuantiles } from './core/diagnostics/weightTally.ts';
export type { EstimatorSpec } from './core/estimators/index.ts';
export type { KlWeightingSpec } from './core/klWeightings/index.ts';
export type { LayerInput } from './core/layers/index.ts';
export type { LikelihoodInput } from './core/likelihoods/index.ts';
export type { Matrix, MatrixLike, TensorLike } from './core/matrix.ts';
export type { LayerSpec, LikelihoodSpec, Model } from './core/model.ts';
export type { OptimizerSpec } from './core/optimizers/index.ts';
export type { AnyPosterior, Ensemble, LayerPosterior, Posterior, Standardization } from './core/posterior.ts';
export { ensembleOf } from './core/posteriors/ensembleOf.ts';
export type { Draw, Prediction } from './core/predictive/prediction.ts';
export {
  type TensorDraw,
  type TensorMaker,
  type TensorPrediction,
  toTensors,
} from './core/predictive/toTensors.ts';
export type { PriorInput, PriorSpec } from './core/priors/index.ts';
export type { ScheduleSpec } from './core/schedules/index.ts';
export { type SequentialOptions, sequential } from './core/sequential.ts';
export type { StateTensor, TrainingOrigin, TrainingState } from './core/training/trainingState.ts';
export * from './errors.ts';
export type { Checkpoint } from './experiment/checkpoint/checkpoint.ts';
export type { EnsembleOptions, PredictOptions, TrainingData, TrainOptions } from './runtime/options.ts';
export { epochRows, stepRows } from './runtime/rowOrder.ts';
export type { Runtime } from './runtime/runtime.ts';
export type { Session, SessionPredictOptions } from './runtime/session.ts';
export type { CheckpointOptions } from './scheduler/training/checkpointer.ts';
export type { Diagnostics } from './scheduler/training/diagnosis.ts';
export type { EarlyStoppingSpec, SelectSpec, ValidationMetric } from './scheduler/training/earlyStopping.ts';
export { memberSeed } from './scheduler/training/ensemble.ts';
export type {
  Evaluation,
  JudgedEpoch,
  MemberReport,
  TrainingReport,
  TrainProgress,
} from './scheduler/training/reports.ts';
export type { EnsembleResult, EnsembleRun, TrainingResult, TrainingRun } from './scheduler/training/run.ts';
