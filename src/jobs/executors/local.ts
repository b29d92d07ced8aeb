// Jobs executed in this process, as many at a time as it has room for.

import type { Job } from '../job.ts';
import type { ExecuteOptions, Executor, Work } from './executor.ts';

/** @param atOnce jobs under way at the same time, at most */
export function local(atOnce: number): Executor {
  return {
    async execute<Result>(
      jobs: readonly Job[],
      work: Work<Result>,
      { signal, onResult }: ExecuteOptions<Result>,
    ): Promise<void> {
      const waiting = [...jobs];
      const lane = async () => {
        for (let job = waiting.shift(); job !== undefined && !signal?.aborted; job = waiting.shift()) {
          try {
            onResult(job, await work(job, signal));
          } catch (error) {
            waiting.length = 0;
            throw error;
          }
        }
      };
      const lanes = Array.from({ length: Math.min(atOnce, jobs.length) }, lane);
      const failed = (await Promise.allSettled(lanes)).find((settled) => settled.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
