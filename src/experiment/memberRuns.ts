// What a run of an ensemble does differently from a run of one posterior: it trains members, saves the state of each and keeps each
// that is done, goes on with those that are not, and tells of each in the manifest.

import { existsSync } from 'node:fs';
import type { Ensemble, Posterior } from '../core/posterior.ts';
import type { TrainingState } from '../core/trainingState.ts';
import { CheckpointError } from '../errors.ts';
import { memberSeed } from '../random/seed.ts';
import type { CheckpointOptions } from '../scheduler/checkpointer.ts';
import type { EnsembleOptions, Evaluation, MemberReport } from '../scheduler/options.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { writeFileAtomic } from './atomicFile.ts';
import { CheckpointStore, type FoundCheckpoint } from './checkpointStore.ts';
import type { ResolvedConfig } from './config.ts';
import type { MemberOutcome } from './manifest.ts';
import { makeMemberDirectory, memberDirectory, readMembers, writeMember } from './memberFiles.ts';
import { type EpochMetrics, readMetrics } from './metricsLog.ts';
import { posteriorDigest } from './posteriorFile.ts';
import { type PreparedRun, trainingData } from './runData.ts';

/** A line of metrics.jsonl as it is measured; `member` in ensembles only. */
export type RunReport = Omit<MemberReport, 'member'> & { readonly member?: number };

/** Where a member goes on: at its end, at a state, or (neither) at its beginning. */
export interface MemberPoint {
  readonly posterior: Posterior | null;
  readonly found: FoundCheckpoint | null;
  readonly store: CheckpointStore;
}

/** Members to train; null where one posterior is wanted, be it one member of an ensemble. */
export function memberCount({ ensemble }: ResolvedConfig): number | null {
  return ensemble === undefined || ensemble.member !== undefined ? null : ensemble.members;
}

/**
 * Where the members of the run in `dir` go on.
 * @throws CheckpointError if a file of a member is damaged beyond what is kept of it, or of another run
 */
export function memberPoints(
  dir: string,
  { config }: Pick<PreparedRun, 'config'>,
  seed: string,
  warn: (message: string) => void,
): MemberPoint[] {
  const members = memberCount(config) ?? 0;
  const done = readMembers(dir, members, seed);
  return Array.from({ length: members }, (_, m) => {
    const own = memberDirectory(dir, m);
    const store = new CheckpointStore(own, { keep: config.checkpoint.keep });
    const posterior = done.get(m) ?? null;
    return { posterior, store, found: posterior === null && existsSync(own) ? store.newest(warn) : null };
  });
}

/** Steps each member has behind it; all of them for one that is done. */
export function memberSteps(points: readonly MemberPoint[], { config, data }: PreparedRun): number[] {
  const { epochs, batchSize } = config.training;
  const all = epochs * Math.ceil(data.train.features.rows / batchSize);
  return points.map(({ posterior, found }) => (posterior === null ? (found?.state.step ?? 0) : all));
}

/** What the run around them does for members. */
export interface MemberWork {
  readonly dir: string;
  readonly points: readonly MemberPoint[];
  readonly checkpoint: Pick<CheckpointOptions, 'everySteps' | 'everySeconds'>;
  /** Kernels the states are made with. */
  readonly kernels: string | null;
  /** Called before and after a state is saved. */
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

/**
 * Cuts off each member's epochs that end after its step, which are going to be done again.
 * @returns the epochs that are left
 * @throws CheckpointError when the file is damaged or cannot be written
 */
export function cutMemberMetrics(path: string, steps: readonly number[]): EpochMetrics[] {
  if (!existsSync(path)) return [];
  const kept = readMetrics(path).filter(({ member = 0, step }) => step <= (steps[member] ?? 0));
  writeFileAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), CheckpointError);
  return kept;
}

/** Optimizer steps of all members together, and epochs that every one of them has done. */
export function progressOf(
  reports: readonly RunReport[],
  members: number | null,
): { steps: number; epochs: number } {
  const last = new Map(reports.map((report) => [report.member ?? 0, report]));
  const newest = Array.from({ length: members ?? 1 }, (_, m) => last.get(m));
  return {
    steps: newest.reduce((sum, report) => sum + (report?.step ?? 0), 0),
    epochs: newest.reduce((least, report) => Math.min(least, report?.epoch ?? 0), Number.POSITIVE_INFINITY),
  };
}

/** What the manifest says of each member. @param tests metrics of single members, where they were measured */
export function memberOutcomes(
  seed: string,
  members: number,
  posteriors: readonly Posterior[] = [],
  tests: readonly (Evaluation | null)[] = [],
): MemberOutcome[] {
  return Array.from({ length: members }, (_, m) => ({
    seed: memberSeed(seed, m),
    posteriorDigest: posteriors[m] === undefined ? null : posteriorDigest(posteriors[m]),
    test: tests[m] ? { ...tests[m] } : null,
  }));
}
