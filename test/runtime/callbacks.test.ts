// What a caller hands in and gets back besides numbers: callbacks that throw end their call with that very error, one signal serves
// any number of calls without a warning, and a failure surfaces, now or later.

import { spawnSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime, type Runtime } from '../../src/node.ts';
import type { TrainOptions } from '../../src/runtime/options.ts';
import { FAULTY, type Fault, trainWithFaults } from '../support/faults.ts';
import { curveData, smallProblem } from '../support/problems.ts';

let runtime: Runtime;
let posterior: Posterior;
const { model, data, options } = smallProblem('gaussian', 2);
const x = curveData(40, 4, 'gaussian', 2).x;
const REASON = new Error('thrown by a callback');
const fail = () => {
  throw REASON;
};

beforeAll(async () => {
  runtime = createRuntime({ workers: 2, seed: 'callbacks' });
  posterior = await runtime.train(model, data, options);
});
afterAll(() => runtime.close());

describe('a callback that throws', () => {
  /** Trains with a callback that throws; the error and the steps whose states were saved. */
  async function train(more: TrainOptions) {
    const saved: number[] = [];
    const checkpoint = { everySteps: 1e6, save: ({ step }: { step: number }) => void saved.push(step) };
    const run = runtime.train(model, data, { ...options, checkpoint, ...more });
    const error = await run.then(null, (reason: unknown) => reason);
    return { error, saved };
  }

  test('onProgress, in the middle of the steps: training stops there and its state is saved', async () => {
    let progress = 0;
    const { error, saved } = await train({
      epochs: 1e6,
      onProgress: ({ step }) => {
        progress = step;
        if (step > 100) fail();
      },
    });
    expect(error).toBe(REASON);
    expect(saved).toHaveLength(1);
    // A stretch is 250 ms of steps, hundreds of them; the flag is looked at in every one.
    expect(saved[0]).toBeGreaterThanOrEqual(progress);
  });

  test.each([
    ['onReport', { onReport: fail }],
    ['onWarning of a runtime', {}],
  ])('%s: the training is rejected with it, and a state is saved', async (name, more) => {
    if (name === 'onReport') {
      const { error, saved } = await train(more);
      expect(error).toBe(REASON);
      expect(saved).toEqual([0]);
      return;
    }
    await using warned = createRuntime({ ...FAULTY, workers: 1, seed: 'callbacks', onWarning: fail });
    const saved: number[] = [];
    const checkpoint = { everySteps: 1e6, save: ({ step }: { step: number }) => void saved.push(step) };
    const faults: Fault[] = [{ kind: 'exit', step: 1 }];
    const run = trainWithFaults(warned, model, data, { ...options, checkpoint }, faults);
    await expect(Promise.resolve(run)).rejects.toBe(REASON);
    expect(saved).toEqual([0]);
  });

  test.each(['onMember', 'onReport', 'onProgress'])('%s of an ensemble ends all members', async (name) => {
    const run = runtime.trainEnsemble(model, data, { ...options, members: 3, [name]: fail });
    await expect(Promise.resolve(run)).rejects.toBe(REASON);
  });

  test('onProgress of predict, evaluate and draws: rejected with it, once no worker is at it', async () => {
    const told = { draws: 40, onProgress: fail };
    await expect(runtime.predict(posterior, x, told)).rejects.toBe(REASON);
    await expect(runtime.evaluate(posterior, data, told)).rejects.toBe(REASON);
    await expect(runtime.draws(posterior, x, told).next()).rejects.toBe(REASON);
  });

  test('leaves the runtime as it was', async () => {
    const again = await runtime.train(model, data, options);
    expect(posteriorDigest(again)).toBe(posteriorDigest(posterior));
  });
});

describe('many calls at once', () => {
  const warnings: Error[] = [];
  const keep = (warning: Error) => void warnings.push(warning);
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', keep);
  });
  afterEach(async () => {
    await setImmediate(); // Warnings are told in a later turn.
    process.off('warning', keep);
    expect(warnings).toEqual([]);
  });

  test('an ensemble of 14 members', async () => {
    const ensemble = await runtime.trainEnsemble(model, data, { ...options, epochs: 1, members: 14 });
    expect(ensemble.members).toHaveLength(14);
  });

  test('trainings and predictions with one signal, which ends them all', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const predictions = Array.from({ length: 15 }, () => runtime.predict(posterior, x, { draws: 9, signal }));
    await Promise.all(predictions);
    const trainings = Array.from({ length: 15 }, () =>
      runtime.train(model, data, { ...options, epochs: 1e6, signal }),
    );
    const ends = Promise.allSettled(trainings);
    controller.abort(REASON);
    for (const end of await ends) expect(end).toEqual({ status: 'rejected', reason: REASON });
  });

  test('a team of 12 workers', async () => {
    await using many = createRuntime({ workers: 12 });
    const wide = build({ inputSize: 4, hiddenSizes: [512, 512], outputSize: 2 });
    const { team } = await many.train(wide, data, { epochs: 1, batchSize: 90 }).result;
    expect(team).toBe(12);
  });
});

describe('a run as a promise', () => {
  test('has catch, finally and a name', async () => {
    const bad = () => runtime.train(model, data, { ...options, onReport: fail });
    expect(await bad().catch((reason: unknown) => reason)).toBe(REASON);
    let settled = 0;
    await expect(bad().finally(() => void settled++)).rejects.toBe(REASON);
    const good = await runtime.train(model, data, options).finally(() => void settled++);
    expect([posteriorDigest(good), settled]).toEqual([posteriorDigest(posterior), 2]);
    expect(Object.prototype.toString.call(runtime.train(model, data, options))).toBe('[object TrainingRun]');
    const promise: Promise<Posterior> = runtime.train(model, data, options);
    await promise;
  });

  const PRELUDE = `
    import { build, createRuntime } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
    const runtime = createRuntime({ workers: 1 });
    const model = build({ inputSize: 1, hiddenSizes: [4], outputSize: 1 });
    const fail = () => runtime.train(model, { x: { data: [1, 2], shape: [2, 1] }, y: [1, 2] }, { epochs: 1, onReport: () => { throw new Error('failed') } });
    const later = () => new Promise((resolve) => setTimeout(resolve, 300));
  `;
  function node(script: string, ...flags: string[]) {
    const words = [...flags, '--input-type=module', '-e', PRELUDE + script];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, stdout, stderr };
  }

  test('that fails and is never awaited ends the process with an unhandled rejection, at its end', () => {
    const { status, stdout, stderr } = node(`fail(); await later(); console.log('goes on');`);
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'goes on\n' });
    expect(stderr).toContain('Error: failed');
  });

  test('and once it is collected as garbage, in a process that continues', () => {
    const script = `process.on('unhandledRejection', (error) => { console.log(error.message); process.exit(0); });
      fail(); for (;;) { await fail().catch(() => later()); gc(); }`;
    expect(node(script, '--expose-gc')).toEqual({ status: 0, stdout: 'failed\n', stderr: '' });
  });

  test.each([
    ['awaited', `await run.then(null, (error) => console.log(error.message));`],
    ['caught', `await run.catch((error) => console.log(error.message));`],
    ['asked for its result', `await run.result.catch((error) => console.log(error.message));`],
    ['read', `try { for await (const report of run); } catch (error) { console.log(error.message); }`],
  ])('that fails and is %s later is not unhandled', (_, ask) => {
    const script = `const run = fail(); await later(); ${ask} await runtime.close();`;
    expect(node(script)).toEqual({ status: 0, stdout: 'failed\n', stderr: '' });
  });
});
