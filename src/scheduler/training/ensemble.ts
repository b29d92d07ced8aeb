// Trains the members of an ensemble: which run at the same time, how one's failure ends the others, progress of all together.
// A member is a training like any other; how workers are shared out among them is the seats' business.

import { parameterLayout } from '../../core/parameters.ts';
import type { Posterior } from '../../core/posterior.ts';
import { ensembleOf, likelihoodShape } from '../../core/posteriors/ensembleOf.ts';
import { totalSteps } from '../../core/training/problem.ts';
import { trainingMemory } from '../../core/training/trainingMemory.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { DivergedError, WorkerLostError } from '../../errors.ts';
import { memberSeed } from '../../random/seed.ts';
import type { PhaseTimes } from '../../workers/protocol.ts';
import type { TrainerHost } from '../host.ts';
import { teamSize } from '../tiles.ts';
import type { CheckpointOptions } from './checkpointer.ts';
import type { PreparedTraining } from './prepared.ts';
import type { MemberReport, TrainingReport, TrainProgress } from './reports.ts';
import type { EnsembleResult, TrainingResult } from './run.ts';

export { memberSeed };

/** How the state of a member is saved, and the one it resumes from. */
interface MemberState {
  readonly checkpoint?: CheckpointOptions | undefined;
  readonly resume?: TrainingState | undefined;
}

/** What differs between members besides the seed. */
interface MemberOptions extends MemberState {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onReport: (report: TrainingReport) => void;
}

/** The options of an ensemble that its members do not see. */
export interface MembersOptions {
  readonly members: number;
  readonly trained?: ReadonlyMap<number, Posterior> | undefined;
  readonly onMember?: ((member: number, posterior: Posterior) => void) | undefined;
  readonly onReport?: ((report: MemberReport) => void) | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  readonly memberOptions?: ((member: number) => MemberState) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Trains one member; the runtime's own way to train. */
type Train = (
  host: TrainerHost,
  prepared: PreparedTraining,
  options: MemberOptions,
  report: (report: TrainingReport) => void,
) => Promise<TrainingResult>;

/** Memory that members beyond one a worker may take together. */
const SPARE_BYTES = 256 << 20;

/**
 * Members to train at the same time. One a worker keeps all of them busy without a barrier. More than that, in turns, end more evenly
 * (5 on 2 workers take 2.5 trainings' time, not 3), which costs memory: as many as are small.
 * @param bytes memory of one member's training
 */
export function membersAtOnce(M: number, workers: number, bytes: number, available: number): number {
  const wanted = Math.max(workers, Math.floor(SPARE_BYTES / bytes));
  return Math.max(1, Math.min(M, wanted, Math.floor(available / 2 / bytes)));
}

/** @throws DivergedError, WorkerLostError, both naming the member, or the signal's reason, once no member is running */
export async function trainMembers(
  host: TrainerHost,
  prepared: PreparedTraining,
  options: MembersOptions,
  report: (report: MemberReport) => void,
  train: Train,
): Promise<EnsembleResult> {
  const { members: M, trained, onMember, signal, memberOptions: of = () => ({}) } = options;
  const done = new Map<number, Posterior>();
  const todo: number[] = [];
  for (let m = 0; m < M; m++) {
    const there = trained?.get(m);
    if (there === undefined) todo.push(m);
    else done.set(m, there);
  }
  checkTrained(prepared, done);
  const phases = { prologue: 0, pass: 0, finish: 0, wait: 0 };
  const failure = new AbortController();
  const both = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  const progress = new MemberProgress(prepared, done, of, options);
  const one = async (m: number) => {
    const problem = { ...prepared.problem, seed: memberSeed(prepared.problem.seed, m) };
    const { posterior, phases: own } = await train(
      { ...host, warn: (message) => host.warn(named(message, m)) },
      { ...prepared, problem },
      {
        ...of(m),
        signal: both,
        ...(options.onProgress === undefined ? {} : { onProgress: progress.of(m) }),
        onReport: (epoch) => options.onReport?.({ member: m, ...epoch }),
      },
      (epoch) => report({ member: m, ...epoch }),
    );
    for (const key of Object.keys(own) as (keyof PhaseTimes)[]) phases[key] += own[key];
    done.set(m, posterior);
    progress.end(m);
    onMember?.(m, posterior);
  };
  const lane = async () => {
    for (let m = todo.shift(); m !== undefined; m = todo.shift()) {
      try {
        await one(m);
      } catch (error) {
        // The first failure is the run's; the others only follow from it.
        todo.length = 0;
        failure.abort(naming(error, m));
      }
    }
  };
  const team = teamSize(prepared.problem, parameterLayout(prepared.problem.model), host.pool.size);
  const { bytes } = trainingMemory(prepared.problem, team + 1).arena;
  const atOnce = Math.min(todo.length, membersAtOnce(M, host.pool.size, bytes, host.availableMemory()));
  await Promise.all(Array.from({ length: atOnce }, lane));
  failure.signal.throwIfAborted();
  const posteriors = Array.from({ length: M }, (_, m) => done.get(m) as Posterior);
  return { posterior: ensembleOf(posteriors), phases, atOnce };
}

/** Members that are there must fit those to come: found out now, not when these are trained. */
function checkTrained({ problem }: PreparedTraining, done: ReadonlyMap<number, Posterior>): void {
  for (const [m, { model, likelihood }] of done) {
    const shape = `${model.inputSize} inputs, ${model.outputSize} outputs, ${likelihoodShape(likelihood)}`;
    const wanted = `${problem.model.inputSize} inputs, ${problem.model.outputSize} outputs, ${likelihoodShape(problem.likelihood)}`;
    if (shape === wanted) continue;
    throw new RangeError(
      `train: trained: expected members of ${wanted}, got ${shape} in member ${m} — pass members of this model and data`,
    );
  }
}

/** A message of training with the member it is about. */
function named(message: string, m: number): string {
  return message.replace(/^train: /, `train: member ${m}: `);
}

/** The error with the member it is about. */
function naming(error: unknown, m: number): unknown {
  if (error instanceof DivergedError)
    return new DivergedError(named(error.message, m), error.step, error.tensor, m);
  if (error instanceof WorkerLostError) return new WorkerLostError(named(error.message, m), { cause: error });
  return error;
}

/** Steps of all members together; the epoch is that of the member that is least far. */
class MemberProgress {
  readonly #steps: number[];
  readonly #each: number;

  constructor(
    readonly prepared: PreparedTraining,
    done: ReadonlyMap<number, unknown>,
    of: NonNullable<MembersOptions['memberOptions']>,
    readonly options: MembersOptions,
  ) {
    this.#each = totalSteps(prepared.problem);
    this.#steps = Array.from({ length: options.members }, (_, m) =>
      done.has(m) ? this.#each : (of(m).resume?.step ?? 0),
    );
  }

  of(member: number): (progress: TrainProgress) => void {
    return ({ step, epochs }) => {
      this.#steps[member] = step;
      this.#tell(epochs);
    };
  }

  /** One that stopped early has no more steps to do. */
  end(member: number): void {
    if (this.#steps[member] === this.#each) return;
    this.#steps[member] = this.#each;
    this.#tell(this.prepared.problem.epochs);
  }

  #tell(epochs: number): void {
    const least = this.#steps.reduce((a, b) => Math.min(a, b));
    this.options.onProgress?.({
      step: this.#steps.reduce((a, b) => a + b),
      steps: this.#steps.length * this.#each,
      epoch: Math.floor((least * epochs) / this.#each),
      epochs,
    });
  }
}
