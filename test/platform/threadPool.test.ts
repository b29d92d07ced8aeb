// Threads that answer requests: each request gets an answer or the reason why there is none, whatever becomes of its thread.

import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { ThreadPool } from '../../src/platform/node/threadPool.ts';
import { LostRequestError } from '../../src/platform/platform.ts';

interface Ask {
  readonly does: 'echo' | 'throw' | 'throwFunction' | 'replyFunction' | 'exit' | 'wait';
  readonly value?: unknown;
}
interface Answer {
  readonly value: unknown;
  readonly thread: number;
}

const program = new URL('../support/answeringThread.mjs', import.meta.url);
let started = 0;
const start = () => {
  started++;
  return new Worker(program);
};
const pools: ThreadPool<Ask, Answer>[] = [];
const open = (size: number) => {
  const pool = new ThreadPool<Ask, Answer>(size, start);
  pools.push(pool);
  started = 0;
  return pool;
};
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

/** A word that is counted up by requests that wait, and one that lets them go on. */
const gate = () => new Int32Array(new SharedArrayBuffer(8));
async function reached(word: Int32Array, count: number): Promise<void> {
  while (Atomics.load(word, 0) < count) await new Promise((resolve) => setTimeout(resolve, 2));
}
function letGo(word: Int32Array): void {
  Atomics.store(word, 1, 1);
  Atomics.notify(word, 1);
}

test('threads start when requests find none free, up to the size, and serve the rest in order', async () => {
  const pool = open(2);
  expect(pool.started).toBe(0);
  await pool.run({ does: 'echo', value: 1 });
  await pool.run({ does: 'echo', value: 2 });
  expect(started).toBe(1);
  const word = gate();
  const waiting = [0, 1].map(() => pool.run({ does: 'wait', value: word }));
  await reached(word, 2);
  const order: unknown[] = [];
  const queued = [3, 4, 5].map(async (value) => {
    order.push((await pool.run({ does: 'echo', value })).value);
  });
  letGo(word);
  await Promise.all([...waiting, ...queued]);
  expect(started).toBe(2);
  expect(order).toEqual([3, 4, 5]);
  expect(pool.settled).toBe(7);
});

test.each<[Ask, string]>([
  [{ does: 'throw', value: 'no' }, 'worker: no'],
  [{ does: 'throwFunction' }, 'worker: () => undefined'],
  [{ does: 'replyFunction' }, 'worker: DataCloneError: () => undefined could not be cloned.'],
  [{ does: 'exit', value: 7 }, 'worker: it ended with exit code 7'],
])('%j is a lost request, and the next one is answered', async (ask, message) => {
  const pool = open(1);
  await expect(pool.run(ask)).rejects.toThrow(new LostRequestError(message));
  expect((await pool.run({ does: 'echo', value: 'on' })).value).toBe('on');
  // A thread that threw lives on.
  expect(started).toBe(ask.does === 'exit' ? 2 : 1);
});

test('a request that is ended is lost, where it runs with its thread, and the others are answered', async () => {
  const pool = open(1);
  const word = gate();
  const [running, queued] = [new AbortController(), new AbortController()];
  const lost = [
    pool.run({ does: 'wait', value: word }, running),
    pool.run({ does: 'echo', value: 1 }, queued),
  ].map((task) => task.catch((error: Error) => error.message));
  const other = pool.run({ does: 'echo', value: 2 });
  await reached(word, 1);
  expect(await pool.end([queued])).toBe(true);
  expect(started).toBe(1);
  expect(await pool.end([running])).toBe(true);
  expect(await Promise.all(lost)).toEqual(['worker: it was ended', 'worker: it was ended']);
  expect((await other).value).toBe(2);
  expect(started).toBe(2);
  expect(pool.stuck).toBe(false);
});

test('a program that cannot be loaded is a lost request, each time', async () => {
  const pool = new ThreadPool<Ask, Answer>(1, () => new Worker(new URL('none.mjs', program)));
  pools.push(pool);
  for (let i = 0; i < 2; i++)
    await expect(pool.run({ does: 'echo' })).rejects.toThrow(/^worker: Cannot find module/);
});

test('close waits for requests, and afterwards there are none', async () => {
  const pool = open(2);
  const word = gate();
  const last = pool.run({ does: 'wait', value: word });
  await reached(word, 1);
  const closing = pool.close();
  letGo(word);
  await closing;
  await expect(last).resolves.toBeDefined();
  expect(pool.started).toBe(0);
  await expect(pool.run({ does: 'echo' })).rejects.toThrow('expected an open runtime, got a closed one');
});

test('threads that wait for requests do not keep the process, those that work do', () => {
  const code = `
    import { Worker } from 'node:worker_threads';
    import { ThreadPool } from ${JSON.stringify(new URL('../../dist/platform/node/threadPool.js', import.meta.url).href)};
    const pool = new ThreadPool(1, () => new Worker(new URL(${JSON.stringify(program.href)}), { execArgv: [] }));
    pool.run({ does: 'echo', value: 'done' }).then(({ value }) => console.log(value));`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ stdout, status }).toEqual({ stdout: 'done\n', status: 0 });
});
