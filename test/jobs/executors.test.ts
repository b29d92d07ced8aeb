// What every executor does with jobs: all of them once where nothing fails, in their order, no more at once than there is room for.

import { describe, expect, test } from 'vitest';
import { EXECUTORS } from '../../src/jobs/executors/index.ts';
import type { Job } from '../../src/jobs/job.ts';

const jobs: readonly Job[] = Array.from({ length: 7 }, (_, n) => ({
  kernelEpoch: 3,
  config: { n },
  data: [],
}));
const numberOf = (job: Job) => job.config.n as number;

/** Work that ends on request. */
function held() {
  const begun: number[] = [];
  const ends = new Map<number, { resolve: (n: number) => void; reject: (error: Error) => void }>();
  const work = (job: Job) => {
    begun.push(numberOf(job));
    return new Promise<number>((resolve, reject) => ends.set(numberOf(job), { resolve, reject }));
  };
  return {
    begun,
    work,
    end: (n: number) => ends.get(n)?.resolve(n * n),
    fail: (n: number, error: Error) => ends.get(n)?.reject(error),
  };
}

describe.each(Object.entries(EXECUTORS))('%s', (_, create) => {
  test.each([1, 2, 3, 20])('executes every job once, %i at once', async (atOnce) => {
    const results = new Map<number, number>();
    let under = 0;
    let most = 0;
    const work = async (job: Job) => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setImmediate(resolve));
      under--;
      return numberOf(job) ** 2;
    };
    const onResult = (job: Job, result: number) => void results.set(numberOf(job), result);
    await create(atOnce).execute(jobs, work, { onResult });
    expect(results).toEqual(new Map(jobs.map((_, n) => [n, n * n])));
    expect(most).toBe(Math.min(atOnce, jobs.length));
  });

  test('begins jobs in their order and reports results as they come', async () => {
    const { begun, work, end } = held();
    const reported: number[] = [];
    const done = create(2).execute(jobs.slice(0, 3), work, {
      onResult: (job) => reported.push(numberOf(job)),
    });
    expect(begun).toEqual([0, 1]);
    end(1);
    await expect.poll(() => begun).toEqual([0, 1, 2]);
    end(2);
    end(0);
    await done;
    expect(reported[0]).toBe(1);
    expect([...reported].sort()).toEqual([0, 1, 2]);
  });

  test('after an error begins no more, and throws once nothing is under way', async () => {
    const { begun, work, end, fail } = held();
    let settled = false;
    const done = create(2).execute(jobs, work, { onResult: () => undefined });
    done.catch(() => undefined).finally(() => (settled = true));
    fail(0, new Error('no room'));
    await new Promise((resolve) => setImmediate(resolve));
    expect({ begun, settled }).toEqual({ begun: [0, 1], settled: false });
    end(1);
    await expect(done).rejects.toThrow('no room');
    expect(begun).toEqual([0, 1]);
  });

  test('an error of onResult ends it as well', async () => {
    const taken: number[] = [];
    const onResult = (job: Job) => {
      taken.push(numberOf(job));
      if (taken.length === 2) throw new Error('disk full');
    };
    await expect(create(1).execute(jobs, async () => 0, { onResult })).rejects.toThrow('disk full');
    expect(taken).toEqual([0, 1]);
  });

  test('begins none after the signal, which work receives', async () => {
    const controller = new AbortController();
    const begun: number[] = [];
    const work = async (job: Job, signal: AbortSignal | undefined) => {
      expect(signal).toBe(controller.signal);
      begun.push(numberOf(job));
      if (begun.length === 3) controller.abort();
    };
    await create(1).execute(jobs, work, { signal: controller.signal, onResult: () => undefined });
    expect(begun).toEqual([0, 1, 2]);
  });
});
