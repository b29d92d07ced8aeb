// Trains what a config says into a run directory: manifest first, metrics and checkpoints as they come, the posterior, test metrics,
// manifest again; or resumes a run that was cut short. Progress bars, tables and report.html are the caller's business.

import type { AnyPosterior } from '../../core/posterior.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { CheckpointError, DivergedError } from '../../errors.ts';
import { lockRun, type RunLock } from '../../files/lock.ts';
import { kernelBuild } from '../../platform/node/kernelFile.ts';
import type { TrainOptions } from '../../runtime/options.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { BATCH_SIZE } from '../../runtime/trainingFields.ts';
import type { Evaluation, TrainProgress } from '../../scheduler/training/reports.ts';
import { removeTemporaries } from '../checkpoint/store.ts';
import { type CheckpointConfig, formatConfig, type TrainingConfig } from '../config/config.ts';
import { VALIDATIONS, validationEvery } from '../config/selection.ts';
import { configRecord } from '../manifest/configRecord.ts';
import {
  endManifest,
  type Manifest,
  type RunStatus,
  resumeManifest,
  startManifest,
} from '../manifest/manifest.ts';
import { splitRecord } from '../manifest/splitRecord.ts';
import { removeMembers } from '../trainings/memberFiles.ts';
import { pointsOnDisk, progressOf, type RunReport } from '../trainings/trainings.ts';
import { trainingsOf } from '../trainings/trainingsOf.ts';
import { type PreparedRun, trainingData, trainingSeed } from './data.ts';
import type { RunWriter } from './directory.ts';
import { epochMetrics } from './metricsLog.ts';
import { type ResumePoint, reportsOf } from './resume.ts';

/** Enough to see where training goes; the test metrics use all draws of the config. */
const VALIDATION_DRAWS = 10;

export interface TrainRunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onEpoch?: (report: RunReport) => void;
  /** Called when the state after `step` steps (of a member, in an ensemble) is on disk. */
  readonly onCheckpoint?: (step: number) => void;
  /** Called with messages about problems that were recovered from. */
  readonly onWarning?: (message: string) => void;
  /** Validations that only show where training goes, about; those that decide something are always made. */
  readonly validations?: number;
  /** Called with the posterior, which is on disk by then, to measure it; default: the test part of the data. */
  readonly measure?: (posterior: AnyPosterior) => Promise<Evaluation | null>;
  /** Where a run that was cut short resumes, from openResume. */
  readonly resume?: ResumePoint;
}

/** A training that came to its end. */
export interface TrainedRun {
  readonly posterior: AnyPosterior;
  readonly posteriorDigest: string;
  readonly reports: readonly RunReport[];
  /** Metrics on the test rows; null where there are none. */
  readonly test: Evaluation | null;
  readonly manifest: Manifest;
  /** Of training alone, reading and testing excluded; of an ensemble, an epoch of all members. */
  readonly secondsPerEpoch: number;
}

/**
 * Trains into a run directory, saving the state now and then and when it is interrupted. However it ends, the manifest says how:
 * `finished`, `interrupted` (with what was measured until then), `diverged` or `failed`.
 * @throws DivergedError, WorkerLostError, the signal's reason, or a CheckpointError: of writing, or because another process trains there
 */
export async function trainRun(
  prepared: PreparedRun,
  runtime: Runtime,
  run: RunWriter,
  options: TrainRunOptions = {},
): Promise<TrainedRun> {
  const lock = lockRun(run.dir);
  try {
    return await trainLocked(prepared, runtime, run, options, lock);
  } finally {
    run.close();
    lock.release(options.onWarning);
  }
}

