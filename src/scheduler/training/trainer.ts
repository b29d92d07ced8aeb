// Runs a training as stretches of steps on a team of workers; snapshots in between make a lost worker cost time, never bits, and
// saved states do the same for a lost process.

import { riseOf } from '../../core/klWeightings/index.ts';
import { parameterLayout } from '../../core/parameters.ts';
import type { Posterior } from '../../core/posterior.ts';
import { stepPlace, stepsPerEpoch, totalSteps } from '../../core/training/problem.ts';
import {
  EPOCH_RECORDS,
  STEP_RECORDS,
  type TrainingMemory,
  trainingMemory,
} from '../../core/training/trainingMemory.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { DivergedError, WorkerLostError } from '../../errors.ts';
import { LostRequestError } from '../../platform/platform.ts';
import { CONTROL, type PhaseTimes, type TrainReply } from '../../workers/protocol.ts';
import type { Loan } from '../arenas.ts';
import { onAbort } from '../cancellation.ts';
import { jobIn, type TrainerHost } from '../host.ts';
import type { Place } from '../seats.ts';
import { TeamRunner, type TrainingHooks } from '../teamRunner.ts';
import { teamSize } from '../tiles.ts';
import { type PosteriorNames, TrainingArena } from './arena.ts';
import { Checkpointer, type CheckpointOptions } from './checkpointer.ts';
import type { EpochSelector, Judgment } from './earlyStopping.ts';
import { Ledger } from './ledger.ts';
import type { PreparedTraining } from './prepared.ts';
import type { TrainingReport, TrainProgress } from './reports.ts';
import { resumeSelection, selectionExtra } from './selectionState.ts';

export interface TrainerOptions extends PosteriorNames {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Evaluates a posterior on held-out rows at the end of an epoch, or returns null when none is due. */
  readonly validate?: ((posterior: Posterior, epoch: number) => Promise<Judgment>) | undefined;
  readonly validateEvery?: number | undefined;
  readonly checkpoint?: CheckpointOptions | undefined;
  /** A state to resume from. */
  readonly resume?: TrainingState | undefined;
  readonly diagnoseEvery?: number | 'auto' | undefined;
  /** Says after a validation whether to stop. */
  readonly selector?: EpochSelector | null;
  /** Tests only. */
  readonly hooks?: TrainingHooks | undefined;
}

/** A stretch aims at this long: rare enough to cost nothing, often enough for a snapshot to be fresh. */
const STRETCH_MS = 250;
const SNAPSHOT_MS = 2_000;
/** Steps that lose a worker this often before they are passed are not bad luck. */
const MAX_LOSSES = 3;
const POLL_MS = 100;

export class Trainer {
  readonly #arena: TrainingArena;
  readonly #runner: TeamRunner;
  readonly #place: Place;
  readonly #perEpoch: number;
  readonly #steps: number;
  readonly #ledger: Ledger;
  readonly #checkpointer: Checkpointer | null;
  readonly #started: number;
  #snapshot: { step: number; bytes: Uint8Array; epochLoss: number; taken: number };
  #now = 0;
  /** Losses since the furthest step at which one happened was last passed. */
  #losses = 0;
  #lostBefore = 0;
  #msPerStep = 0;
  /** What a callback threw while steps were under way. */
  #thrown: { readonly error: unknown } | null = null;
  /** A state is being saved, or could not be. */
  #unsaved = false;
  /** Workers this training kept busy at most. */
  team = 0;
  /** Milliseconds per phase, summed over workers and steps. */
  readonly phases: { -readonly [K in keyof PhaseTimes]: number } = {
    prologue: 0,
    pass: 0,
    finish: 0,
    wait: 0,
  };

  /** @throws CheckpointError for a state to resume that belongs to another training; RangeError when there is no memory for it */
  static async create(
    prepared: PreparedTraining,
    host: TrainerHost,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const { problem } = prepared;
    const team = teamSize(problem, parameterLayout(problem.model), host.pool.size);
    // The last thread number is this thread's own, for what it computes between stretches.
    const memory = trainingMemory(problem, team + 1);
    const loan = await host.arenas.lend(memory.arena);
    try {
      return new Trainer(prepared, host, options, memory, loan, team);
    } catch (error) {
      host.arenas.giveBack(loan);
      throw error;
    }
  }

