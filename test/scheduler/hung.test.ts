// Workers that hang instead of dying: the waiting caller gets an error, work is done again where that is possible, with the same bits,
// and a process whose thread cannot be ended ends all the same.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Posterior } from '../../src/core/posterior.ts';
import { WorkerLostError } from '../../src/errors.ts';
import { createRuntime, type Runtime } from '../../src/node.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { standsStill } from '../../src/scheduler/liveness.ts';
import { SessionThread } from '../../src/scheduler/prediction/sessionThread.ts';
import { curveData, smallProblem } from '../support/problems.ts';

const support = (name: string) => new URL(`../support/${name}`, import.meta.url);
/** Long enough for a loaded machine to finish a draw of a tiny network, short enough to wait for. */
const PATIENCE = 2_000;

let folder: string;
const warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varpool-hung-'));
  vi.stubEnv('HANGS_IN', folder);
  warnings.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function hanging(hangs: string): Runtime {
  vi.stubEnv('HANGS', hangs);
  const testing = { entry: support('hangingWorker.mjs').href, patience: PATIENCE };
  const onWarning = (message: string) => void warnings.push(message);
  return createRuntime({ workers: 2, seed: 'hung', onWarning, testing });
}

const { model, data, options } = smallProblem('gaussian', 2);
const x = curveData(40, 4, 'gaussian', 2).x;

async function fitted(): Promise<Posterior> {
  await using runtime = createRuntime({ workers: 2, seed: 'hung' });
  return await runtime.train(model, data, { ...options, epochs: 1 });
}

describe('a worker that hangs in a prediction', () => {
  test('is ended and its tile computed again, to the same bits', async () => {
    const posterior = await fitted();
    await using runtime = createRuntime({ workers: 2, seed: 'hung' });
    const wanted = await runtime.predict(posterior, x, { draws: 40 });
    await using hung = hanging('predict:1');
    expect(await hung.predict(posterior, x, { draws: 40 })).toEqual(wanted);
    expect(warnings).toEqual([
      'predict: a worker was lost (worker: no sign of life for 2 s); its part is computed again',
    ]);
  });

  test('does so while variances are prepared and while single draws are read', async () => {
    const posterior = await fitted();
    await using hung = hanging('prepare:1');
    await hung.predict(posterior, x, { draws: 40, mode: 'marginal' });
    expect(warnings).toHaveLength(1);
    await using another = hanging('predict:2');
    const draws = [];
    for await (const { draw } of another.draws(posterior, x, { draws: 3 })) draws.push(draw);
    expect(draws).toEqual([0, 1, 2]);
  });

  test('again and again rejects it, and a training whose validation it was saves its state', async () => {
    await using hung = hanging('predict:99');
    const saved: number[] = [];
    const run = hung.train(model, data, {
      ...options,
      epochs: 2,
      validation: data,
      checkpoint: { everySteps: 1e6, save: ({ step }) => void saved.push(step) },
    });
    const error = await run.then(null, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(WorkerLostError);
    expect((error as Error).message).toMatch(
      /^predict: expected a worker to survive draws 0 to 7, got 4 losses \(worker: no sign of life for 2 s\)/,
    );
    expect(saved).toEqual([0]);
  }, 30_000);

  test('for good, in native code, rejects it, and the process ends by itself with its own status', () => {
    if (!canCallNative()) return;
    const env = { ...process.env, HANGS: 'predict:9:native', HANGS_IN: folder };
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [fileURLToPath(support('predictsStuck.mjs'))],
      { encoding: 'utf8', env, timeout: 20_000 },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe(
      'VARPOOL_WORKER_LOST runtime: a worker thread is stuck in native code and cannot be ended; it takes a core until the process ends — end the process\n',
    );
    expect({ status, signal }).toEqual({ status: 3, signal: null });
  });
});

test("a session's thread that hangs rejects what waits for it and what follows, and can be closed", async () => {
  const posterior = await fitted();
  const thread = new SessionThread(nodePlatform, {
    entry: support('mortalSession.mjs').href,
    patience: PATIENCE,
  });
  const compiled = await wasmFactory.compile();
  const { pulse, stop } = thread;
  const sizes = { capacity: 16, cacheBytes: 0 };
  const setup = { posteriors: [posterior], backend: 'wasm', compiled, ...sizes, pulse, stop };
  await thread.call((remote) => remote.open(setup));
  const ask = (draws: number) =>
    thread.call((remote) => {
      const request = {
        posterior: 0,
        x: { data: new Float32Array(4), rows: 1, columns: 4 },
        draws,
        mode: 'sample' as const,
      };
      return remote.predict({ ...request, levels: [] });
    });
  expect((await ask(3)).draws).toBe(3);
  const ends = await Promise.allSettled([ask(16), ask(4)]);
  for (const end of [...ends, ...(await Promise.allSettled([ask(3)]))]) {
    expect((end as PromiseRejectedResult).reason).toBeInstanceOf(WorkerLostError);
    expect((end as PromiseRejectedResult).reason.message).toContain('no sign of life for 2 s');
  }
  await thread.close();
});

describe('standing still', () => {
  test('is no progress for as long as the patience; slow progress is not', async () => {
    vi.useFakeTimers();
    try {
      let count = 0;
      let settle = () => undefined as unknown;
      const settled = new Promise((resolve) => {
        settle = () => resolve(undefined) as unknown;
      });
      const slow = standsStill(settled, 1000, () => count);
      for (let n = 0; n < 30; n++) {
        await vi.advanceTimersByTimeAsync(900);
        count++;
      }
      settle();
      expect(await slow).toBe(false);
      const hung = standsStill(new Promise(() => undefined), 1000, () => count);
      await vi.advanceTimersByTimeAsync(1000);
      expect(await hung).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});

function canCallNative(): boolean {
  if (process.platform === 'win32') return false;
  try {
    createRequire(import.meta.url)('koffi');
    return true;
  } catch {
    return false;
  }
}
