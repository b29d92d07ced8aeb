// A run that was cut short, opened to go on: what there is of it, and whether its data, config and kernels are still the same.
// Nothing on disk is changed here; trainRun does that when it takes the run over.

import { kernelBuild } from '../backend/kernelFile.node.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { rateFactor } from '../core/schedules/schedule.ts';
import type { TrainingState } from '../core/trainingState.ts';
import type { FileProvenance } from '../data/dataset.ts';
import { CheckpointError, DataError } from '../errors.ts';
import type { Evaluation } from '../scheduler/options.ts';
import { CheckpointStore } from './checkpointStore.ts';
import { oneLine } from './configProblems.ts';
import type { Manifest } from './manifest.ts';
import { type MemberPoint, memberCount, memberPoints, type RunReport } from './memberRuns.ts';
import type { EpochMetrics } from './metricsLog.ts';
import { varpoolVersion } from './provenance.ts';
import { openRun, type Run, RunWriter } from './run.ts';
import { type PreparedRun, prepareRun, trainingSeed } from './runData.ts';
import { checkUnlocked } from './runLock.ts';

/** Where a run goes on. */
export interface ResumePoint {
  readonly prepared: PreparedRun;
  readonly run: RunWriter;
  readonly manifest: Manifest;
  readonly store: CheckpointStore;
  /** The state to go on from; null where the run was cut short before its first checkpoint. */
  readonly state: TrainingState | null;
  /** The fitted posterior, where only its measurement was cut short. */
  readonly posterior: AnyPosterior | null;
  /** Of an ensemble: where each member goes on; `state` is null then. */
  readonly members: readonly MemberPoint[] | null;
}

/**
 * Opens a run directory to go on with its training.
 * @param warn told of a damaged checkpoint that was passed over, and of another version of varpool
 * @returns the point to hand to trainRun, or the run itself where it is finished
 * @throws CheckpointError for what is no run, diverged, is being trained, has kernels of another build or only damaged checkpoints;
 * DataError for data that changed; ConfigError for a config.yaml that cannot be used
 */
export async function openResume(
  dir: string,
  warn: (message: string) => void,
): Promise<ResumePoint | { readonly finished: Run }> {
  const opened = openRun(dir);
  const { manifest, config } = opened;
  if (manifest.status === 'finished') return { finished: opened };
  if (manifest.status === 'diverged') {
    const next = 'it would diverge again: train another with a lower learning rate';
    fail(dir, 'a run that was cut short', 'one that diverged', next);
  }
  checkUnlocked(dir);
  const prepared = prepareRun(config, opened.path('config'));
  checkSameData(manifest, prepared.data.provenance);
  const store = new CheckpointStore(dir, { keep: config.checkpoint.keep });
  const found = store.newest(warn);
  const seed = trainingSeed(config);
  const members = memberCount(config) === null ? null : memberPoints(dir, prepared, seed, warn);
  const kernels = (members ?? []).map((member) => member.found?.kernels);
  await checkKernels(dir, [manifest.kernels?.sources, found?.kernels, ...kernels]);
  const version = found?.varpool ?? manifest.varpool;
  if (version !== varpoolVersion())
    warn(`${dir}: begun with varpool ${version}, going on with ${varpoolVersion()}`);
  const posterior = fitted(opened, warn);
  const state = found?.state ?? null;
  return { prepared, run: new RunWriter(dir), manifest, store, state, posterior, members };
}

/** The posterior of a run that was cut short after its training; one that is damaged is fitted again. */
function fitted(run: Run, warn: (message: string) => void): AnyPosterior | null {
  if (run.manifest.posteriorDigest === null) return null;
  try {
    return run.posterior();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    warn(`${error.message}; training to it again`);
    return null;
  }
}

/**
 * Holds data files to those a run was trained on.
 * @throws DataError naming the first file that differs
 */
export function checkSameData(manifest: Manifest, now: readonly FileProvenance[]): void {
  for (const [i, { path, sha256 }] of now.entries()) {
    const was = manifest.data[i];
    if (was?.sha256 === sha256) continue;
    const expected =
      was === undefined
        ? `no more than the ${manifest.data.length} data files of the run`
        : `the data of the run (SHA-256 ${was.sha256.slice(0, 16)}…)`;
    throw new DataError(
      oneLine(`${path}: expected ${expected}, got ${sha256.slice(0, 16)}… — put it back or train anew`),
    );
  }
  const missing = manifest.data[now.length];
  if (missing !== undefined)
    throw new DataError(
      oneLine(
        `${missing.path}: expected the data of the run, got a config without it — put it back or train anew`,
      ),
    );
}

async function checkKernels(dir: string, builds: readonly (string | null | undefined)[]): Promise<void> {
  const { sources } = await kernelBuild();
  for (const built of builds) {
    if (built === null || built === undefined || built === sources) continue;
    const got = `${sources.slice(0, 16)}…`;
    const next = 'go on with the varpool it was begun with, or train anew';
    fail(dir, `kernels ${built.slice(0, 16)}…, with which it was begun`, got, next);
  }
}

/** Reports as a training gave them, from the lines kept of them. */
export function reportsOf(epochs: readonly EpochMetrics[], { config, data }: PreparedRun): RunReport[] {
  const { optimizer, schedule, batchSize, epochs: count } = config.training;
  const steps = count * Math.ceil(data.train.features.rows / batchSize);
  const numbers = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? Number.NaN]));
  return epochs.map(
    ({ validation, ...epoch }) =>
      ({
        ...numbers(epoch),
        learningRate: optimizer.learningRate * rateFactor(schedule, epoch.step - 1, steps),
        validation: validation === undefined ? null : (numbers(validation) as unknown as Evaluation),
      }) as unknown as RunReport,
  );
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(oneLine(`${where}: expected ${expected}, got ${got} — ${next}`));
}
