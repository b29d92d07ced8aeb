// The names of the public API that are the same on every host. Each entry adds its own: starting workers, files, tables.

export { ACTIVATIONS, type Activation } from './backend/backend.ts';
export type { Treatment } from './columns/column.ts';
export type { ColumnInput } from './columns/index.ts';
export type { MissingOptions } from './columns/missing.ts';
export type { NamedRow } from './columns/namedRows.ts';
export type { LearnedColumn, TableColumns } from './columns/tableColumns.ts';
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
export { adaptiveCalibrationError } from './core/calibration/adaptiveCalibrationError.ts';
export { expectedCalibrationError } from './core/calibration/expectedCalibrationError.ts';
export { diagnosePosterior } from './core/diagnostics/diagnosePosterior.ts';
export type { ModelDiagnostics, WeightDiagnostics } from './core/diagnostics/diagnostics.ts';
export type { DiagnosticWarning } from './core/diagnostics/diagnosticWarnings.ts';
export type { DecibelHistogram, WeightQuantiles } from './core/diagnostics/weightTally.ts';
export type { EstimatorSpec } from './core/estimators/index.ts';
export type { KlWeightingSpec } from './core/klWeightings/index.ts';
export type { LayerInput } from './core/layers/index.ts';
export type { LikelihoodInput } from './core/likelihoods/index.ts';
export type { Matrix, MatrixLike, TensorLike } from './core/matrix.ts';
export { auroc } from './core/metrics/auroc.ts';
export { aupr, falsePositiveRate } from './core/metrics/detection.ts';
export { intervalScore } from './core/metrics/intervalScore.ts';
export { type RiskCoveragePoint, riskCoverage } from './core/metrics/riskCoverage.ts';
export type { LayerSpec, LikelihoodSpec, Model } from './core/model.ts';
export type { OptimizerSpec } from './core/optimizers/index.ts';
export type { AnyPosterior, Ensemble, LayerPosterior, Posterior, Standardization } from './core/posterior.ts';
export { ensembleOf } from './core/posteriors/ensembleOf.ts';
export type { FamilyInput, FamilySpec } from './core/posteriors/index.ts';
export { monteCarloErrors } from './core/predictive/monteCarloErrors.ts';
export type { Draw, Prediction } from './core/predictive/prediction.ts';
export { type PredictionRow, toRows } from './core/predictive/toRows.ts';
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
export type {
  EnsembleOptions,
  PredictOptions,
  RowsLike,
  TrainingData,
  TrainOptions,
} from './runtime/options.ts';
export { epochRows, stepRows } from './runtime/rowOrder.ts';
export type { Runtime } from './runtime/runtime.ts';
export type { Session, SessionPosteriors, SessionPredictOptions } from './runtime/session.ts';
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
