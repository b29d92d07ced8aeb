// Which rows are computed together, in which turns, and what happens to requests that are late, too many, or no longer wanted.

import { describe, expect, test, vi } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import {
  type BatchEngine,
  Batcher,
  type BatcherOptions,
  type BatchSettings,
} from '../../src/scheduler/batching/batcher.ts';
import { FairQueue, type Waiting } from '../../src/scheduler/batching/queue.ts';

const SETTINGS: BatchSettings = { draws: 10, mode: 'sample' };

describe('the queue', () => {
  const budget = { rows: 32, sliceRows: 8, rowDraws: 1e9 };
  const waiting = (caller: string, rows: number, key = 'k', draws = 1): Waiting => ({
    caller,
    key,
    rows,
    draws,
    divisible: true,
  });
  const queueOf = (...requests: Waiting[]) => {
    const queue = new FairQueue(budget);
    for (const request of requests) queue.push(request);
    return queue;
  };
  const sizes = (queue: FairQueue<Waiting>) =>
    queue.take().map(({ request, firstRow, rows }) => [request.caller, firstRow, rows]);

  test('gives callers turns, however many requests each has', () => {
    const queue = queueOf(...Array.from({ length: 20 }, () => waiting('many', 8)), waiting('one', 8));
    expect(sizes(queue).filter(([caller]) => caller === 'one')).toEqual([['one', 0, 8]]);
    expect(queue.rows).toBe(8 * 21 - 32);
  });

  test('a large request gives way after a slice, and its rows come in order', () => {
    const queue = queueOf(waiting('large', 100), waiting('small', 4));
    expect(sizes(queue)).toEqual([
      ['large', 0, 28],
      ['small', 0, 4],
    ]);
    queue.push(waiting('late', 30));
    expect(sizes(queue)).toEqual([
      ['large', 28, 16],
      ['late', 0, 16],
    ]);
    expect(sizes(queue)).toEqual([
      ['late', 16, 14],
      ['large', 44, 18],
    ]);
    expect(sizes(queue)).toEqual([['large', 62, 32]]);
    expect(sizes(queue)).toEqual([['large', 94, 6]]);
    expect(sizes(queue)).toEqual([]);
    expect(queue).toMatchObject({ rows: 0, requests: 0 });
  });

  test('of one caller, requests have turns too', () => {
    expect(sizes(queueOf(waiting('me', 1000), waiting('me', 2)))).toEqual([
      ['me', 0, 30],
      ['me', 0, 2],
    ]);
  });

  test('puts only equal settings together, and every kind gets its turn', () => {
    const queue = queueOf(
      ...Array.from({ length: 40 }, (_, n) => waiting(`a${n}`, 8, n % 2 === 0 ? 'even' : 'odd')),
    );
    const keys: string[][] = [];
    for (let batch = queue.take(); batch.length > 0; batch = queue.take())
      keys.push(batch.map(({ request }) => request.key));
    for (const batch of keys) expect(new Set(batch).size).toBe(1);
    expect(keys).toHaveLength(10);
    expect(new Set(keys.slice(0, 3).map(([key]) => key)).size).toBe(2);
  });

  test('keeps to rows × draws, but always takes 16 rows', () => {
    const queue = new FairQueue({ ...budget, rowDraws: 200 });
    queue.push(waiting('a', 100, 'dear', 10));
    queue.push(waiting('b', 100, 'cheap', 8));
    expect(sizes(queue)).toEqual([['a', 0, 20]]);
    expect(sizes(queue)).toEqual([['b', 0, 25]]);
    const dear = new FairQueue({ ...budget, rowDraws: 1 });
    dear.push(waiting('a', 100));
    expect(sizes(dear)).toEqual([['a', 0, 16]]);
  });

  test('what must stay whole goes alone', () => {
    const queue = queueOf({ ...waiting('old', 100), divisible: false }, waiting('new', 3));
    expect(sizes(queue)).toEqual([['old', 0, 100]]);
    expect(sizes(queue)).toEqual([['new', 0, 3]]);
  });

  test('a request that is taken out leaves no rows behind, whole or half done', () => {
    const [half, whole] = [waiting('a', 100), waiting('b', 5)];
    const queue = queueOf(half);
    queue.take();
    queue.push(whole);
    queue.remove(half);
    queue.remove(half);
    queue.remove(whole);
    expect(queue).toMatchObject({ rows: 0, requests: 0 });
    expect(queue.take()).toEqual([]);
  });
});

