// A session answers as a runtime does, to the last bit, whatever it keeps between requests; its errors are those of the calls;
// and neither a lost thread nor a closed one leaves anything waiting.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Arena } from '../../src/backend/arena.ts';
import { nativeFactory } from '../../src/backend/native.node.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { build } from '../../src/core/bayesian.ts';
import type { MatrixLike } from '../../src/core/matrix.ts';
import { parameterLayout } from '../../src/core/parameters.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { loadParameters, loadRows } from '../../src/core/prediction/predictionArena.ts';
import { predictionMemory } from '../../src/core/prediction/predictionMemory.ts';
import { TilePredictor } from '../../src/core/prediction/predictTile.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import { BackendUnavailableError, WorkerLostError } from '../../src/errors.ts';
import { savePosterior } from '../../src/experiment/posterior/saved.ts';
import { createRuntime, openSession, type Runtime } from '../../src/node.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { nodeWorkerHost } from '../../src/platform/node/workerHost.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { openSession as openOn, type SessionPredictOptions } from '../../src/runtime/session.ts';
import { LivingThread } from '../../src/scheduler/prediction/livingThread.ts';
import { SessionThread } from '../../src/scheduler/prediction/sessionThread.ts';
import { buffersOf, PredictionSession } from '../../src/workers/session.ts';
import { madeUpPosterior } from '../support/predictionHarness.ts';
import { curveData, smallProblem } from '../support/problems.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KINDS = [
  { kind: 'categorical', K: 5 },
  { kind: 'bernoulli', K: 3 },
  { kind: 'gaussian', K: 2 },
] as const;
type Kind = (typeof KINDS)[number]['kind'];

let runtime: Runtime;
const posteriors = new Map<Kind, Posterior>();
const posterior = (kind: Kind) => posteriors.get(kind) as Posterior;

beforeAll(async () => {
  runtime = createRuntime({ workers: 2, seed: 'sessions' });
  for (const { kind, K } of KINDS) {
    const { model, data, options } = smallProblem(kind, K);
    posteriors.set(kind, await runtime.train(model, data, options));
  }
});
afterAll(() => runtime.close());

function rows(count: number) {
  return curveData(count, 4, 'gaussian', 1, 130).x as { data: Float32Array; shape: number[] };
}

/** Every number of a prediction as its bits. */
function bits(prediction: Prediction): Record<string, unknown> {
  const words = ({ buffer, byteOffset, length }: Float32Array) => [
    ...new Uint32Array(buffer, byteOffset, length),
  ];
  return Object.fromEntries(
    Object.entries(prediction).map(([name, value]) => {
      if (value instanceof Float32Array) return [name, words(value)];
      if (!Array.isArray(value)) return [name, value];
      return [name, value.map((quantile) => ({ level: quantile.level, values: words(quantile.values) }))];
    }),
  );
}

const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('expected a rejection'),
    (error: Error & { code?: string }) => error,
  );
const said = (error: Error & { code?: string }) => ({
  name: error.name,
  message: error.message,
  code: error.code,
  constructor: error.constructor,
});

