// Runs a training as stretches of steps on a team of workers; snapshots in between make a lost worker cost time, never bits.

import { Arena } from '../backend/arena.ts';
import type { BackendFactory } from '../backend/backend.ts';
import { adviseHugePages } from '../backend/hugePages.node.ts';
import { initializeParameters } from '../core/gaussian.ts';
import { createLikelihood } from '../core/likelihoods/likelihood.ts';
import { firstNonFinite, unpackLayer } from '../core/parameters.ts';
import type { Posterior } from '../core/posterior.ts';
import { stepsPerEpoch, totalSteps } from '../core/problem.ts';
import { standardizeInto } from '../core/standardize.ts';
import { TrainingStep } from '../core/step.ts';
import {
  CONTROL_WORDS,
  EPOCH_RECORDS,
  STEP_RECORDS,
  type TrainingMemory,
  trainingMemory,
} from '../core/trainingMemory.ts';
import { DivergedError, WorkerLostError } from '../errors.ts';
import { seedKey } from '../random/seed.ts';
import {
  CONTROL,
  type Fault,
  type PhaseTimes,
  type TrainingJob,
  type TrainReply,
} from '../workers/protocol.ts';
import { Ledger } from './ledger.ts';
import type { Evaluation, TrainingReport, TrainProgress } from './options.ts';
import { LostRequestError, type WorkerPool } from './pool.ts';
import type { PreparedTraining } from './prepare.ts';
import { teamSize } from './tiles.ts';

/** What training needs of the runtime around it. */
export interface TrainerHost {
  readonly pool: WorkerPool;
  readonly factory: BackendFactory;
  readonly compiled: unknown;
  /** Cores of the machine. */
  readonly cores: number;
  nextJobId(): number;
  /** Only one team of several at a time: members wait for each other, so two half-started teams would wait forever. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  warn(message: string): void;
}

export interface TrainerOptions {
  readonly classNames: readonly string[] | null;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Evaluates a posterior on held-out rows at the end of an epoch, or returns null when none is due. */
  readonly validate?: ((posterior: Posterior, epoch: number) => Promise<Evaluation>) | undefined;
  readonly validateEvery?: number | undefined;
  readonly diagnoseEvery?: number | 'auto' | undefined;
  /** Tests only: faults to inject, each once. */
  readonly faults?: Fault[] | undefined;
}

/** A stretch aims at this long: rare enough to cost nothing, often enough for a snapshot to be fresh. */
const STRETCH_MS = 250;
const SNAPSHOT_MS = 2_000;
/** Steps that lose a worker this often before they are passed are not bad luck. */
const MAX_LOSSES = 3;
const POLL_MS = 100;

export class Trainer {
  readonly #memory: TrainingMemory;
  readonly #arena: Arena;
  readonly #step: TrainingStep;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #job: TrainingJob;
  readonly #team: number;
  readonly #perEpoch: number;
  readonly #steps: number;
  readonly #ledger: Ledger;
  readonly #started = performance.now();
  #snapshot: { step: number; bytes: Uint8Array; epochLoss: number; taken: number };
  #now = 0;
  /** Losses since the furthest step at which one happened was last passed. */
  #losses = 0;
  #lostBefore = 0;
  #msPerStep = 0;
  /** Milliseconds per phase, summed over workers and steps. */
  readonly phases: { -readonly [K in keyof PhaseTimes]: number } = {
    prologue: 0,
    pass: 0,
    finish: 0,
    wait: 0,
  };