/** Computes a batch when the test calls its `done`; row r of a batch answers 10·x. */
class HeldEngine implements BatchEngine<BatchSettings> {
  readonly batches: { x: Matrix; unwanted: AbortSignal; done: (error?: Error) => void }[] = [];
  constructor(readonly threads = 1) {}

  predict(x: Matrix, _: BatchSettings, unwanted: AbortSignal): Promise<Prediction> {
    return new Promise((resolve, reject) => {
      const mean = Float64Array.from(x.data, (value) => 10 * value);
      const none = { predictiveEntropy: null, expectedEntropy: null, mutualInformation: null };
      const quantiles = [{ level: 0.5, values: mean.map((value) => value + 1) }];
      const zeros = new Float64Array(mean.length);
      const prediction = {
        rows: x.rows,
        outputs: 1,
        draws: 10,
        mean,
        variance: zeros,
        aleatoric: zeros,
        epistemic: zeros,
        ...none,
        quantiles,
      };
      const done = (error?: Error) => (error === undefined ? resolve(prediction) : reject(error));
      this.batches.push({ x, unwanted, done });
    });
  }
}

const OPTIONS: BatcherOptions = {
  rows: 32,
  sliceRows: 8,
  rowDraws: 1e9,
  delayMs: 0,
  queueRows: 100,
  refusals: {
    full: (waiting, more, most, seconds) => new Error(`${waiting} + ${more} > ${most}, in ${seconds} s`),
    late: (ms) => new Error(`none in ${ms} ms`),
  },
};
const table = (values: number[]): Matrix => ({
  data: Float64Array.from(values),
  rows: values.length,
  columns: 1,
});
const counting = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe('the batcher', () => {
  const made = (engine: BatchEngine<BatchSettings>, options: Partial<BatcherOptions> = {}) => {
    const seen: number[][] = [];
    const batcher = new Batcher(
      engine,
      { ...OPTIONS, ...options },
      { batch: (rows, requests, draws) => seen.push([rows, requests, draws]) },
    );
    const ask = (values: number[], more: object = {}) =>
      batcher.ask({
        caller: 'me',
        x: table(values),
        settings: SETTINGS,
        divisible: true,
        deadlineMs: 60_000,
        ...more,
      });
    return { batcher, ask, seen };
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  test('gives each request its own rows back, from batches that cut and join them', async () => {
    const engine = new HeldEngine();
    const { ask, seen, batcher } = made(engine);
    const asked = [ask([1]), ask(counting(100, 50)), ask(counting(200, 3))];
    for (let n = 0; n < 3; n++) {
      engine.batches[n].done();
      await settle();
    }
    const answers = await Promise.all(asked);
    for (const [n, values] of [[1], counting(100, 50), counting(200, 3)].entries()) {
      const { prediction } = answers[n];
      expect([...prediction.mean]).toEqual(values.map((value) => 10 * value));
      expect([...prediction.quantiles![0].values]).toEqual(values.map((value) => 10 * value + 1));
      expect(prediction.rows).toBe(values.length);
    }
    expect(seen).toEqual([
      [1, 1, 10],
      [32, 2, 10],
      [21, 1, 10],
    ]);
    expect(batcher).toMatchObject({ rows: 0, idle: true });
  });

  test('is bounded in rows: what does not fit is refused with the time to come again', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const first = ask(counting(0, 90));
    await expect(ask(counting(0, 11))).rejects.toThrow('90 + 11 > 100, in 1 s');
    const second = ask(counting(0, 10));
    expect(batcher.rows).toBe(100);
    for (let n = 0; n < 4; n++) {
      engine.batches[n].done();
      await settle();
    }
    await Promise.all([first, second]);
    expect(batcher.rows).toBe(0);
  });

  test('gives up a request at its deadline, while it waits and while it is computed; others are answered', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const computed = ask([1], { deadlineMs: 5 });
    const waits = ask([2], { deadlineMs: 5 });
    const patient = ask([3]);
    for (const late of [computed, waits]) await expect(late).rejects.toThrow('none in 5 ms');
    expect(batcher.rows).toBe(2);
    engine.batches[0].done();
    await settle();
    expect([...engine.batches[1].x.data]).toEqual([3]);
    engine.batches[1].done();
    expect((await patient).prediction.mean[0]).toBe(30);
  });

  test('forgets a caller who has gone', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const gone = new AbortController();
    const first = ask([1]);
    const second = ask(counting(0, 20), { signal: gone.signal });
    gone.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    expect(batcher.rows).toBe(1);
    engine.batches[0].done();
    await first;
  });

  test('waits a moment for as many rows as there were, and no longer', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    const turns: Array<() => void> = [];
    const engine = new HeldEngine();
    const { ask } = made(engine, { nextTurn: (call) => void turns.push(call) });
    const turn = () => turns.shift()?.();
    const sizes = () => engine.batches.map(({ x }) => x.rows);
    /** Ends the newest batch after `ms`. */
    const done = async (ms: number) => {
      now += ms;
      engine.batches.at(-1)?.done();
      await settle();
    };
    // The first does not wait; of those behind it some may come back.
    const asked = [ask([1]), ask([2]), ask([3])];
    expect(sizes()).toEqual([1]);
    await done(40);
    expect(sizes()).toEqual([1]);
    now += 2;
    turn();
    expect(sizes()).toEqual([1, 2]);
    await done(40);
    // There were two at once: one waits for another, which comes.
    asked.push(ask([4]));
    turn();
    expect(sizes()).toEqual([1, 2]);
    asked.push(ask([5]));
    turn();
    expect(sizes()).toEqual([1, 2, 2]);
    expect(turns).toEqual([]);
    await done(40);
    // This time it does not come.
    asked.push(ask([6]));
    turn();
    expect(sizes()).toEqual([1, 2, 2]);
    now += 2;
    turn();
    expect(sizes()).toEqual([1, 2, 2, 1]);
    await done(40);
    // One caller alone never waits.
    asked.push(ask([7]));
    expect(sizes()).toEqual([1, 2, 2, 1, 1]);
    await done(40);
    clock.mockRestore();
    expect((await Promise.all(asked)).map(({ prediction }) => prediction.mean[0])).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((value) => 10 * value),
    );
  });

  test('tells the engine of a batch that none of its callers wants any longer, and of no other', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const [one, two] = [new AbortController(), new AbortController()];
    const asked = [ask([1], { signal: one.signal })];
    asked.push(ask([2], { signal: one.signal }), ask([3], { signal: two.signal }));
    engine.batches[0].done();
    await asked[0];
    const [first, second] = engine.batches;
    expect([...second.x.data]).toEqual([2, 3]);
    one.abort(new Error('one'));
    expect(second.unwanted.aborted).toBe(false);
    two.abort(new Error('two'));
    expect([first.unwanted.aborted, second.unwanted.aborted]).toEqual([false, true]);
    const ends = await Promise.allSettled(asked.slice(1));
    expect(ends.map((end) => (end as PromiseRejectedResult).reason.message)).toEqual(['one', 'two']);
    second.done(new Error('stopped'));
    await batcher.whenIdle();
    await expect(ask([4], { signal: one.signal })).rejects.toThrow('one');
    expect(engine.batches).toHaveLength(2);
  });

  test('rejects all that waits on request, and is idle when the rest is done', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const asked = [ask(counting(0, 40)), ask([1]), ask([2], { settings: { ...SETTINGS, draws: 11 } })];
    batcher.rejectWaiting(new Error('lost'));
    for (const waits of asked) await expect(waits).rejects.toThrow('lost');
    let idle = false;
    void batcher.whenIdle().then(() => {
      idle = true;
    });
    await settle();
    expect([idle, engine.batches[0].unwanted.aborted]).toEqual([false, true]);
    engine.batches[0].done();
    await settle();
    expect([idle, batcher.rows]).toEqual([true, 0]);
  });

  test('a batch that fails fails its requests, and no others', async () => {
    const engine = new HeldEngine();
    const { ask, batcher } = made(engine);
    const large = ask(counting(0, 40));
    const other = ask([1], { settings: { ...SETTINGS, draws: 11 } });
    engine.batches[0].done(new Error('broken'));
    await expect(large).rejects.toThrow('broken');
    await settle();
    engine.batches[1].done();
    expect((await other).prediction.rows).toBe(1);
    expect(batcher).toMatchObject({ rows: 0, idle: true });
  });

  test('with a delay, an idle thread waits for more rows, but not once a batch is full', async () => {
    const engine = new HeldEngine();
    const { ask } = made(engine, { delayMs: 3_600_000 });
    const waits = [ask([1]), ask([2])];
    await settle();
    expect(engine.batches).toHaveLength(0);
    waits.push(ask(counting(0, 30)));
    expect(engine.batches[0].x.rows).toBe(32);
    engine.batches[0].done();
    await Promise.all(waits);
    const { ask: soon } = made(engine, { delayMs: 1 });
    const late = soon([5]);
    while (engine.batches.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    engine.batches[1].done();
    expect((await late).prediction.mean[0]).toBe(50);
  });
});