describe('a session has the bits of runtime.predict', () => {
  const bytesOfDraws = (kind: Kind, draws: number) => draws * parameterLayout(posterior(kind).model).size * 4;

  test.each(KINDS)(
    '$kind: for any rows and draws, with none, some and all weights kept',
    async ({ kind }) => {
      const caches = [0, bytesOfDraws(kind, 5) + 3, undefined];
      const sessions = await Promise.all(
        caches.map((cacheBytes) =>
          openSession(posterior(kind), { capacity: 20, ...(cacheBytes === undefined ? {} : { cacheBytes }) }),
        ),
      );
      const asked: SessionPredictOptions[] = [
        ...[1, 7, 8, 9, 100].map((draws) => ({ draws, quantiles: [0.05, 0.9] })),
        { draws: 9 },
        { mode: 'mean', quantiles: [0.5] },
        {},
      ];
      const distinct = new Set<string>();
      for (const options of asked) {
        for (const count of [1, 16, 17, 33, 77]) {
          const expected = bits(await runtime.predict(posterior(kind), rows(count), options));
          distinct.add(JSON.stringify(expected.mean));
          for (const session of sessions) {
            const cold = await session.predict(rows(count), options);
            expect(bits(cold)).toEqual(expected);
            expect(bits(await session.predict(rows(count), options))).toEqual(expected);
          }
        }
      }
      // Draws 9 is asked for twice and the default is 100: all others differ.
      expect(distinct.size).toBe(6 * 5);
      await Promise.all(sessions.map((session) => session.close()));
    },
  );

  const BACKENDS = ['wasm', 'reference', ...(nativeFactory.available().ok ? ['native'] : [])];
  test.each(BACKENDS)('with backend %s', async (backend) => {
    await using session = await openSession(posterior('gaussian'), { backend });
    expect(session.backend).toBe(backend);
    const options = { draws: 19, quantiles: [0.25] };
    expect(bits(await session.predict(rows(40), options))).toEqual(
      bits(await runtime.predict(posterior('gaussian'), rows(40), options)),
    );
  });

  test('in whatever form the rows come, and leaves them alone', async () => {
    await using session = await openSession(posterior('gaussian'));
    const { data } = rows(6);
    const expected = bits(await runtime.predict(posterior('gaussian'), rows(6), { draws: 11 }));
    const large = new Float32Array(1000);
    large.set(data, 500);
    const view = large.subarray(500, 524);
    const shared = new Float32Array(new SharedArrayBuffer(96));
    shared.set(data);
    const forms: MatrixLike[] = [
      Array.from({ length: 6 }, (_, r) => [...data.subarray(4 * r, 4 * r + 4)]),
      { data: view, rows: 6, columns: 4 },
      { data: shared, rows: 6, columns: 4 },
      { data: [...data], shape: [6, 4] },
    ];
    for (const form of forms) expect(bits(await session.predict(form, { draws: 11 }))).toEqual(expected);
    const running = session.predict({ data: view, rows: 6, columns: 4 }, { draws: 11 });
    large.fill(7); // after the call, before the answer
    expect(bits(await running)).toEqual(expected);
    expect(large.byteLength).toBe(4000);
  });

  test('for a posterior that was changed or given away after it was opened', async () => {
    const mine = structuredClone(posterior('bernoulli'));
    await using session = await openSession(mine);
    for (const { weight } of mine.layers) weight.mu.fill(9);
    expect(bits(await session.predict(rows(3)))).toEqual(
      bits(await runtime.predict(posterior('bernoulli'), rows(3))),
    );
  });
});

