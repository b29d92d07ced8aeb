// Who executes jobs: the contract of threads of this process, and of whatever else may take them.

import type { Job } from '../job.ts';

/**
 * The work of a job. Its result follows from the job alone, so an executor may repeat work, or do it elsewhere.
 * @param signal ends the work; what it leaves behind may be resumed
 */
export type Work<Result> = (job: Job, signal: AbortSignal | undefined) => Promise<Result>;

export interface ExecuteOptions<Result> {
  /** Ends the work under way, and begins no more. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each job that ends, in the order in which jobs end. An error it throws ends the execution. */
  readonly onResult: (job: Job, result: Result) => void;
}

export interface Executor {
  /**
   * Executes jobs, several at a time, and begins them in their order.
   * @returns once no work is under way: all is done, or the signal ended it
   * @throws the first error of `work` or `onResult`, once no work is under way: an error of a job that is no reason to stop is a result
   */
  execute<Result>(jobs: readonly Job[], work: Work<Result>, options: ExecuteOptions<Result>): Promise<void>;
}

/** Makes an executor. @param atOnce jobs that this machine has room for at the same time */
export type CreateExecutor = (atOnce: number) => Executor;
