// What of a run is verified: all of it, or one member of its ensemble; how it is trained, and what its files are compared with.

import type { Safetensors } from '../../files/tensors/safetensors.ts';
import { dataSectionSha256, readSafetensors } from '../../files/tensors/safetensorsFile.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PreparedRun } from '../run/data.ts';
import type { EpochMetrics } from '../run/metricsLog.ts';
import type { RepeatableRun } from '../run/repeatable.ts';
import {
  type Difference,
  epochsDifference,
  manifestDifference,
  memberDifference,
  posteriorDifference,
} from './differences.ts';
import { asMemberLines, asMemberOutcome, asMemberPart, memberAlone, memberPart } from './memberOfRun.ts';

/** The files of a training. */
export interface Result {
  readonly posterior: Safetensors;
  readonly manifest: Manifest;
  readonly lines: readonly EpochMetrics[];
}

export interface Part {
  /** The training that makes it. */
  readonly prepared: PreparedRun;
  /** Of the tensors the run saved, and as its manifest has it. */
  readonly savedDigest: string;
  readonly recordedDigest: string | null;
  /** Where the run's files and those of a training now are not the same; null for each file that is. */
  differences(now: Result): (Difference | null)[];
}

/** @throws CheckpointError when a file of the run cannot be read */
export function wholeRun({ run, prepared }: RepeatableRun): Part {
  const posterior = readSafetensors(run.path('posterior'));
  const lines = run.metrics();
  return {
    prepared,
    savedDigest: dataSectionSha256(posterior.tensors),
    recordedDigest: run.manifest.posteriorDigest,
    differences: (now) => [
      posteriorDifference(posterior, now.posterior),
      manifestDifference(run.manifest, now.manifest),
      lines.length === 0 ? null : epochsDifference(lines, now.lines),
    ],
  };
}

/** A member that is trained alone. @throws CheckpointError when a file of the run cannot be read */
export function memberOfRun({ run, prepared }: RepeatableRun, member: number): Part {
  const posterior = memberPart(readSafetensors(run.path('posterior')), member);
  const lines = run.metrics();
  const told = run.manifest.members?.[member];
  return {
    prepared: memberAlone(prepared, member),
    savedDigest: dataSectionSha256(posterior.tensors),
    recordedDigest: told?.posteriorDigest ?? null,
    differences: (now) => [
      posteriorDifference(posterior, asMemberPart(now.posterior, member)),
      told === undefined ? null : memberDifference(told, asMemberOutcome(now.manifest), member),
      lines.length === 0 ? null : epochsDifference(lines, asMemberLines(now.lines, member), member),
    ],
  };
}