  constructor(
    readonly prepared: PreparedTraining,
    readonly host: TrainerHost,
    readonly options: TrainerOptions,
  ) {
    const { problem } = prepared;
    // The last thread number is this thread's own, for what it computes between stretches.
    const threads = host.pool.size + 1;
    this.#memory = trainingMemory(problem, threads);
    this.#arena = Arena.allocate(this.#memory.arena);
    adviseHugePages(this.#arena.memory);
    const kernels = host.factory.create(this.#arena, host.compiled, threads - 1);
    this.#step = new TrainingStep(problem, this.#memory, this.#arena, kernels, threads - 1);
    this.#control = this.#arena.i32.subarray(this.#memory.control / 4).subarray(0, CONTROL_WORDS);
    this.#team = teamSize(problem, this.#memory.layout, host.pool.size);
    this.#perEpoch = stepsPerEpoch(problem);
    this.#ledger = new Ledger(prepared, this.#memory, this.#arena, options.diagnoseEvery ?? 0, host.warn);
    this.#steps = totalSteps(problem);
    this.#job = {
      kind: 'training',
      id: host.nextJobId(),
      backend: host.factory.name,
      compiled: host.compiled,
      memory: this.#arena.memory,
      threads,
      problem,
    };
    this.#load();
    initializeParameters(
      kernels,
      this.#arena.f32,
      this.#memory.layout,
      this.#memory.mu,
      this.#memory.rho,
      seedKey(problem.seed),
      prepared.initialRho,
    );
    this.#step.noiseScale.initialize();
    this.#snapshot = this.#takeSnapshot();
  }

  /** Workers this training keeps busy. */
  get team(): number {
    return this.#team;
  }

  #load(): void {
    const { x, y, problem, standardization } = this.prepared;
    standardizeInto(
      this.#arena.floats(this.#memory.x, x.data.length),
      x.data,
      x.columns,
      standardization.features,
    );
    if (createLikelihood(problem.likelihood).targets === 'labels') {
      this.#arena.i32.set(y.data, this.#memory.targets / 4);
    } else {
      standardizeInto(
        this.#arena.floats(this.#memory.targets, y.data.length),
        y.data,
        y.columns,
        standardization.targets,
      );
    }
  }

