// What an engine does when its threads die, and what its callers get.

import { describe, expect, test, vi } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import { WorkerLostError } from '../../src/errors.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { openSession as openOn, type Session } from '../../src/runtime/session.ts';
import { type PredictionSettings, SessionEngine } from '../../src/serve/batching/engine.ts';
import { asProblem } from '../../src/serve/problem.ts';
import { POSTERIORS, rowsFor, runtime } from './harness.ts';

const SETTINGS: PredictionSettings = { draws: 10, mode: 'sample', levels: [0.5], seed: null };

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
    const lost = new WorkerLostError(
      'session: its worker thread died (exit 1) — call again: another thread is started',
    );
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