  private constructor(
    readonly prepared: PreparedTraining,
    readonly host: TrainerHost,
    readonly options: TrainerOptions,
    memory: TrainingMemory,
    readonly loan: Loan,
    team: number,
  ) {
    const { problem } = prepared;
    const { checkpoint, resume, hooks } = options;
    this.#started = performance.now() - 1000 * (resume?.seconds ?? 0);
    const arena = new TrainingArena(prepared, host.factory, host.compiled, memory, loan.arena);
    this.#arena = arena;
    this.#perEpoch = stepsPerEpoch(problem);
    this.#steps = totalSteps(problem);
    const risen = riseOf(problem.klWeighting, stepPlace(problem, this.#steps - 1));
    if (risen < 1) {
      host.warn(
        `train: the KL ends at ${risen.toPrecision(2)} of its full weight, so what is fitted is no ELBO — let it rise over fewer epochs`,
      );
    }
    this.#ledger = new Ledger(prepared, arena.memory, arena.arena, options.diagnoseEvery ?? 0, host.warn);
    const job = {
      kind: 'training',
      ...jobIn(host, loan),
      problem,
    } as const;
    const { pool, cores } = host;
    this.#runner = new TeamRunner(pool, job, arena.control, {
      cores,
      ...hooks,
      patience: hooks?.patience ?? host.patience,
    });
    if (resume !== undefined) {
      arena.resume(resume);
      this.#now = resume.step;
      this.#ledger.resume(resume.step, resume.epochLoss);
      this.#ledger.diagnosis.restore(resume);
      resumeSelection(options.selector ?? null, resume, problem);
    }
    this.#checkpointer = checkpoint === undefined ? null : new Checkpointer(checkpoint, this.#now);
    this.#snapshot = this.#takeSnapshot();
    this.#place = host.seats.join(team);
  }

