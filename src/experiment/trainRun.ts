// Trains what a config says into a run directory: manifest first, metrics as they come, the posterior, test metrics, manifest again.
// What people look at (bars, tables, report.html) is left to the caller.

import { kernelBuild } from '../backend/kernelFile.node.ts';
import type { Posterior } from '../core/posterior.ts';
import { DivergedError } from '../errors.ts';
import { seedText } from '../random/seed.ts';
import type { Evaluation, TrainingReport, TrainOptions, TrainProgress } from '../scheduler/options.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { endManifest, type Manifest, type RunStatus, startManifest } from './manifest.ts';
import { epochMetrics } from './metricsLog.ts';
import type { RunWriter } from './run.ts';
import { type PreparedRun, trainingData } from './runData.ts';

/** Enough to see where training goes; the test metrics use all draws of the config. */
const VALIDATION_DRAWS = 10;
/** Many short epochs are not all worth an evaluation: about so many are. */
const VALIDATIONS = 100;

export interface TrainRunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onEpoch?: (report: TrainingReport) => void;
  /** Called with the posterior, which is on disk by then, to measure it; default: the test part of the data. */
  readonly measure?: (posterior: Posterior) => Promise<Evaluation | null>;
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
 * Trains into a run directory. However it ends, the manifest says how: `finished`, `interrupted` (with what was measured until then),
 * `diverged` or `failed`.
 * @throws DivergedError, WorkerLostError, the signal's reason, or an error of writing
 */
export async function trainRun(
  prepared: PreparedRun,
  runtime: Runtime,
  run: RunWriter,
  options: TrainRunOptions = {},
): Promise<TrainedRun> {
  const { config, data } = prepared;
  const started = performance.now();
  const seed = seedText(config.seed);
  const { targets } = data.train;
  const first = startManifest({
    seed,
    backend: runtime.backend,
    workers: runtime.workers,
    kernels: runtime.backend === 'reference' ? null : await kernelBuild(),
    data: data.provenance,
    featureNames: data.train.featureNames,
    targetNames: targets.kind === 'values' ? targets.names : null,
  });
  run.writeManifest(first);
  run.writeConfig(config);
  const reports: TrainingReport[] = [];
  let posteriorDigest: string | null = null;
  const end = (status: RunStatus, test: Evaluation | null = null): Manifest => {
    const manifest = endManifest(first, {
      status,
      steps: reports.at(-1)?.step ?? 0,
      epochs: reports.at(-1)?.epoch ?? 0,
      test: test === null ? null : { ...test },
      wallSeconds: (performance.now() - started) / 1000,
      posteriorDigest,
    });
    run.writeManifest(manifest);
    return manifest;
  };
  try {
    const training = runtime.train(prepared.model, trainingData(data.train), {
      ...trainOptions(prepared),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    for await (const report of training) {
      reports.push(report);
      run.logEpoch(epochMetrics(report));
      if (config.logging.tensorboard) run.logEvents(report);
      options.onEpoch?.(report);
    }
    const posterior = await training;
    const secondsPerEpoch = (reports.at(-1)?.seconds ?? 0) / config.training.epochs;
    posteriorDigest = run.writePosterior(posterior);
    const test = await (
      options.measure ?? ((fitted) => testMetrics(prepared, runtime, fitted, options.signal))
    )(posterior);
    const manifest = end('finished', test);
    return { posterior, posteriorDigest, reports, test, manifest, secondsPerEpoch };
  } catch (error) {
    end(options.signal?.aborted ? 'interrupted' : error instanceof DivergedError ? 'diverged' : 'failed');
    throw error;
  } finally {
    run.close();
  }
}

/** What the config says about training, as the runtime takes it. */
export function trainOptions({ config, data, classNames }: PreparedRun): TrainOptions {
  const { training, likelihood, seed } = config;
  const { epochs, batchSize, draws, optimizer, schedule, klWeighting, initialRho, diagnostics } = training;
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
    diagnostics,
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
