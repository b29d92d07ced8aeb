// The pool of a browser: requests wait for free workers, the dead are replaced, and a program that does not load says what to do.

import { afterEach, expect, test } from 'vitest';
import type { PoolTask } from '../../src/platform/browser/messages.ts';
import { BrowserPool } from '../../src/platform/browser/pool.ts';
import { LostRequestError } from '../../src/platform/platform.ts';
import type { Reply, Request } from '../../src/workers/protocol.ts';
import { FakeWorker } from './fakeWorkers.ts';

const REPLY: Reply = { kind: 'predicted' };
const REQUEST = { kind: 'predict' } as Request;
let pool: BrowserPool;

afterEach(() => pool.close());

/** @param answers what each worker does with a request; none is left unanswered for ever */
function poolOf(size: number, answers: (worker: number, reply: (message: unknown) => void) => void) {
  const workers: FakeWorker[] = [];
  pool = new BrowserPool(
    size,
    () => {
      const n = workers.length;
      const worker = new FakeWorker((scope) => {
        scope.addEventListener('message', ({ data }) => {
          if ((data as PoolTask).request !== undefined) answers(n, (message) => scope.postMessage(message));
        });
        scope.postMessage({ kind: 'ready' });
      });
      workers.push(worker);
      return worker;
    },
    { endMs: 200 },
  );
  return workers;
}

test('starts workers as requests need them, never more than its size, and uses them again', async () => {
  const workers = poolOf(2, (_, reply) => reply({ kind: 'reply', reply: REPLY }));
  expect(await pool.run(REQUEST)).toEqual(REPLY);
  expect(workers).toHaveLength(1);
  await Promise.all(Array.from({ length: 5 }, () => pool.run(REQUEST)));
  expect(workers).toHaveLength(2);
  expect(pool.settled).toBe(6);
});

test('a request whose worker throws or dies is lost, and the next one has another', async () => {
  const workers = poolOf(1, (n, reply) => {
    if (n === 0) queueMicrotask(() => workers[0].die('out of memory'));
    else reply(n === 1 ? { kind: 'error', message: 'thrown' } : { kind: 'reply', reply: REPLY });
  });
  await expect(pool.run(REQUEST)).rejects.toThrow(new LostRequestError('worker: out of memory'));
  await expect(pool.run(REQUEST)).rejects.toThrow(new LostRequestError('worker: thrown'));
  expect(workers.map(({ terminated }) => terminated)).toEqual([true, false]);
});

test('ends the workers of given requests, those that wait among them, and no others', async () => {
  const given: number[] = [];
  let answer: () => void = () => undefined;
  const workers = poolOf(2, (n, reply) => {
    given.push(n);
    if (n === 1) answer = () => reply({ kind: 'reply', reply: REPLY });
  });
  const ending = new AbortController();
  const hung = pool.run(REQUEST, ending);
  const other = pool.run(REQUEST);
  const waiting = pool.run(REQUEST, ending);
  for (const run of [hung, waiting]) run.catch(() => undefined);
  await expect.poll(() => [...given].sort()).toEqual([0, 1]);
  await pool.endWorkers([ending]);
  answer();
  await expect(hung).rejects.toThrow(LostRequestError);
  await expect(waiting).rejects.toThrow(LostRequestError);
  expect(await other).toEqual(REPLY);
  expect(workers[0].terminated).toBe(true);
});

test('a program that does not load fails every request that waits for it', async () => {
  pool = new BrowserPool(2, () => {
    const worker = new FakeWorker(() => worker.die(''));
    return worker;
  });
  const runs = await Promise.allSettled([pool.run(REQUEST), pool.run(REQUEST)]);
  for (const run of runs) expect(String((run as PromiseRejectedResult).reason)).toContain('pass workerUrl');
  const forbidden = new BrowserPool(1, () => {
    throw new Error('it is from elsewhere');
  });
  await expect(forbidden.run(REQUEST)).rejects.toThrow('it is from elsewhere');
});
