// Trains what a config says into a run directory: manifest first, metrics and checkpoints as they come, the posterior, test metrics,
// manifest again; or goes on with a run that was cut short. What people look at (bars, tables, report.html) is left to the caller.

import { kernelBuild } from '../backend/kernelFile.node.ts';
import type { Posterior } from '../core/posterior.ts';
import type { TrainingState } from '../core/trainingState.ts';
import { CheckpointError, DivergedError } from '../errors.ts';
import { seedText } from '../random/seed.ts';
import type { Evaluation, TrainingReport, TrainOptions, TrainProgress } from '../scheduler/options.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { CheckpointStore, removeTemporaries } from './checkpointStore.ts';
import { type CheckpointConfig, formatConfig } from './config.ts';
import { configRecord } from './configRecord.ts';
import { endManifest, type Manifest, type RunStatus, resumeManifest, startManifest } from './manifest.ts';
import { type ResumePoint, reportsOf } from './resumeRun.ts';
import type { RunWriter } from './run.ts';
import { type PreparedRun, trainingData } from './runData.ts';
import { lockRun } from './runLock.ts';
import { splitRecord } from './splitRecord.ts';

/** Enough to see where training goes; the test metrics use all draws of the config. */
const VALIDATION_DRAWS = 10;
/** Many short epochs are not all worth an evaluation: about so many are. */
const VALIDATIONS = 100;

export interface TrainRunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onEpoch?: (report: TrainingReport) => void;
  /** Called when the state after so many steps is on disk. */
  readonly onCheckpoint?: (step: number) => void;
  /** Told of what was mended. */
  readonly onWarning?: (message: string) => void;
  /** Called with the posterior, which is on disk by then, to measure it; default: the test part of the data. */
  readonly measure?: (posterior: Posterior) => Promise<Evaluation | null>;
  /** Where a run that was cut short goes on, from openResume. */
  readonly resume?: ResumePoint;
}

/** A training that came to its end. */
export interface TrainedRun {
  readonly posterior: Posterior;
  readonly posteriorDigest: string;
  readonly reports: readonly TrainingReport[];
  /** Metrics on the test rows; null where there are none. */
  readonly test: Evaluation | null;
  readonly manifest: Manifest;
  /** Of training alone, reading and testing excluded. */
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
    return await trainLocked(prepared, runtime, run, options);
  } finally {
    run.close();
    lock.release();
  }
}

async function trainLocked(
  prepared: PreparedRun,
  runtime: Runtime,
  run: RunWriter,
  options: TrainRunOptions,
): Promise<TrainedRun> {
  const { config } = prepared;
  const { resume } = options;
  const started = performance.now();
  const first =
    resume === undefined
      ? await begin(prepared, runtime, run)
      : goOn(resume, run, runtime, options.onWarning ?? (() => undefined));
  const reports: TrainingReport[] = first.reports;
  let posteriorDigest: string | null = null;
  let savedStep = resume?.state?.step ?? 0;
  const end = (status: RunStatus, test: Evaluation | null = null): Manifest => {
    const manifest = endManifest(first.manifest, {
      status,
      steps: Math.max(savedStep, reports.at(-1)?.step ?? 0),
      epochs: reports.at(-1)?.epoch ?? 0,
      test: test === null ? null : { ...test },
      wallSeconds: first.manifest.wallSeconds + (performance.now() - started) / 1000,
      posteriorDigest,
    });
    run.writeManifest(manifest);
    return manifest;
  };
  const store = resume?.store ?? new CheckpointStore(run.dir, { keep: config.checkpoint.keep });
  const save = (state: TrainingState) => {
    // Lines of epochs that a state is past must not be lost before it is.
    run.syncMetrics();
    store.save(state, first.manifest.kernels?.sources ?? null);
    savedStep = state.step;
    options.onCheckpoint?.(state.step);
  };
  try {
    const posterior =
      resume?.posterior ??
      (await runtime.train(prepared.model, trainingData(prepared.data.train), {
        ...trainOptions(prepared),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
        ...(resume?.state ? { resume: resume.state } : {}),
        checkpoint: { ...checkpointTimes(config.checkpoint), save },
        onReport: (report) => {
          reports.push(report);
          const { learningRate: _, validation, ...metrics } = report;
          run.logEpoch({ ...metrics, ...(validation === null ? {} : { validation: { ...validation } }) });
          options.onEpoch?.(report);
        },
      }));
    const secondsPerEpoch = (reports.at(-1)?.seconds ?? 0) / config.training.epochs;
    posteriorDigest = run.writePosterior(posterior);
    // Whoever is killed while measuring need not train again.
    end('running');
    const test = await (
      options.measure ?? ((fitted) => testMetrics(prepared, runtime, fitted, options.signal))
    )(posterior);
    const manifest = end('finished', test);
    return { posterior, posteriorDigest, reports, test, manifest, secondsPerEpoch };
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

/** What a life of a run starts from. */
interface Beginning {
  readonly manifest: Manifest;
  /** Of the epochs done before. */
  readonly reports: TrainingReport[];
}

async function begin(prepared: PreparedRun, runtime: Runtime, run: RunWriter): Promise<Beginning> {
  const { config, data } = prepared;
  const { targets } = data.train;
  const manifest = startManifest({
    seed: seedText(config.seed),
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
  { prepared, manifest, state, posterior }: ResumePoint,
  run: RunWriter,
  runtime: Runtime,
  warn: (message: string) => void,
): Beginning {
  removeTemporaries(run.dir);
  const perEpoch = Math.ceil(prepared.data.train.features.rows / prepared.config.training.batchSize);
  const step = posterior === null ? (state?.step ?? 0) : prepared.config.training.epochs * perEpoch;
  const epochs = run.cutMetrics(step);
  const wanted = Math.floor(step / perEpoch);
  if (epochs.length !== wanted)
    warn(
      `${run.path('metrics')}: expected ${wanted} epochs before step ${step}, got ${epochs.length} — going on without the others`,
    );
  const wallSeconds = Math.max(manifest.wallSeconds, state?.seconds ?? 0);
  const { backend, reproducible, workers } = runtime;
  const resumed = resumeManifest(manifest, { step, backend, reproducible, workers }, wallSeconds);
  run.writeManifest(resumed);
  return { manifest: resumed, reports: reportsOf(epochs, prepared) };
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
export function trainOptions({ config, data, classNames }: PreparedRun): TrainOptions {
  const { training, likelihood, seed } = config;
  const { epochs, batchSize, draws, optimizer, schedule, klWeighting, initialRho } = training;
  const { validation } = data;
  return {
    likelihood,
    epochs,
    batchSize,
    draws,
    optimizer,
    schedule,
    klWeighting,
    initialRho,
    standardize: config.data.standardize,
    seed,
    ...(classNames === null ? {} : { classNames }),
    ...(validation === null
      ? {}
      : {
          validation: {
            ...trainingData(validation),
            draws: Math.min(VALIDATION_DRAWS, config.prediction.draws),
            every: Math.ceil(epochs / VALIDATIONS),
          },
        }),
  };
}

/** Metrics on the test part, over the draws of the config. */
async function testMetrics(
  { config, data }: PreparedRun,
  runtime: Runtime,
  posterior: Posterior,
  signal: AbortSignal | undefined,
): Promise<Evaluation | null> {
  if (data.test === null) return null;
  return runtime.evaluate(posterior, trainingData(data.test), {
    draws: config.prediction.draws,
    ...(signal === undefined ? {} : { signal }),
  });
}
