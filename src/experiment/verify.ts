// Trains a run again, as it was trained, into a directory of its own that is gone afterwards, and holds what the run saved to every
// bit of it: posterior, test metrics and the metrics of each epoch.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainingState } from '../core/trainingState.ts';
import { CheckpointError, ConfigError } from '../errors.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { CheckpointStore } from './checkpointStore.ts';
import { oneLine } from './configProblems.ts';
import {
  type Difference,
  epochsDifference,
  manifestDifference,
  placeOf,
  posteriorDifference,
} from './differences.ts';
import { fileProblem } from './fileProblems.ts';
import type { Manifest } from './manifest.ts';
import { readMetrics } from './metricsLog.ts';
import { REPRODUCIBLE, type RepeatableRun } from './repeatable.ts';
import type { ResumePoint } from './resumeRun.ts';
import { RUN_FILES, type Run, RunWriter } from './run.ts';
import type { PreparedRun } from './runData.ts';
import { dataSectionSha256, readSafetensors } from './safetensors.ts';
import { type TrainRunOptions, trainRun } from './trainRun.ts';

export interface VerifyOptions extends Pick<TrainRunOptions, 'signal' | 'onProgress' | 'onEpoch'> {
  /** Train only from this state of the run on, taken on trust like the epochs before it. */
  readonly from?: TrainingState;
}

/** What training a run again came to. */
export interface Verification {
  /** Empty when all is the same; else the first place of each file that differs, the posterior's before the others. */
  readonly differences: readonly Difference[];
  /** Of the posterior trained now. */
  readonly posteriorDigest: string;
  /** Of posterior.safetensors as it is. */
  readonly savedDigest: string;
  /** Test metrics of the posterior trained now. */
  readonly test: Manifest['test'];
}

/**
 * Trains the run again on this runtime, whatever its backend and workers, and compares.
 * @throws ConfigError for a backend that is not reproducible; CheckpointError when a file of the run cannot be read at all; whatever
 * training throws
 */
export async function verifyRun(
  { run, prepared }: RepeatableRun,
  runtime: Runtime,
  { from, ...options }: VerifyOptions = {},
): Promise<Verification> {
  if (!REPRODUCIBLE.includes(runtime.backend)) {
    throw new ConfigError(
      `--backend: expected one whose bits are the same everywhere (${REPRODUCIBLE.join(', ')}), got ${runtime.backend} — use one of these`,
    );
  }
  // Read first: a file that is not there should not take a training to find out.
  const saved = readSafetensors(run.path('posterior'));
  const epochs = run.metrics();
  const dir = temporaryDirectory();
  try {
    const again = new RunWriter(dir);
    const { manifest } = await trainRun(prepared, runtime, again, {
      ...options,
      ...(from === undefined ? {} : { resume: resumePoint(run, prepared, again, from) }),
    });
    const differences = [
      posteriorDifference(saved, readSafetensors(again.path('posterior'))),
      manifestDifference(run.manifest, manifest),
      epochs.length === 0 ? null : epochsDifference(epochs, readMetrics(again.path('metrics'))),
    ];
    return {
      differences: differences.filter((difference) => difference !== null),
      posteriorDigest: manifest.posteriorDigest as string,
      savedDigest: dataSectionSha256(saved.tensors),
      test: manifest.test,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A run as it was when its training had come to a state, in another directory. */
function resumePoint(run: Run, prepared: PreparedRun, again: RunWriter, state: TrainingState): ResumePoint {
  for (const { epoch, step, ...metrics } of run.metrics())
    if (step <= state.step) again.logEpoch({ epoch, step, ...metrics });
  const store = new CheckpointStore(again.dir);
  return { prepared, run: again, manifest: run.manifest, store, state, posterior: null, members: null };
}

function temporaryDirectory(): string {
  const start = join(tmpdir(), 'varpool-verify-');
  try {
    return mkdtempSync(start);
  } catch (cause) {
    throw fileProblem(CheckpointError, `${start}…`, 'a directory that can be made', 'write', cause);
  }
}

/** One line for people: the first file, tensor and index that differs, both values, and what to make of it. */
export function describeDifference({ run }: RepeatableRun, verification: Verification): string {
  const [difference] = verification.differences;
  const { file, saved, recomputed, count } = difference;
  const more = count > 1 ? ` (and ${count - 1} more in this file)` : '';
  const where = `${join(run.dir, file)}: ${placeOf(difference)}`;
  return oneLine(
    `${where}: expected ${saved} as saved, got ${recomputed} when trained again${more} — ${verdict(run.manifest.posteriorDigest, verification)}`,
  );
}

/** Which of the three digests stands alone: that of the manifest, of the file, of the training now. */
function verdict(
  then: string | null,
  { differences, posteriorDigest: now, savedDigest }: Verification,
): string {
  const { file } = differences[0];
  if (now !== then && savedDigest === then)
    return 'other bits were made here than by the run, which is a bug: report it with both manifests';
  if (now !== then && savedDigest !== now)
    return `both the file and the bits made here differ from ${RUN_FILES.manifest}`;
  const source = now === then ? `digest in ${RUN_FILES.manifest}` : 'saved posterior';
  return `training gives the ${source}, so ${file} was changed after the run`;
}
