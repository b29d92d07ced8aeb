// What a run of an ensemble does differently from a run of one posterior: it trains members, saves the state of each and keeps each
// that is done, resumes those that are not, and records each in the manifest.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Ensemble, Posterior } from '../../core/posterior.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { memberSeed } from '../../random/seed.ts';
import type { EnsembleOptions } from '../../runtime/options.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { CheckpointOptions } from '../../scheduler/training/checkpointer.ts';
import type { Evaluation, MemberReport } from '../../scheduler/training/reports.ts';
import { CheckpointStore, type FoundCheckpoint } from '../checkpoint/store.ts';
import type { ResolvedConfig } from '../config/config.ts';
import type { MemberOutcome } from '../manifest/manifest.ts';
import { onlySelection, selectionRecord } from '../manifest/selectionRecord.ts';
import { posteriorDigest } from '../posterior/saved.ts';
import { type PreparedRun, trainingData, trainingSeed } from '../run/data.ts';
import { readMetrics } from '../run/metricsLog.ts';
import { makeMemberDirectory, memberDirectory, readMembers, writeMember } from './memberFiles.ts';

const RUN_METRICS = 'metrics.jsonl';

/** A line of metrics.jsonl as it is measured; `member` in ensembles only. */
export type RunReport = Omit<MemberReport, 'member'> & { readonly member?: number };

/** Where a member resumes: at its end, at a state, or (neither) at its beginning. */
export interface MemberPoint {
  readonly posterior: Posterior | null;
  readonly found: FoundCheckpoint | null;
  readonly store: CheckpointStore;
  /** Steps it has behind it. */
  readonly step: number;
}

/** Members to train; null where one posterior is wanted, be it one member of an ensemble. */
export function memberCount({ ensemble }: ResolvedConfig): number | null {
  return ensemble === undefined || ensemble.member !== undefined ? null : ensemble.members;
}

/** Reports by member, each member's in their order; those of a training of one posterior are all of member 0. */
export function reportsByMember<Report extends { readonly member?: number | undefined }>(
  reports: readonly Report[],
): Map<number, Report[]> {
  const byMember = new Map<number, Report[]>();
  for (const report of reports) {
    const own = byMember.get(report.member ?? 0);
    if (own === undefined) byMember.set(report.member ?? 0, [report]);
    else own.push(report);
  }
  return byMember;
}

/**
 * Where the members of the run in `dir` go on.
 * @param trained all of them have come to their end, whatever is left of their own files
 * @param warn receives messages about damaged files that are skipped
 * @throws CheckpointError if all checkpoints of a member are damaged, or a file is of another run
 */
export function memberPoints(
  dir: string,
  { config, data }: Pick<PreparedRun, 'config' | 'data'>,
  seed: string,
  warn: (message: string) => void,
  trained = false,
): MemberPoint[] {
  const members = memberCount(config) ?? 0;
  const done = trained ? new Map<number, Posterior>() : readMembers(dir, members, seed, warn);
  const metrics = join(dir, RUN_METRICS);
  // Of damaged lines those are told who cut them off.
  const lines = reportsByMember(existsSync(metrics) ? readMetrics(metrics, () => undefined) : []);
  const { epochs, batchSize } = config.training;
  const all = epochs * Math.ceil(data.train.features.rows / batchSize);
  // One that stopped early was done before the last step.
  const end = (m: number) => lines.get(m)?.find(({ stopped }) => stopped !== undefined)?.step ?? all;
  return Array.from({ length: members }, (_, m) => {
    const own = memberDirectory(dir, m);
    const store = new CheckpointStore(own, { keep: config.checkpoint.keep });
    const posterior = done.get(m) ?? null;
    const found = posterior === null && existsSync(own) ? store.newest(warn) : null;
    const step = posterior !== null || trained ? end(m) : (found?.state.step ?? 0);
    return { posterior, store, found, step };
  });
}

/** What the run around them does for members. */
export interface MemberWork {
  readonly dir: string;
  readonly points: readonly MemberPoint[];
  readonly checkpoint: Pick<CheckpointOptions, 'everySteps' | 'everySeconds'>;
  /** Kernels the states are made with. */
  readonly kernels: string | null;
  /** Called before and after a state is saved, and before a member that is done is. */
  beforeSave(): void;
  afterSave(member: number, state: TrainingState): void;
}

/** Trains the members that are not done, from where they are, and keeps each as it is done. */
export async function trainMemberRuns(
  prepared: PreparedRun,
  runtime: Runtime,
  options: Omit<EnsembleOptions, 'members'>,
  { dir, points, checkpoint, kernels, beforeSave, afterSave }: MemberWork,
): Promise<Ensemble> {
  return runtime.trainEnsemble(prepared.model, trainingData(prepared.data.train), {
    ...options,
    members: points.length,
    trained: new Map(
      [...points.entries()].flatMap(([m, { posterior }]) => (posterior === null ? [] : [[m, posterior]])),
    ),
    onMember: (m, posterior) => {
      // Its lines tell which epoch was kept: they must not be lost before it is.
      beforeSave();
      writeMember(dir, m, posterior);
      points[m].store.clear();
    },
    memberOptions: (m) => {
      const { found, store } = points[m];
      const save = (state: TrainingState) => {
        beforeSave();
        makeMemberDirectory(dir, m);
        store.save(state, kernels);
        afterSave(m, state);
      };
      return {
        ...(found === null ? {} : { resume: found.state }),
        checkpoint: { ...checkpoint, save },
      };
    },
  });
}

/** Optimizer steps of all members together, and epochs that every one of them has done. */
export function progressOf(
  reports: readonly RunReport[],
  members: number | null,
): { steps: number; epochs: number } {
  const own = reportsByMember(reports);
  const newest = Array.from({ length: members ?? 1 }, (_, m) => own.get(m)?.at(-1));
  return {
    steps: newest.reduce((sum, report) => sum + (report?.step ?? 0), 0),
    epochs: newest.reduce((least, report) => Math.min(least, report?.epoch ?? 0), Number.POSITIVE_INFINITY),
  };
}

/** What is known of members that are trained, or being trained. */
export interface MemberFacts {
  readonly reports: readonly RunReport[];
  /** What an earlier life of the run wrote down. */
  readonly before: readonly MemberOutcome[];
  readonly posteriors?: readonly Posterior[];
  /** Metrics of single members, where they were measured. */
  readonly tests?: readonly (Evaluation | null)[];
}

/** What the manifest says of each member. */
export function memberOutcomes(
  config: ResolvedConfig,
  members: number,
  { reports, before, posteriors = [], tests = [] }: MemberFacts,
): MemberOutcome[] {
  const seed = trainingSeed(config);
  const own = reportsByMember(reports);
  return Array.from({ length: members }, (_, m) => {
    const posterior = posteriors[m];
    const known = before[m]?.selection ?? (posterior === undefined ? null : onlySelection(config));
    return {
      seed: memberSeed(seed, m),
      posteriorDigest: posterior === undefined ? null : posteriorDigest(posterior),
      test: tests[m] ? { ...tests[m] } : null,
      selection: selectionRecord(own.get(m) ?? [], config, known),
    };
  });
}
