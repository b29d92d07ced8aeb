// A run that was cut short, opened to be resumed: what there is of it, and whether data, config and kernel epoch are still the same.
// Nothing on disk is changed here; trainRun does that when it takes the run over.

import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import { rateFactor } from '../../core/schedules/index.ts';
import { CheckpointError } from '../../errors.ts';
import { checkUnlocked } from '../../files/lock.ts';
import { NewerFormatError } from '../../files/tensors/formatVersion.ts';
import { mismatch } from '../../messages.ts';
import { kernelBuild } from '../../platform/node/kernelFile.ts';
import type { Evaluation } from '../../scheduler/training/reports.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { varpoolVersion } from '../provenance.ts';
import { pointsOnDisk, type RunReport, type TrainingPoint } from '../trainings/trainings.ts';
import { trainingsOf } from '../trainings/trainingsOf.ts';
import { type PreparedRun, prepareRun } from './data.ts';
import { openRun, type Run, RunWriter } from './directory.ts';
import type { EpochMetrics } from './metricsLog.ts';
import { relocated } from './relocate.ts';
import { checkEpoch, recordedData } from './repeatable.ts';

/** Where a run resumes. */
export interface ResumePoint {
  readonly prepared: PreparedRun;
  readonly run: RunWriter;
  readonly manifest: Manifest;
  /** Of each training of the run: the state it resumes from, where it had come to its first one. */
  readonly points: readonly TrainingPoint[];
  /** The fitted posterior, where only its measurement was cut short. */
  readonly posterior: AnyPosterior | null;
}

/**
 * Opens a run directory to resume its training.
 * @param warn told about a damaged checkpoint that was skipped, another version of varpool or build of its kernels, and an edited
 * config.yaml that comes to the same
 * @param places where data lies that was moved since
 * @returns the point to hand to trainRun, or the run itself where it is finished
 * @throws CheckpointError for what is no run, diverged, is being trained, is of another kernel epoch or has only damaged checkpoints;
 * DataError for data that changed; ConfigError for a config.yaml that cannot be used or was edited in what decides the result
 */
export async function openResume(
  dir: string,
  warn: (message: string) => void,
  places: readonly string[] = [],
): Promise<ResumePoint | { readonly finished: Run }> {
  const opened = relocated(openRun(dir), places);
  const { manifest, config } = opened;
  if (manifest.status === 'finished') return { finished: opened };
  if (manifest.status === 'diverged') {
    const next = 'it would diverge again: train another with a lower learning rate';
    fail(dir, 'a run that was cut short', 'one that diverged', next);
  }
  checkUnlocked(dir);
  checkEpoch(opened, 'resume');
  const { data, notes } = recordedData(opened);
  for (const note of notes) warn(note);
  const prepared = prepareRun(config, opened.path('config'), data);
  const posterior = fitted(opened, warn);
  // Damaged lines are reported when they are cut off.
  const known = { lines: opened.metrics(() => undefined), trained: posterior !== null };
  const points = pointsOnDisk(trainingsOf(config), dir, prepared, warn, known);
  const found = points.flatMap((point) => point.found ?? []);
  await compareKernels(dir, [manifest.kernels?.sources, ...found.map(({ kernels }) => kernels)], warn);
  const version = found[0]?.varpool ?? manifest.varpool;
  if (version !== varpoolVersion())
    warn(`${dir}: begun with varpool ${version}, resuming with ${varpoolVersion()}`);
  return { prepared, run: new RunWriter(dir), manifest, points, posterior };
}

/** The posterior of a run that was cut short after its training; one that is damaged is fitted again. */
function fitted(run: Run, warn: (message: string) => void): AnyPosterior | null {
  if (run.manifest.posteriorDigest === null) return null;
  try {
    return run.posterior(warn);
  } catch (error) {
    if (!(error instanceof CheckpointError) || error instanceof NewerFormatError) throw error;
    warn(`${error.message}; training to it again`);
    return null;
  }
}

/** Other sources of the same epoch should give the same bits; they are reported in case the result is doubted. */
async function compareKernels(
  dir: string,
  builds: readonly (string | null | undefined)[],
  warn: (message: string) => void,
): Promise<void> {
  const { sources } = await kernelBuild();
  const other = builds.find((built) => built && built !== sources);
  if (other === undefined || other === null) return;
  const [was, is] = [other, sources].map((hash) => `${hash.slice(0, 16)}…`);
  warn(
    `${dir}: begun with other sources of the kernels, ${was}, resuming with ${is} of the same kernel epoch, ${KERNEL_EPOCH}`,
  );
}

/** Reports as a training gave them, from the lines kept of them. */
export function reportsOf(epochs: readonly EpochMetrics[], { config, data }: PreparedRun): RunReport[] {
  const { optimizer, schedule, batchSize, epochs: count } = config.training;
  const perEpoch = Math.ceil(data.train.features.rows / batchSize);
  const place = { perEpoch, steps: count * perEpoch };
  const numbers = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? Number.NaN]));
  return epochs.map(
    ({ validation, ...epoch }) =>
      ({
        ...numbers(epoch),
        learningRate: optimizer.learningRate * rateFactor(schedule, { step: epoch.step - 1, ...place }),
        validation: validation === undefined ? null : (numbers(validation) as unknown as Evaluation),
      }) as unknown as RunReport,
  );
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch(where, expected, got, next));
}