  /** Trains to the end, handing over a report after each epoch. @throws DivergedError, WorkerLostError, or the signal's reason */
  async run(report: (report: TrainingReport) => void): Promise<Posterior> {
    const { signal } = this.options;
    const cancel = () => Atomics.store(this.#control, CONTROL.cancel, 1);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', cancel);
    try {
      while (this.#now < this.#steps) {
        const from = this.#now;
        const ended = await this.#stretch(from, this.#stretchEnd(from));
        await this.#account(from, report);
        if (ended === 'diverged') throw this.#diverged();
        signal?.throwIfAborted();
        if (performance.now() - this.#snapshot.taken > SNAPSHOT_MS) this.#snapshot = this.#takeSnapshot();
      }
      return this.posterior();
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Where the next stretch ends: after STRETCH_MS or so, at an epoch to be validated or diagnosed, or where records would be overwritten. */
  #stretchEnd(from: number): number {
    const { validate, validateEvery = 1 } = this.options;
    const count = this.#msPerStep === 0 ? 4 : Math.max(1, Math.floor(STRETCH_MS / this.#msPerStep));
    let end = Math.min(
      from + count,
      this.#steps,
      from + STEP_RECORDS,
      from + (EPOCH_RECORDS - 1) * this.#perEpoch,
      this.#ledger.diagnosis.nextStop(from),
    );
    if (validate !== undefined) {
      const span = validateEvery * this.#perEpoch;
      end = Math.min(end, (Math.floor(from / span) + 1) * span);
    }
    return end;
  }

  async #stretch(from: number, to: number): Promise<TrainReply['ended']> {
    Atomics.store(this.#control, CONTROL.stepsDone, from);
    const progress = this.options.onProgress;
    const tell = () => {
      const step = Atomics.load(this.#control, CONTROL.stepsDone);
      progress?.({
        step,
        steps: this.#steps,
        epoch: Math.floor(step / this.#perEpoch),
        epochs: this.prepared.problem.epochs,
      });
    };
    const timer = progress === undefined ? undefined : setInterval(tell, POLL_MS);
    const start = performance.now();
    try {
      const runTeam = () => this.#runTeam(from, to);
      const replies = this.#team === 1 ? await runTeam() : await this.host.alone(runTeam);
      if (replies === null) {
        this.#rollBack();
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

  /** All members' replies, or null when one was lost. */
  async #runTeam(from: number, to: number): Promise<TrainReply[] | null> {
    const control = this.#control;
    for (const word of [CONTROL.arrived, CONTROL.abort, CONTROL.stopAfter]) Atomics.store(control, word, 0);
    const faults = this.options.faults;
    const due = faults?.findIndex((fault) => fault.step >= from && fault.step < to) ?? -1;
    const fault = due < 0 ? undefined : faults?.splice(due, 1)[0];
    const abort = (error: unknown) => {
      Atomics.store(control, CONTROL.abort, 1);
      Atomics.notify(control, CONTROL.generation);
      throw error;
    };
    const members = Array.from({ length: this.#team }, (_, rank) =>
      this.host.pool
        .run<TrainReply>({
          kind: 'train',
          job: this.#job,
          rank,
          size: this.#team,
          cores: this.host.cores,
          from,
          to,
          ...(fault === undefined ? {} : { fault }),
        })
        .catch(abort),
    );
    const settled = await Promise.allSettled(members);
    const lost = settled.find((member) => member.status === 'rejected');
    if (lost === undefined)
      return settled.map((member) => (member as PromiseFulfilledResult<TrainReply>).value);
    if (!(lost.reason instanceof LostRequestError)) throw lost.reason;
    this.#onLoss(from, to, lost.reason);
    return null;
  }

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
      `train: a worker was lost near step ${from} (${reason.message}); going on from step ${this.#snapshot.step} with another`,
    );
  }

  #takeSnapshot() {
    const { offset, bytes } = this.#memory.state;
    return {
      step: this.#now,
      bytes: this.#arena.u8.slice(offset, offset + bytes),
      epochLoss: this.#ledger.epochLoss,
      taken: performance.now(),
    };
  }

  #rollBack(): void {
    this.#arena.u8.set(this.#snapshot.bytes, this.#memory.state.offset);
    this.#step.noiseScale.publish();
    Atomics.store(this.#control, CONTROL.readyFor, 0);
    Atomics.store(this.#control, CONTROL.divergedAt, 0);
    this.#now = this.#snapshot.step;
    this.#ledger.epochLoss = this.#snapshot.epochLoss;
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
        validation: due ? await validate(this.posterior(), epoch.epoch) : null,
        seconds: (performance.now() - this.#started) / 1000,
      });
    }
  }

  #diverged(): DivergedError {
    const { layout, mu, rho } = this.#memory;
    const tensor =
      firstNonFinite(layout, this.#arena.floats(mu, layout.size), this.#arena.floats(rho, layout.size)) ??
      (this.#step.noiseScale.values()?.every(Number.isFinite) === false ? 'likelihood.scale' : 'elbo');
    return new DivergedError(
      `train: expected finite numbers, got NaN or infinity in ${tensor} at step ${this.#now} — lower the learning rate or look for outliers in the data`,
      this.#now,
      tensor,
    );
  }

  /** q as it is now. */
  posterior(): Posterior {
    const { layout, mu, rho } = this.#memory;
    const { problem, standardization } = this.prepared;
    const muAll = this.#arena.floats(mu, layout.size);
    const rhoAll = this.#arena.floats(rho, layout.size);
    return {
      model: problem.model,
      likelihood: problem.likelihood,
      layers: layout.layers.map((layer) => {
        const m = unpackLayer(muAll, layer);
        const r = unpackLayer(rhoAll, layer);
        return { weight: { mu: m.weight, rho: r.weight }, bias: { mu: m.bias, rho: r.bias } };
      }),
      noiseScale: this.#step.noiseScale.values(),
      standardization,
      classNames: this.options.classNames,
      seed: problem.seed,
    };
  }
}
