// Runs one stretch of steps on a team of workers and brings its replies, or the word that a member was lost. A member that dies,
// throws or stands still is lost; by then no member writes to the arena. What to do about it is the trainer's business.

import { LostRequestError, type WorkerPool } from '../platform/platform.ts';
import { CONTROL, type TrainingJob, type TrainReply } from '../workers/protocol.ts';
import { patienceOf, standsStill } from './liveness.ts';

/** What tests of recovery may change of a training; workers/hook.ts is the other end. */
export interface TrainingHooks {
  /** What the workers' hook gets for steps from … to − 1; undefined where it is not called. */
  readonly order?: ((from: number, to: number) => unknown) | undefined;
  /** Milliseconds without a sign of life after which a team counts as stuck; by default that depends on how long a step takes. */
  readonly patience?: number | undefined;
}

export interface TeamRunnerOptions extends TrainingHooks {
  /** Cores of the machine. */
  readonly cores: number;
}

/** Time that the others of a stuck member have to leave by themselves, in milliseconds. */
const LEAVE_MS = 500;

export class TeamRunner {
  constructor(
    readonly pool: WorkerPool,
    readonly job: TrainingJob,
    readonly control: Int32Array<SharedArrayBuffer>,
    readonly options: TeamRunnerOptions,
  ) {}

  /**
   * All members' replies for steps from … to − 1, or the error of a member that was lost.
   * @param size workers of the team
   * @param msPerStep what a step takes, 0 while it is not known
   */
  async run(
    from: number,
    to: number,
    size: number,
    msPerStep: number,
  ): Promise<TrainReply[] | LostRequestError> {
    const { pool, job, control, options } = this;
    for (const word of [CONTROL.arrived, CONTROL.abort, CONTROL.stopAfter]) Atomics.store(control, word, 0);
    const { cores } = options;
    const order = options.order?.(from, to);
    const endings = Array.from({ length: size }, () => new AbortController());
    const giveUp = (error: unknown) => {
      this.#callOff();
      throw error;
    };
    const members = endings.map((ending, rank) => {
      const request = { kind: 'train', job, rank, size, cores, from, to } as const;
      return pool
        .run<TrainReply>(order === undefined ? request : { ...request, order }, ending)
        .catch(giveUp);
    });
    const settled = Promise.allSettled(members);
    const stuck = await this.#watch(settled, endings, msPerStep);
    const ends = await settled;
    const lost = ends.find((member) => member.status === 'rejected');
    if (lost === undefined && stuck === null)
      return ends.map((member) => (member as PromiseFulfilledResult<TrainReply>).value);
    if (stuck !== null) return stuck;
    const reason: unknown = (lost as PromiseRejectedResult).reason;
    if (reason instanceof LostRequestError) return reason;
    throw reason;
  }

  /** Has members leave their barrier. */
  #callOff(): void {
    Atomics.store(this.control, CONTROL.abort, 1);
    Atomics.notify(this.control, CONTROL.generation);
  }

  /** Resolves to null when all members are done, or to an error when they stood still and the stuck ones have been ended. */
  async #watch(
    settled: Promise<unknown>,
    endings: readonly AbortController[],
    msPerStep: number,
  ): Promise<LostRequestError | null> {
    const patience = this.options.patience ?? patienceOf(msPerStep);
    if (await standsStill(settled, patience, () => this.#pulse())) {
      this.#callOff();
      await Promise.race([settled, timeout(Math.min(patience, LEAVE_MS))]);
      await this.pool.endWorkers(endings);
      return new LostRequestError(`worker: no sign of life for ${patience / 1000} s`);
    }
    return null;
  }

  /** Changes with every barrier and every step. */
  #pulse(): string {
    const { control } = this;
    return [CONTROL.arrived, CONTROL.generation, CONTROL.stepsDone]
      .map((word) => Atomics.load(control, word))
      .join();
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