async function trainLocked(
  prepared: PreparedRun,
  runtime: Runtime,
  run: RunWriter,
  options: TrainRunOptions,
  lock: RunLock,
): Promise<TrainedRun> {
  const { config } = prepared;
  const { resume } = options;
  const trainings = trainingsOf(config);
  const started = performance.now();
  const first =
    resume === undefined
      ? await begin(prepared, runtime, run)
      : goOn(resume, run, runtime, options.onWarning ?? (() => undefined));
  const { reports } = first;
  const points = resume?.points ?? pointsOnDisk(trainings, run.dir, prepared);
  /** Steps of the newest state of each training. */
  const savedSteps = points.map(({ step }) => step);
  let trained: { readonly posterior: AnyPosterior; readonly digest: string } | null = null;
  const tests: (Evaluation | null)[] = [];
  const end = (status: RunStatus, test: Evaluation | null = null): Manifest => {
    lock.check();
    const manifest = endManifest(first.manifest, {
      status,
      ...progressOf(reports, savedSteps),
      test: test === null ? null : { ...test },
      ...trainings.record({ reports, before: first.manifest, posterior: trained?.posterior ?? null, tests }),
      wallSeconds: first.manifest.wallSeconds + (performance.now() - started) / 1000,
      posteriorDigest: trained?.digest ?? null,
    });
    run.writeManifest(manifest);
    return manifest;
  };
  const kernels = first.manifest.kernels?.sources ?? null;
  const work = {
    prepared,
    runtime,
    dir: run.dir,
    points,
    options: {
      ...trainOptions(prepared, options.validations),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      onReport: (report: RunReport) => {
        reports.push(report);
        run.logEpoch(epochMetrics(report));
        if (config.logging.tensorboard) run.logEvents(report);
        options.onEpoch?.(report);
      },
    },
    checkpoint: checkpointTimes(config.checkpoint),
    beforeSave: () => {
      lock.check();
      // Lines of epochs that a state is past must not be lost before it is.
      run.syncMetrics();
    },
    save: (m: number, state: TrainingState) => {
      points[m].store.save(state, kernels);
      savedSteps[m] = state.step;
      options.onCheckpoint?.(state.step);
    },
  };
  try {
    const posterior = resume?.posterior ?? (await trainings.train(work));
    lock.check();
    trained = { posterior, digest: run.writePosterior(posterior) };
    // A process killed while measuring need not train again.
    end('running');
    const measure = (fitted: AnyPosterior) => testMetrics(prepared, runtime, fitted, options.signal);
    const test = await (options.measure ?? measure)(posterior);
    for (const part of trainings.parts(posterior)) tests.push(await measure(part));
    const manifest = end('finished', test);
    removeMembers(run.dir);
    return {
      posterior,
      posteriorDigest: trained.digest,
      reports,
      test,
      manifest,
      secondsPerEpoch: secondsPerEpoch(reports),
    };
  } catch (error) {
    try {
      end(statusOf(error, options.signal));
    } catch (second) {
      // The disk that ended the training may not take the manifest either; the first error is the one to tell.
      if (!(second instanceof CheckpointError)) throw second;
    }
    throw error;
  }
}

/** Of training alone; of an ensemble, an epoch of all members. */
export function secondsPerEpoch(reports: readonly RunReport[]): number {
  const most = (of: 'seconds' | 'epoch') => reports.reduce((top, report) => Math.max(top, report[of]), 0);
  return most('seconds') / Math.max(1, most('epoch'));
}

/** What a life of a run starts from. */
interface Beginning {
  readonly manifest: Manifest;
  /** Of the epochs done before. */
  readonly reports: RunReport[];
}

async function begin(prepared: PreparedRun, runtime: Runtime, run: RunWriter): Promise<Beginning> {
  const { config, data } = prepared;
  const { targets } = data.train;
  const manifest = startManifest({
    seed: trainingSeed(config),
    backend: runtime.backend,
    backendNote: runtime.backendNote,
    reproducible: runtime.reproducible,
    workers: runtime.workers,
    kernels: runtime.backend === 'reference' ? null : await kernelBuild(),
    config: configRecord(formatConfig(config, run.dir)),
    split: splitRecord(config, data),
    data: data.provenance,
    featureNames: data.train.featureNames,
    targetNames: targets.kind === 'values' ? targets.names : null,
  });
  run.writeManifest(manifest);
  run.writeConfig(config);
  return { manifest, reports: [] };
}

