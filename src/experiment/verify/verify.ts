// Trains a run again, as it was trained, into a directory of its own that is gone afterwards, and holds what the run saved to every
// bit of it: posterior, test metrics and the metrics of each epoch.

import { join } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { ScratchDirectory } from '../../files/scratchDirectory.ts';
import { readSafetensors } from '../../files/tensors/safetensorsFile.ts';
import { oneLine } from '../../messages.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { CheckpointStore, type FoundCheckpoint } from '../checkpoint/store.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PreparedRun } from '../run/data.ts';
import { RUN_FILES, type Run, RunWriter } from '../run/directory.ts';
import { readMetrics } from '../run/metricsLog.ts';
import { REPRODUCIBLE, type RepeatableRun } from '../run/repeatable.ts';
import type { ResumePoint } from '../run/resume.ts';
import { type TrainRunOptions, trainRun } from '../run/train.ts';
import { type Difference, placeOf } from './differences.ts';
import { memberOfRun, wholeRun } from './part.ts';

export interface VerifyOptions extends Pick<TrainRunOptions, 'signal' | 'onProgress' | 'onEpoch'> {
  /** Train only from this state of the run on, taken on trust like the epochs before it. */
  readonly from?: FoundCheckpoint;
  /** Of an ensemble: train this member alone, from 0, and compare what the run has of it. */
  readonly member?: number;
}

/** What training a run again came to. */
export interface Verification {
  /** Empty when all is the same; else the first place of each file that differs, the posterior's before the others. */
  readonly differences: readonly Difference[];
  /** Of the posterior trained now. */
  readonly posteriorDigest: string;
  /** Of posterior.safetensors as it is, or of the member's part of it. */
  readonly savedDigest: string;
  /** What the manifest says of it. */
  readonly recordedDigest: string | null;
  /** Test metrics of the posterior trained now. */
  readonly test: Manifest['test'];
}

/**
 * Trains the run again on this runtime, whatever its backend and workers, and compares.
 * @throws ConfigError for a backend that is not reproducible; CheckpointError when a file of the run cannot be read at all; whatever
 * training throws
 */
export async function verifyRun(
  repeatable: RepeatableRun,
  runtime: Runtime,
  { from, member, ...options }: VerifyOptions = {},
): Promise<Verification> {
  if (!REPRODUCIBLE.includes(runtime.backend)) {
    throw new ConfigError(
      `--backend: expected one whose bits are the same everywhere (${REPRODUCIBLE.join(', ')}), got ${runtime.backend} — use one of these`,
    );
  }
  // Read first: a file that is not there should not take a training to find out.
  const part = member === undefined ? wholeRun(repeatable) : memberOfRun(repeatable, member);
  const scratch = new ScratchDirectory('varpool-verify-');
  try {
    const again = new RunWriter(scratch.dir);
    const training = silent(part.prepared);
    const { manifest } = await trainRun(training, runtime, again, {
      ...options,
      ...(from === undefined ? {} : { resume: resumePoint(repeatable.run, training, again, from) }),
    });
    const posterior = readSafetensors(again.path('posterior'));
    const differences = part.differences({ posterior, manifest, lines: readMetrics(again.path('metrics')) });
    return {
      differences: differences.filter((difference) => difference !== null),
      posteriorDigest: manifest.posteriorDigest as string,
      savedDigest: part.savedDigest,
      recordedDigest: part.recordedDigest,
      test: manifest.test,
    };
  } finally {
    scratch.remove();
  }
}

/** Output that would never be read is not written. */
function silent(prepared: PreparedRun): PreparedRun {
  return { ...prepared, config: { ...prepared.config, logging: { tensorboard: false } } };
}

/** A run as it was when its training had come to a state, in another directory. */
function resumePoint(run: Run, prepared: PreparedRun, again: RunWriter, from: FoundCheckpoint): ResumePoint {
  const { step } = from.state;
  for (const line of run.metrics()) if (line.step <= step) again.logEpoch(line);
  const points = [{ posterior: null, found: from, store: new CheckpointStore(again.dir), step }];
  return { prepared, run: again, manifest: run.manifest, points, posterior: null };
}

/** One line for people: the first file, tensor and index that differs, both values, and what to make of it. */
export function describeDifference({ run }: RepeatableRun, verification: Verification): string {
  const [difference] = verification.differences;
  const { file, saved, recomputed, count } = difference;
  const more = count > 1 ? ` (and ${count - 1} more in this file)` : '';
  const where = `${join(run.dir, file)}: ${placeOf(difference)}`;
  return oneLine(
    `${where}: expected ${saved} as saved, got ${recomputed} when trained again${more} — ${verdict(verification)}`,
  );
}

/** Which of the three digests stands alone: that of the manifest, of the file, of the training now. */
function verdict({
  differences,
  posteriorDigest: now,
  savedDigest,
  recordedDigest: then,
}: Verification): string {
  const { file } = differences[0];
  if (now !== then && savedDigest === then)
    return 'other bits were made here than by the run, which is a bug: report it with both manifests';
  if (now !== then && savedDigest !== now)
    return `both the file and the bits made here differ from ${RUN_FILES.manifest}`;
  const source = now === then ? `digest in ${RUN_FILES.manifest}` : 'saved posterior';
  return `training gives the ${source}, so ${file} was changed after the run`;
}