  /**
   * Trains to the end, handing over a report after each epoch, and gives the memory back. To be called once.
   * @throws DivergedError, WorkerLostError, the signal's reason, or what saving a checkpoint or a callback threw
   */
  async run(report: (report: TrainingReport) => void): Promise<Posterior> {
    const { signal } = this.options;
    const uncancel = onAbort(signal, () => this.#cancel());
    try {
      signal?.throwIfAborted();
      while (this.#now < this.#steps && !this.options.selector?.stopped) {
        const from = this.#now;
        const ended = await this.#stretch(from, this.#stretchEnd(from));
        await this.#account(from, report);
        if (ended === 'diverged') throw this.#diverged();
        if (this.#thrown !== null || signal?.aborted) await this.#save();
        if (this.#thrown !== null) throw this.#thrown.error;
        signal?.throwIfAborted();
        if (this.#now < this.#steps && this.#checkpointer?.due(this.#now)) await this.#save();
        if (performance.now() - this.#snapshot.taken > SNAPSHOT_MS) this.#snapshot = this.#takeSnapshot();
      }
      return this.posterior();
    } catch (error) {
      await this.#saveBefore(error);
      throw error;
    } finally {
      this.#place.leave();
      this.host.arenas.giveBack(this.loan, this.host.pool.stuck);
      uncancel();
    }
  }

  /**
   * Where the next stretch ends: after STRETCH_MS or so, at an epoch that is to be validated or diagnosed, at a step whose state is to be saved, or
   * where records would be overwritten.
   */
  #stretchEnd(from: number): number {
    const { validate, validateEvery = 1 } = this.options;
    const count = this.#msPerStep === 0 ? 4 : Math.max(1, Math.floor(STRETCH_MS / this.#msPerStep));
    const end = Math.min(
      from + count,
      this.#steps,
      from + STEP_RECORDS,
      from + (EPOCH_RECORDS - 1) * this.#perEpoch,
      this.#checkpointer?.nextStop(from) ?? Number.POSITIVE_INFINITY,
      this.#ledger.diagnosis.nextStop(from),
    );
    if (validate === undefined) return end;
    const span = validateEvery * this.#perEpoch;
    return Math.min(end, (Math.floor(from / span) + 1) * span);
  }

  async #stretch(from: number, to: number): Promise<TrainReply['ended']> {
    const { control } = this.#arena;
    Atomics.store(control, CONTROL.stepsDone, from);
    const progress = this.options.onProgress;
    const tell = () => this.#tell(progress, Atomics.load(control, CONTROL.stepsDone));
    const timer = progress === undefined ? undefined : setInterval(tell, POLL_MS);
    let start = 0; // When workers are free: a wait for other trainings says nothing about a step.
    try {
      const size = this.#place.share();
      this.team = Math.max(this.team, size);
      const replies = await this.host.seats.hold(size, () => {
        start = performance.now();
        return this.#runner.run(from, to, size, this.#msPerStep);
      });
      if (replies instanceof LostRequestError) {
        this.#rollBack();
        this.#onLoss(from, to, replies);
        return 'aborted';
      }
      const [{ ended, step }] = replies;
      // Not at any success: after a roll-back the steps before the bad one succeed each time.
      if (step >= this.#lostBefore) this.#losses = 0;
      if (step > from) this.#msPerStep = (performance.now() - start) / (step - from);
      for (const { phases } of replies)
        for (const key of Object.keys(phases) as (keyof PhaseTimes)[]) this.phases[key] += phases[key];
      this.#now = step;
      return ended;
    } finally {
      clearInterval(timer);
      tell();
    }
  }

  /** Calls back, between two turns of the event loop: what that throws stops the steps and then ends the training. */
  #tell(progress: TrainerOptions['onProgress'], step: number): void {
    if (this.#thrown !== null) return;
    const epochs = { epoch: Math.floor(step / this.#perEpoch), epochs: this.prepared.problem.epochs };
    try {
      progress?.({ step, steps: this.#steps, ...epochs });
    } catch (error) {
      this.#thrown = { error };
      this.#cancel();
    }
  }

  /** Has the workers stop after their step. */
  #cancel(): void {
    Atomics.store(this.#arena.control, CONTROL.cancel, 1);
  }

  /** Counts a loss, after the roll-back; too many end the training. */
  #onLoss(from: number, to: number, reason: LostRequestError): void {
    this.#losses++;
    this.#lostBefore = Math.max(this.#lostBefore, to);
    if (this.#losses > MAX_LOSSES) {
      throw new WorkerLostError(
        `train: expected workers to survive steps from ${from}, got ${this.#losses} losses in a row (${reason.message}) — free memory or lower workers`,
        { cause: reason },
      );
    }
    this.host.warn(
      `train: a worker was lost near step ${from} (${reason.message}); resuming from step ${this.#now} with another`,
    );
  }

  #takeSnapshot() {
    const bytes = this.#arena.snapshot();
    return { step: this.#now, bytes, epochLoss: this.#ledger.epochLoss, taken: performance.now() };
  }

  #rollBack(): void {
    this.#arena.restore(this.#snapshot.bytes);
    this.#now = this.#snapshot.step;
    this.#ledger.epochLoss = this.#snapshot.epochLoss;
  }

  async #save(): Promise<void> {
    this.#unsaved = true;
    await this.#checkpointer?.save(this.#now, () => this.state());
    this.#unsaved = false;
  }

  /** Saves a state to resume from once the cause of `error` is gone. */
  async #saveBefore(error: unknown): Promise<void> {
    // A diverged state is of no use, one whose saving failed cannot be saved, and an interrupt has saved it.
    if (error instanceof DivergedError || this.#unsaved || this.options.signal?.aborted) return;
    // Not where it stands now: the epoch that ended it, in its validation or its report, is not reported yet.
    this.#rollBack();
    try {
      await this.#save();
    } catch (cause) {
      this.host.warn(`train: the state at step ${this.#now} could not be saved (${messageOf(cause)})`);
    }
  }

  /** Reports the epochs that the steps from … now − 1 completed. */
  async #account(from: number, report: (report: TrainingReport) => void): Promise<void> {
    const { validate, validateEvery = 1 } = this.options;
    for (const epoch of this.#ledger.enter(from, this.#now)) {
      if (!Number.isFinite(epoch.kl) && Number.isFinite(epoch.nll)) throw this.#diverged();
      const due =
        validate !== undefined &&
        (epoch.epoch % validateEvery === 0 || epoch.epoch === this.prepared.problem.epochs);
      report({
        ...epoch,
        ...(due ? await validate(this.posterior(), epoch.epoch) : { validation: null }),
        seconds: this.#seconds(),
      });
    }
  }

  #diverged(): DivergedError {
    const tensor = this.#arena.nonFiniteTensor();
    return new DivergedError(
      `train: expected finite numbers, got NaN or infinity in ${tensor} at step ${this.#now} — lower the learning rate or look for outliers in the data`,
      this.#now,
      tensor,
    );
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** q as it is now. */
  posterior(): Posterior {
    return this.#arena.posterior(this.options, this.#now);
  }

  /** Everything needed to resume from here, in memory of its own. */
  state(): TrainingState {
    const { tensors, extra } = selectionExtra(this.options.selector ?? null, this.prepared.problem);
    return {
      origin: this.#arena.origin(),
      step: this.#now,
      epochLoss: this.#ledger.epochLoss,
      seconds: this.#seconds(),
      tensors: [...this.#arena.tensors(), ...tensors],
      extra: { ...extra, ...this.#ledger.diagnosis.extra(Math.floor(this.#now / this.#perEpoch)) },
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