/** Takes over a run that was cut short: its unfinished files and the metrics of epochs to be done again go. */
function goOn(
  { prepared, manifest, points }: ResumePoint,
  run: RunWriter,
  runtime: Runtime,
  warn: (message: string) => void,
): Beginning {
  removeTemporaries(run.dir);
  const perEpoch = Math.ceil(prepared.data.train.features.rows / prepared.config.training.batchSize);
  const ends = points.map(({ step }) => step);
  const step = sum(ends);
  const epochs = run.cutMetrics(ends, warn);
  const wanted = sum(ends.map((own) => Math.floor(own / perEpoch)));
  if (epochs.length !== wanted)
    warn(
      `${run.path('metrics')}: expected ${wanted} epochs before step ${step}, got ${epochs.length} — resuming without the others`,
    );
  const spent = points.reduce((most, { found }) => Math.max(most, found?.state.seconds ?? 0), 0);
  const wallSeconds = Math.max(manifest.wallSeconds, spent);
  const { backend, reproducible, workers } = runtime;
  const resumed = resumeManifest(manifest, { step, backend, reproducible, workers }, wallSeconds);
  run.writeManifest(resumed);
  return { manifest: resumed, reports: reportsOf(epochs, prepared) };
}

function sum(steps: readonly number[]): number {
  return steps.reduce((total, step) => total + step, 0);
}

function checkpointTimes({ everySteps, everyMinutes }: CheckpointConfig) {
  return {
    ...(everySteps === undefined ? {} : { everySteps }),
    ...(everyMinutes === undefined ? {} : { everySeconds: 60 * everyMinutes }),
  };
}

function statusOf(error: unknown, signal: AbortSignal | undefined): RunStatus {
  if (error instanceof DivergedError) return 'diverged';
  // An interrupt whose state could not be saved is a failure.
  return signal?.aborted && !(error instanceof CheckpointError) ? 'interrupted' : 'failed';
}

/** What the config says about training, as the runtime takes it. */
export function trainOptions(
  { config, data, classNames }: PreparedRun,
  validations: number = VALIDATIONS,
): TrainOptions {
  const { training, likelihood, posterior } = config;
  const { epochs, batchSize, draws, estimator, optimizer, schedule, klWeighting, initialRho, diagnostics } =
    training;
  const { earlyStopping, select, gradientClip, classWeights } = training;
  const stopping = earlyStopping === undefined ? null : stoppingRule(earlyStopping);
  const { validation } = data;
  return {
    likelihood,
    ...(posterior === undefined ? {} : { posterior }),
    epochs,
    batchSize: batchSize === BATCH_SIZE ? Math.min(batchSize, data.train.features.rows) : batchSize,
    draws,
    estimator,
    optimizer,
    schedule,
    klWeighting,
    ...(gradientClip === undefined ? {} : { gradientClip }),
    ...(classWeights === undefined ? {} : { classWeights }),
    initialRho,
    diagnostics,
    ...(stopping === null ? {} : { earlyStopping: stopping }),
    select,
    standardize: config.data.standardize,
    seed: trainingSeed(config),
    ...(classNames === null ? {} : { classNames }),
    ...(data.train.columns === undefined ? {} : { columns: data.train.columns }),
    ...(validation === null
      ? {}
      : {
          validation: {
            ...trainingData(validation),
            draws: Math.min(VALIDATION_DRAWS, config.prediction.draws),
            // Which epochs are validated is part of the result when one of them is chosen.
            every:
              earlyStopping?.every ?? validationEvery(epochs, select === 'last' ? validations : VALIDATIONS),
          },
        }),
  };
}

/** `every` is about validation, to the runtime. */
function stoppingRule({ every: _, ...rule }: NonNullable<TrainingConfig['earlyStopping']>) {
  return rule;
}

/** Metrics on the test part, over the draws of the config. */
async function testMetrics(
  { config, data }: PreparedRun,
  runtime: Runtime,
  posterior: AnyPosterior,
  signal: AbortSignal | undefined,
): Promise<Evaluation | null> {
  if (data.test === null) return null;
  return runtime.evaluate(posterior, trainingData(data.test), {
    draws: config.prediction.draws,
    ...(signal === undefined ? {} : { signal }),
  });
}