describe('inside the thread', () => {
  test('weights that are kept are drawn once, and the others every time', async () => {
    const q = posterior('categorical');
    const { model, likelihood, seed } = q;
    const memory = predictionMemory(
      {
        model,
        likelihood,
        seed,
        capacity: 16,
        tileRows: 16,
        slots: 1,
        mode: 'sample',
        keepDraws: false,
        cachedDraws: 3,
      },
      1,
    );
    const arena = Arena.allocate(memory.arena);
    const reference = referenceFactory.create(arena, await referenceFactory.compile(), 0);
    const drawn: number[] = [];
    const perturb: typeof reference.perturb_f32 = (...args) => {
      drawn.push(args[9]);
      reference.perturb_f32(...args);
    };
    const problem = { model, likelihood, seed, capacity: 16, tileRows: 16, slots: 1, cachedDraws: 3 };
    const tiles = new TilePredictor({ ...problem, mode: 'sample', keepDraws: false }, memory, arena, {
      ...reference,
      perturb_f32: perturb,
    });
    loadParameters(arena, memory, q);
    loadRows(arena, memory, { data: rows(9).data, rows: 9, columns: 4 }, q);
    const run = (firstDraw: number, lastDraw: number) => {
      drawn.length = 0;
      tiles.predict({ slot: 0, firstDraw, lastDraw, firstRow: 0, lastRow: 9 });
      return {
        draws: [...new Set(drawn)],
        calls: drawn.length,
        mean: arena.floats(memory.slots[0].mean, 80).slice(),
      };
    };
    const layers = model.layers.length;
    const first = run(1, 5);
    expect(first).toMatchObject({ draws: [1, 2, 3, 4], calls: 4 * layers });
    const second = run(1, 5);
    expect(second).toMatchObject({ draws: [3, 4], calls: 2 * layers });
    expect(second.mean).toEqual(first.mean);
    expect(run(0, 3)).toMatchObject({ draws: [0], calls: layers });
    expect(run(0, 3)).toMatchObject({ draws: [], calls: 0 });
  });

  test('every array of an answer is moved, and has a buffer of its own', async () => {
    for (const { kind } of KINDS) {
      const session = new PredictionSession(nodeWorkerHost, {
        posteriors: [posterior(kind)],
        backend: 'wasm',
        compiled: await wasmFactory.compile(),
        pulse: new Int32Array(new SharedArrayBuffer(4)),
        stop: new Int32Array(new SharedArrayBuffer(4)),
        capacity: 16,
        cacheBytes: 0,
      });
      const x = { data: rows(2).data, rows: 2, columns: 4 };
      const prediction = session.predict({ posterior: 0, x, draws: 3, mode: 'sample', levels: [0.1, 0.2] });
      const buffers = buffersOf(prediction);
      expect(new Set(buffers).size).toBe(buffers.length);
      structuredClone(prediction, { transfer: buffers as ArrayBuffer[] });
      const arrays = [
        ...Object.values(prediction),
        ...(prediction.quantiles ?? []).map(({ values }) => values),
      ];
      expect(arrays.filter((value) => ArrayBuffer.isView(value) && value.byteLength > 0)).toEqual([]);
      expect(buffers.length).toBe(kind === 'gaussian' ? 6 : 9);
    }
  });
});

describe('calls', () => {
  test('are answered in order, and one that fails does not stop those behind it', async () => {
    await using session = await openSession(posterior('categorical'));
    const order: number[] = [];
    const asked = [300, 1, 40, 0, 7, 100, 2].map((draws, i) => {
      const answer = session.predict(rows(1 + i), { draws });
      answer.then(
        () => order.push(i),
        () => order.push(-i),
      );
      return answer;
    });
    const settled = await Promise.allSettled(asked);
    expect(order[0]).toBe(-3); // refused before it was sent
    expect(order.slice(1)).toEqual([0, 1, 2, 4, 5, 6]);
    for (const [i, result] of settled.entries()) {
      if (result.status === 'fulfilled') {
        const { rows: count, draws } = result.value;
        expect(bits(result.value)).toEqual(
          bits(await runtime.predict(posterior('categorical'), rows(count), { draws })),
        );
        expect(count).toBe(1 + i);
      }
    }
  });

  const MISTAKES: Array<[string, MatrixLike, SessionPredictOptions]> = [
    ['a column too many', [[1, 2, 3, 4, 5]], {}],
    ['no rows', { data: new Float32Array(0), rows: 0, columns: 4 }, {}],
    ['NaN', [[1, 2, Number.NaN, 4]], {}],
    ['no table', 'rows' as never, {}],
    ['ragged rows', [[1, 2, 3, 4], [1]], {}],
    ['no draws', [[1, 2, 3, 4]], { draws: 0 }],
    ['half a draw', [[1, 2, 3, 4]], { draws: 1.5 }],
    ['another mode', [[1, 2, 3, 4]], { mode: 'median' as never }],
    ['a level of 1', [[1, 2, 3, 4]], { quantiles: [1] }],
    ['levels that are none', [[1, 2, 3, 4]], { quantiles: 0.5 as never }],
  ];
  test.each(MISTAKES)('with %s are refused as runtime.predict refuses them', async (_, x, options) => {
    await using session = await openSession(posterior('gaussian'));
    const error = await caught(session.predict(x, options));
    expect(said(error)).toEqual(said(await caught(runtime.predict(posterior('gaussian'), x, options))));
    expect([RangeError, TypeError]).toContain(error.constructor);
    expect(error.message).toMatch(/^predict: .*expected .*, got .* — [^\n]*$/);
    await session.predict(rows(1), { draws: 1 });
  });
});

