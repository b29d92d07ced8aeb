// What a run trains, one posterior or the members of an ensemble, as the rest of `experiment/` sees it: a list of trainings, each with
// a seed, a directory of states and a point from which it resumes. Only the files beside this one know which of the two it is.

import { existsSync } from 'node:fs';
import type { AnyPosterior, Posterior } from '../../core/posterior.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import type { TrainOptions } from '../../runtime/options.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { CheckpointOptions } from '../../scheduler/training/checkpointer.ts';
import type { Evaluation, MemberReport } from '../../scheduler/training/reports.ts';
import { CheckpointStore, type FoundCheckpoint } from '../checkpoint/store.ts';
import type { Manifest, RunOutcome } from '../manifest/manifest.ts';
import type { PreparedRun } from '../run/data.ts';
import type { EpochMetrics } from '../run/metricsLog.ts';

/** A line of metrics.jsonl as it is measured; `member` in ensembles only. */
export type RunReport = Omit<MemberReport, 'member'> & { readonly member?: number };

/** Where one training of a run resumes: at its end, at a state, or (neither) at its beginning. */
export interface TrainingPoint {
  /** Of a training that is done while others of its run are not. */
  readonly posterior: Posterior | null;
  readonly found: FoundCheckpoint | null;
  readonly store: CheckpointStore;
  /** Steps done. */
  readonly step: number;
}

/** What a run has to do, and what happens to what is trained. */
export interface TrainingWork {
  readonly prepared: PreparedRun;
  readonly runtime: Runtime;
  readonly dir: string;
  readonly points: readonly TrainingPoint[];
  readonly options: TrainOptions & { readonly onReport: (report: RunReport) => void };
  readonly checkpoint: Pick<CheckpointOptions, 'everySteps' | 'everySeconds'>;
  /** Called before a training leaves anything in the run directory. @throws where it must not */
  beforeSave(): void;
  /** Saves a state of training m. */
  save(m: number, state: TrainingState): void;
}

/** What is known of the trainings of a run, finished or not. */
export interface TrainingFacts {
  readonly reports: readonly RunReport[];
  /** What an earlier life of the run wrote down. */
  readonly before: Pick<Manifest, 'selection' | 'members'>;
  /** Null before the end of training. */
  readonly posterior: AnyPosterior | null;
  /** Metrics of each of `parts`, where they were measured. */
  readonly tests: readonly (Evaluation | null)[];
}

export interface Trainings {
  readonly count: number;
  /** Members that a user may name; undefined where there are none. */
  readonly members: number | undefined;
  /**
   * Seed of the training that a user means.
   * @param seed of the run
   * @throws ConfigError where the run has no such member, or has members and none is named
   */
  seedOf(seed: string, member: number | undefined): string;
  /** Where the states of training m are kept. */
  directory(dir: string, m: number): string;
  /**
   * Trainings that are done, where they leave a file each.
   * @param warn called for each damaged file, whose training is repeated
   * @throws CheckpointError if a file is of another run or of a later format
   */
  finished(dir: string, warn: (message: string) => void): ReadonlyMap<number, Posterior>;
  train(work: TrainingWork): Promise<AnyPosterior>;
  /** The posteriors that are measured besides the one of the run. */
  parts(posterior: AnyPosterior): readonly Posterior[];
  /** What the manifest says of the trainings. */
  record(facts: TrainingFacts): Pick<RunOutcome, 'selection' | 'members'>;
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
 * Where the trainings of the run in `dir` resume.
 * @param warn receives messages about damaged files that are skipped
 * @param known.lines those of metrics.jsonl
 * @param known.trained all trainings have ended, whether or not files of theirs are left
 * @throws CheckpointError if all checkpoints of a training are damaged, or a file is of another run
 */
export function pointsOnDisk(
  trainings: Trainings,
  dir: string,
  { config, data }: Pick<PreparedRun, 'config' | 'data'>,
  warn: (message: string) => void = () => undefined,
  {
    lines = [],
    trained = false,
  }: { readonly lines?: readonly EpochMetrics[]; readonly trained?: boolean } = {},
): TrainingPoint[] {
  const done = trained ? new Map<number, Posterior>() : trainings.finished(dir, warn);
  const own = reportsByMember(lines);
  const { epochs, batchSize } = config.training;
  const all = epochs * Math.ceil(data.train.features.rows / batchSize);
  // One that stopped early was done before the last step.
  const end = (m: number) => own.get(m)?.find(({ stopped }) => stopped !== undefined)?.step ?? all;
  return Array.from({ length: trainings.count }, (_, m) => {
    const store = new CheckpointStore(trainings.directory(dir, m), { keep: config.checkpoint.keep });
    const posterior = done.get(m) ?? null;
    const found = posterior === null && existsSync(store.dir) ? store.newest(warn) : null;
    const step = posterior !== null || trained ? end(m) : (found?.state.step ?? 0);
    return { posterior, store, found, step };
  });
}

/**
 * Optimizer steps of all trainings together, and epochs that every one of them has done.
 * @param saved steps of the newest state of each, which may be past its newest report
 */
export function progressOf(
  reports: readonly RunReport[],
  saved: readonly number[],
): { steps: number; epochs: number } {
  const own = reportsByMember(reports);
  const newest = saved.map((_, m) => own.get(m)?.at(-1));
  return {
    steps: saved.reduce((sum, step, m) => sum + Math.max(step, newest[m]?.step ?? 0), 0),
    epochs: newest.reduce((least, report) => Math.min(least, report?.epoch ?? 0), Number.POSITIVE_INFINITY),
  };
}

/** How a training takes up the state of its point and has new ones saved. */
export function stateOptions({ points, checkpoint }: TrainingWork, m: number, save: TrainingWork['save']) {
  const { found } = points[m];
  return {
    ...(found === null ? {} : { resume: found.state }),
    checkpoint: { ...checkpoint, save: (state: TrainingState) => save(m, state) },
  };
}
