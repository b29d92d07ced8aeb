// Which rows are computed together, in which turns, and what happens to requests that are late, too many, or lose their thread.

import { describe, expect, test, vi } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import { WorkerLostError } from '../../src/errors.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { openSession as openOn, type Session } from '../../src/runtime/session.ts';
import { Batcher, type BatcherOptions } from '../../src/serve/batching/batcher.ts';
import { type Engine, type PredictionSettings, SessionEngine } from '../../src/serve/batching/engine.ts';
import { FairQueue, type Waiting } from '../../src/serve/batching/queue.ts';
import { asProblem } from '../../src/serve/problem.ts';
import { POSTERIORS, rowsFor, runtime } from './harness.ts';

const SETTINGS: PredictionSettings = { draws: 10, mode: 'sample', levels: [0.5], seed: null };

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
class HeldEngine implements Engine {
  readonly ready = true;
  readonly batches: { x: Matrix; done: (error?: Error) => void }[] = [];
  constructor(readonly threads = 1) {}

  get runtime(): never {
    throw new Error('expected no draws');
  }

  predict(x: Matrix): Promise<Prediction> {
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
      this.batches.push({ x, done: (error) => (error === undefined ? resolve(prediction) : reject(error)) });
    });
  }

  async close(): Promise<void> {}
}

const OPTIONS: BatcherOptions = { rows: 32, sliceRows: 8, rowDraws: 1e9, delayMs: 0, queueRows: 100 };
const table = (values: number[]): Matrix => ({
  data: Float64Array.from(values),
  rows: values.length,
  columns: 1,
});
const counting = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe('the batcher', () => {
  const made = (engine: Engine, options: Partial<BatcherOptions> = {}) => {
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
    await expect(ask(counting(0, 11))).rejects.toMatchObject({
      status: 503,
      retryAfter: 1,
      message: expect.stringMatching(
        /^queue: expected at most 100 rows, got 90 waiting and 11 more — try again in 1 s$/,
      ),
    });
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
    for (const late of [computed, waits])
      await expect(late).rejects.toMatchObject({
        status: 504,
        message: expect.stringMatching(/^deadline_ms: expected an answer within 5 ms/),
      });
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
    gone.abort();
    await expect(second).rejects.toMatchObject({ status: 499 });
    expect(batcher.rows).toBe(1);
    engine.batches[0].done();
    await first;
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

describe('an engine whose threads die', () => {
  const entry = new URL('../support/mortalSession.mjs', import.meta.url).href;
  const OPENING = { threads: 1, backend: 'wasm', cacheBytes: 0, capacity: 32 };
  /** An engine whose first `deadly` sessions die of 13 draws. */
  function mortal(deadly: number) {
    let opened = 0;
    const open: typeof import('../../src/index.ts').openSession = (posterior, options) => {
      const fatal = opened++ < deadly;
      return openOn(
        {
          ...nodePlatform,
          startSession: (given) => nodePlatform.startSession({ ...given, ...(fatal ? { entry } : {}) }),
        },
        posterior,
        options,
      );
    };
    const warnings: string[] = [];
    const options = { ...OPENING, onWarning: (text: string) => warnings.push(text), open };
    return { warnings, engine: SessionEngine.open(POSTERIORS.pair, runtime, options), count: () => opened };
  }
  const settings = { ...SETTINGS, draws: 13, levels: [] };
  const x: Matrix = { data: Float64Array.from(rowsFor('pair', 3).flat()), rows: 3, columns: 2 };

  test('opens another and computes the batch again, to the same bits', async () => {
    const { engine: opening, warnings, count } = mortal(2);
    const engine = await opening;
    const { mean } = await engine.predict(x, settings);
    expect(mean).toEqual((await runtime.predict(POSTERIORS.pair, x, { draws: 13 })).mean);
    expect(warnings).toEqual(Array(2).fill(expect.stringMatching(/^a thread was lost \(session: /)));
    expect(count()).toBe(3);
    expect(engine.ready).toBe(true);
    await engine.close();
    expect(engine.ready).toBe(false);
  });

  test('closes a session that was still opening when the engine was closed', async () => {
    let opened = 0;
    const closed: number[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open = async (): Promise<Session> => {
      const number = opened++;
      if (number > 0) await held;
      const close = async () => void closed.push(number);
      const predict = () => Promise.reject(new WorkerLostError('session: its worker thread died'));
      return { backend: 'wasm', predict, close, [Symbol.asyncDispose]: close };
    };
    const warnings: string[] = [];
    const options = { ...OPENING, onWarning: (text: string) => warnings.push(text), open };
    const engine = await SessionEngine.open(POSTERIORS.pair, runtime, options);
    const refused = expect(engine.predict(x, settings)).rejects.toMatchObject({ status: 503 });
    await vi.waitUntil(() => opened === 2);
    await engine.close();
    release();
    await refused;
    expect(closed).toEqual([0, 1]);
    expect(warnings).toHaveLength(1);
  });

  test('a thread that died is 503 to a caller, who cannot open a session', () => {
    const lost = new WorkerLostError('session: its worker thread died (exit 1); open another session');
    expect(asProblem(lost)).toMatchObject({
      status: 503,
      retryAfter: 1,
      message: 'server: expected a thread that answers, got one that died — try again in 1 s',
    });
    const other = new Error('broken');
    expect(asProblem(other)).toBe(other);
  });

  test('gives up after three, and is ready for the next', async () => {
    const { engine: opening } = mortal(3);
    const engine = await opening;
    await expect(engine.predict(x, settings)).rejects.toBeInstanceOf(WorkerLostError);
    expect(engine.ready).toBe(true);
    expect((await engine.predict(x, settings)).rows).toBe(3);
    await engine.close();
    await expect(engine.predict(x, settings)).rejects.toThrow(/unloaded/);
  });
});