describe('an error in the thread arrives with its class, name, code and message', () => {
  test('RangeError, of a prediction', async () => {
    const broken = structuredClone(posterior('gaussian'));
    broken.layers.at(-1)?.weight.mu.fill(3e38); // finite, but no sum of products of it is
    broken.layers.at(-1)?.bias.mu.fill(3e38);
    await using session = await openSession(broken);
    const error = await caught(session.predict(rows(2), { draws: 2, quantiles: [0.5] }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(
      'mixtureQuantiles: expected finite draws, got NaN or ∞ — did training diverge?',
    );
    expect(error.stack).toContain('session.js'); // where it was thrown
    const { mean } = await session.predict(rows(2), { draws: 2 });
    expect(mean.some(Number.isFinite)).toBe(false);
  });

  test('RangeError, of too large a session', async () => {
    const error = await caught(openSession(posterior('gaussian'), { capacity: 2 ** 30 }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/^arena: expected at most 4096 MiB, got \d+ MiB — /);
  });

  test('TypeError and an error with a code, of a thread that cannot have its backend', async () => {
    const thread = new SessionThread(nodePlatform);
    const sizes = { capacity: 16, cacheBytes: 0 };
    const { pulse, stop } = thread;
    const setup = { posteriors: [posterior('gaussian')], ...sizes, compiled: null, pulse, stop };
    const type = await caught(thread.call((remote) => remote.open({ ...setup, backend: 'wasm' })));
    expect(said(type)).toEqual({
      name: 'TypeError',
      message: 'wasm: expected a WebAssembly.Module, got object — pass what compile() gave',
      code: undefined,
      constructor: TypeError,
    });
    const coded = await caught(thread.call((remote) => remote.open({ ...setup, backend: 'abacus' })));
    expect(coded).toBeInstanceOf(BackendUnavailableError);
    expect(said(coded)).toMatchObject({
      name: 'BackendUnavailableError',
      code: 'VARPOOL_BACKEND_UNAVAILABLE',
    });
    expect(coded.message).toMatch(/got abacus — pick one of these$/);
    await thread.close();
  });

  test.each([
    [{ backend: 'abacus' }, BackendUnavailableError],
    [{ capacity: 0 }, RangeError],
    [{ capacity: 2.5 }, RangeError],
    [{ cacheBytes: -1 }, RangeError],
    [{ cacheBytes: Number.NaN }, RangeError],
  ])('and a bad option is refused: %o', async (options, expected) => {
    const error = await caught(openSession(posterior('gaussian'), options));
    expect(error).toBeInstanceOf(expected);
    expect(error.message).toMatch(/: expected .*, got .* — [^\n]*$/);
  });
});

describe('a thread that dies', () => {
  const entry = new URL('../support/mortalSession.mjs', import.meta.url).href;
  const request = (draws: number) => ({
    posterior: 0,
    x: { data: rows(2).data.slice(), rows: 2, columns: 4 },
    draws,
    mode: 'sample' as const,
    levels: [],
  });

  async function mortal(): Promise<SessionThread> {
    const thread = new SessionThread(nodePlatform, { entry });
    const compiled = await wasmFactory.compile();
    const setup = {
      posteriors: [posterior('gaussian')],
      backend: 'wasm',
      compiled,
      capacity: 16,
      cacheBytes: 0,
      pulse: thread.pulse,
      stop: thread.stop,
    };
    await thread.call((remote) => remote.open(setup));
    return thread;
  }

  test.each([
    [13, 'it ended with exit code 7'],
    [14, 'out of luck'],
  ])('rejects the calls that wait and all that follow (%i draws)', async (fatal, reason) => {
    const thread = await mortal();
    await thread.call((remote) => remote.predict(request(3)));
    const asked = [20, fatal, 3, 4].map((draws) => thread.call((remote) => remote.predict(request(draws))));
    const [before, ...lost] = await Promise.allSettled(asked);
    expect(before.status).toBe('fulfilled');
    const later = await Promise.allSettled([thread.call((remote) => remote.predict(request(1)))]);
    for (const result of [...lost, ...later]) {
      const error = (result as PromiseRejectedResult).reason;
      expect(error).toBeInstanceOf(WorkerLostError);
      expect(error.code).toBe('VARPOOL_WORKER_LOST');
      expect(error.message).toBe(
        `session: its worker thread died (${reason}) — call again: another thread is started`,
      );
    }
    await thread.close();
  });

  test('while no call waits is reported at the next call', async () => {
    const thread = await mortal();
    await thread.call((remote) => remote.predict(request(15)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await caught(thread.call((remote) => remote.predict(request(1))))).toBeInstanceOf(WorkerLostError);
    await thread.close();
  });

  test('before it starts rejects too', async () => {
    const thread = new SessionThread(nodePlatform, { entry: new URL('./nowhere.mjs', entry).href });
    const error = await caught(thread.call((remote) => remote.predict(request(1))));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error.message).toContain('nowhere.mjs');
    await thread.close();
  });
});

describe('several posteriors in one session', () => {
  const named = () => ({ kinds: posterior('categorical'), flags: posterior('bernoulli') });

  test('answer by name, each with its own bits, though their calls wait together', async () => {
    await using session = await openSession(named());
    const asked = Array.from({ length: 24 }, (_, n) => {
      const name = n % 2 === 0 ? ('kinds' as const) : ('flags' as const);
      const options = { draws: 5 + (n % 3), mode: n % 4 === 0 ? ('marginal' as const) : ('sample' as const) };
      return { name, options, x: rows(1 + (n % 5)) };
    });
    const answers = await Promise.all(
      asked.map(({ name, options, x }) => session.predict(x, { ...options, posterior: name })),
    );
    for (const [n, { name, options, x }] of asked.entries())
      expect(bits(answers[n])).toEqual(bits(await runtime.predict(named()[name], x, options)));
  });

  test('share what is kept of drawn weights', async () => {
    const several = { a: posterior('categorical'), b: posterior('bernoulli'), c: posterior('gaussian') };
    const size = Math.max(...Object.values(several).map(({ model }) => parameterLayout(model).size));
    const cached: number[] = [];
    const { allocate } = Arena;
    const spy = vi.spyOn(Arena, 'allocate').mockImplementation((layout, ...more) => {
      cached.push(layout.regions.get('cache')?.bytes ?? Number.NaN);
      return allocate.call(Arena, layout, ...more);
    });
    const word = () => new Int32Array(new SharedArrayBuffer(4));
    new PredictionSession(nodeWorkerHost, {
      posteriors: Object.values(several),
      backend: 'wasm',
      compiled: await wasmFactory.compile(),
      pulse: word(),
      stop: word(),
      capacity: 16,
      cacheBytes: size * 4 * 30,
    });
    spy.mockRestore();
    expect(cached).toHaveLength(3);
    for (const bytes of cached) expect(bytes).toBeGreaterThan(0);
    expect(cached.reduce((a, b) => a + b)).toBeLessThanOrEqual(size * 4 * 30);
  });

  test.each<[object, string]>([
    [
      {},
      'predict: posterior: expected the name of a posterior of the session, got nothing — known: kinds, flags',
    ],
    [
      { posterior: 'kind' },
      'predict: posterior: expected the name of a posterior of the session, got "kind" — did you mean kinds?',
    ],
    [
      { posterior: 'toString' },
      'predict: posterior: expected the name of a posterior of the session, got "toString" — known: kinds, flags',
    ],
  ])('and refuse %o', async (options, message) => {
    await using session = await openSession(named());
    expect((await caught(session.predict(rows(1), options))).message).toBe(message);
  });

  test('a session of one has no names; one of several says which posterior is none', async () => {
    await using session = await openSession(posterior('gaussian'));
    expect((await caught(session.predict(rows(1), { posterior: 'a' }))).message).toBe(
      'predict: posterior: expected none, for the session has one, got "a" — leave it out, or open the session with several by name',
    );
    const broken = { ...posterior('gaussian'), seed: 5 as never };
    const error = await caught(openSession({ good: posterior('gaussian'), broken }));
    expect(error.message).toMatch(/^openSession: broken: .*expected .*, got 5 — /);
  });
});

describe('calls that wait', () => {
  test('are computed together where their settings are equal, at most the capacity at once', async () => {
    const q = posterior('gaussian');
    const seen: Array<[number, number]> = [];
    const batch = vi.spyOn(LivingThread.prototype, 'predict').mockImplementation(async ({ x, draws }) => {
      seen.push([x.rows, draws]);
      return runtime.predict(q, x, { draws });
    });
    await using session = await openSession(q, { capacity: 16 });
    const asked = [1, 1, 1, 40, 1].map((count, n) =>
      session.predict(rows(count), { draws: n === 2 ? 7 : 5 }),
    );
    const answers = await Promise.all(asked);
    batch.mockRestore();
    expect(seen.map(([count]) => count).reduce((a, b) => a + b)).toBe(44);
    expect(seen.slice(0, 2)).toEqual([
      [1, 5],
      [16, 5],
    ]);
    expect(seen).toContainEqual([1, 7]);
    expect(Math.max(...seen.map(([count]) => count))).toBe(16);
    for (const [n, count] of [1, 1, 1, 40, 1].entries())
      expect(bits(answers[n])).toEqual(
        bits(await runtime.predict(q, rows(count), { draws: n === 2 ? 7 : 5 })),
      );
  });

  test('are given up by their signal: one that waits at once, one in the thread before its end', async () => {
    await using session = await openSession(posterior('gaussian'));
    const [first, second] = [new AbortController(), new AbortController()];
    // Hours of work.
    const running = session.predict(rows(200), { draws: 1_000_000, signal: first.signal });
    const waiting = session.predict(rows(1), { draws: 3, signal: second.signal });
    const behind = session.predict(rows(2), { draws: 4 });
    second.abort();
    expect((await caught(waiting)).name).toBe('AbortError');
    first.abort(new Error('enough'));
    expect((await caught(running)).message).toBe('enough');
    expect((await behind).rows).toBe(2);
    expect((await caught(session.predict(rows(1), { signal: first.signal }))).message).toBe('enough');
  });
});

describe('after the loss of its thread', () => {
  const entry = new URL('../support/mortalSession.mjs', import.meta.url).href;
  const mortal = (deaths: number, options = {}) => {
    let started = 0;
    const platform = {
      ...nodePlatform,
      startSession: (given: Parameters<typeof nodePlatform.startSession>[0]) =>
        nodePlatform.startSession(started++ < deaths ? { ...given, entry } : given),
    };
    return openOn(platform, mine, { cacheBytes: 0, ...options });
  };
  let mine: Posterior;

  test('all that waits is rejected at once, and the next call is answered by another, from what was opened', async () => {
    mine = structuredClone(posterior('gaussian'));
    await using session = await mortal(2);
    const expected = bits(await runtime.predict(posterior('gaussian'), rows(2), { draws: 13 }));
    for (const { weight } of mine.layers) weight.mu.fill(9);
    for (let deaths = 0; deaths < 2; deaths++) {
      const asked = [20, 13, 3].map((draws) => session.predict(rows(2), { draws }));
      const [before, ...lost] = await Promise.allSettled(asked);
      expect(before.status).toBe('fulfilled');
      for (const end of lost) {
        const { reason } = end as PromiseRejectedResult;
        expect(reason).toBeInstanceOf(WorkerLostError);
        expect(reason.message).toBe(
          'session: its worker thread died (it ended with exit code 7) — call again: another thread is started',
        );
      }
    }
    expect(bits(await session.predict(rows(2), { draws: 13 }))).toEqual(expected);
  });

  test('while no call waits, the next call is answered all the same', async () => {
    mine = posterior('gaussian');
    await using session = await mortal(1);
    await session.predict(rows(2), { draws: 15 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(bits(await session.predict(rows(2), { draws: 13 }))).toEqual(
      bits(await runtime.predict(mine, rows(2), { draws: 13 })),
    );
  });
});

test('says once what to do where weights are drawn anew for every call', async () => {
  const model = build({ inputSize: 1000, hiddenSizes: [1000], outputSize: 1 });
  const large = madeUpPosterior(model, { kind: 'gaussian', scale: 'learned' });
  const warnings: string[] = [];
  const options = { cacheBytes: 8 << 20, onWarning: (message: string) => warnings.push(message) };
  await using session = await openSession(large, options);
  const x = { data: new Float32Array(1000), rows: 1, columns: 1000 };
  await session.predict(x, { draws: 30, mode: 'marginal' });
  await session.predict(x, { draws: 3 });
  expect(warnings).toEqual([]);
  await session.predict(x, { draws: 30 });
  await session.predict(x, { draws: 31 });
  expect(warnings).toEqual([
    'session: cacheBytes: expected room for the weights of 30 draws (118 MiB), got 8 MiB — raise cacheBytes, or take mode marginal: what is not kept is drawn anew for every batch',
  ]);
});

describe('the end', () => {
  test('close waits for what was asked, may be called again, and lets nothing follow', async () => {
    const session = await openSession(posterior('gaussian'));
    const asked = [200, 3].map((draws) => session.predict(rows(50), { draws }));
    const ends = [session.close(), session.close()];
    expect((await Promise.all(asked)).map(({ draws }) => draws)).toEqual([200, 3]);
    await Promise.all(ends);
    const CLOSED = 'session: expected an open session, got a closed one — open another';
    expect((await caught(session.predict(rows(1)))).message).toBe(CLOSED);
    await session[Symbol.asyncDispose]();
  });

  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'varpool-session-'));
    await savePosterior(join(folder, 'posterior.safetensors'), posterior('gaussian'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const ENDS = {
    closing: 'await session.predict(x); await session.close();',
    'closing in the middle': 'const p = session.predict(x, { draws: 3000 }); await session.close(); await p;',
    'a mistake': 'await session.predict([[1]]).catch(() => {}); await session.close();',
    'an opening that failed':
      'await openSession(q, { capacity: 2 ** 30 }).catch(() => {}); await session.close();',
    disposal: 'await session.predict(x); await session[Symbol.asyncDispose]();',
  };
  test.each(Object.entries(ENDS))('after %s no thread or handle is left', async (_, end) => {
    const script = `
      import { load, openSession } from 'varpool';
      const q = load(${JSON.stringify(join(folder, 'posterior.safetensors'))});
      const x = [[1, 2, 3, 4]];
      const session = await openSession(q);
      ${end}
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(JSON.stringify(process.getActiveResourcesInfo()));`;
    const { code, stdout, stderr } = await runNode(script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const left = (JSON.parse(stdout) as string[]).filter(
      (name) => !/^(PipeWrap|TTYWrap|Immediate)$/.test(name),
    );
    expect(left).toEqual([]);
  });

  test('a session that is never closed holds the process while it works, and no longer', async () => {
    const { code, stdout, stderr } = await runNode(`
      import { load, openSession } from 'varpool';
      const session = await openSession(load(${JSON.stringify(join(folder, 'posterior.safetensors'))}));
      session.predict([[1, 2, 3, 4]], { draws: 3000 }).then(({ draws }) => console.log(draws));`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '3000\n', stderr: '' });
  });

  test("README's example runs, and ends by itself", async () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const [, example] = [...readme.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
    expect(example).toContain('openSession');
    const file = join(folder, 'strength.safetensors');
    const x = { data: curveData(40, 8, 'gaussian', 1).x, y: curveData(40, 8, 'gaussian', 1).y };
    const model = build({ inputSize: 8, hiddenSizes: [10], outputSize: 1 });
    await savePosterior(file, await runtime.train(model, { x: x.data, y: x.y }, { epochs: 1 }));
    const script = example.replace("'runs/strength/posterior.safetensors'", JSON.stringify(file));
    expect(script).not.toBe(example);
    const { code, stdout, stderr } = await runNode(script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^-?[\d.]+ ± [\d.]+\n$/);
  });
});

/** Runs a module in a process of its own, which is given 20 seconds to end by itself; `varpool` in it is this checkout. */
function runNode(script: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = { cwd: ROOT, timeout: 20_000 };
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], options);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
