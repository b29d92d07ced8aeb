// Beginnings and ends: abort, divergence, workers lost for good, closing, several jobs at once. After each of them the runtime is
// as usable as before, and after close nothing of it is left.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DivergedError, WorkerLostError } from '../../src/errors.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime, type Runtime } from '../../src/node.ts';
import type { TrainProgress } from '../../src/scheduler/training/reports.ts';
import { FAULTY, type Fault, trainWithFaults } from '../support/faults.ts';
import { curveData, smallProblem, teamProblem } from '../support/problems.ts';

const warnings: string[] = [];
let runtime: Runtime;
let digest: string;

function open(workers: number): Runtime {
  return createRuntime({
    workers,
    seed: 'lifecycle',
    onWarning: (message) => warnings.push(message),
    ...FAULTY,
  });
}

/** Trains the standard problem; it must come out as it did on a fresh runtime. */
async function expectUsable(used: Runtime): Promise<void> {
  const { model, data, options } = teamProblem(1);
  expect(posteriorDigest(await used.train(model, data, options))).toBe(digest);
}

beforeAll(async () => {
  const { model, data, options } = teamProblem(1);
  await using fresh = open(1);
  digest = posteriorDigest(await fresh.train(model, data, options));
  runtime = open(3);
});
afterAll(() => runtime.close());

const rows = (count: number) => curveData(count, 9, 'categorical', 3, 120).x;

describe('abort', () => {
  test("stops a training within a few steps, with the signal's reason", async () => {
    const { model, data, options } = teamProblem(1);
    const controller = new AbortController();
    const reason = new Error('enough');
    let abortedAt = -1;
    let last: TrainProgress | undefined;
    const run = runtime.train(model, data, {
      ...options,
      epochs: 100_000,
      signal: controller.signal,
      onProgress: (progress) => {
        last = progress;
        if (progress.step < 30 || abortedAt >= 0) return;
        abortedAt = progress.step;
        controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(abortedAt).toBeGreaterThanOrEqual(30);
    // A stretch is 250 ms of steps, over a hundred; the flag is looked at in every one.
    expect((last as TrainProgress).step - abortedAt).toBeLessThanOrEqual(30);
    await expectUsable(runtime);
  });

  test('before the start does nothing but throw the reason', async () => {
    const { model, data, options } = teamProblem(1);
    const signal = AbortSignal.abort('not now');
    const steps: number[] = [];
    const onProgress = ({ step }: TrainProgress) => steps.push(step);
    await expect(runtime.train(model, data, { ...options, signal, onProgress })).rejects.toBe('not now');
    const posterior = await runtime.train(model, data, { ...options, epochs: 1 });
    await expect(runtime.predict(posterior, rows(5), { signal })).rejects.toBe('not now');
    await expect(runtime.predict(posterior, rows(5), { signal, quantiles: [0.5] })).rejects.toBe('not now');
    await expect(runtime.draws(posterior, rows(5), { signal }).next()).rejects.toBe('not now');
    expect(steps).toEqual([]);
  });

  test('stops a prediction after the tiles in flight', async () => {
    const { model, data, options } = teamProblem(1);
    const posterior = await runtime.train(model, data, { ...options, epochs: 1 });
    for (const quantiles of [[], [0.5]]) {
      const controller = new AbortController();
      let after = 0;
      const onProgress = ({ done }: { done: number; total: number }) => {
        if (controller.signal.aborted) after++;
        if (done >= 3) controller.abort(new Error('stop predicting'));
      };
      const running = runtime.predict(posterior, rows(200), {
        draws: 20_000,
        quantiles,
        signal: controller.signal,
        onProgress,
      });
      await expect(running).rejects.toThrow('stop predicting');
      expect(after).toBeLessThanOrEqual(1);
    }
    await expectUsable(runtime);
  });

  test('leaves no listener on the signal', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof remove;
    const posterior = await runtime.train(model, data, { ...options, signal });
    await runtime.predict(posterior, curveData(9, 4, 'gaussian', 1).x, { draws: 3, signal });
    expect(listeners).toBe(0);
  });
});

describe('divergence', () => {
  test.each([1, 2, 3])('names the step and the tensor, the same with %i workers', async (workers) => {
    await using other = open(workers);
    const { model, data, options } = teamProblem(1);
    const run = other.train(model, data, {
      ...options,
      optimizer: { kind: 'sgd', learningRate: 1e4 },
      epochs: 20,
    });
    const error = await run.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(DivergedError);
    const { step, tensor, code, message } = error as DivergedError;
    expect({ step, tensor, code }).toEqual({
      step: 3,
      tensor: 'layers.0.weight.rho',
      code: 'VARPOOL_DIVERGED',
    });
    expect(message).toBe(
      `train: expected finite numbers, got NaN or infinity in ${tensor} at step ${step} — lower the learning rate or look for outliers in the data`,
    );
    await expectUsable(other);
  });
});

describe('workers lost for good', () => {
  test('end a training with WorkerLostError after a few tries, and the runtime stays usable', async () => {
    const { model, data, options } = teamProblem(1);
    warnings.length = 0;
    const faults = Array.from({ length: 6 }, (): Fault => ({ kind: 'exit', rank: 1, step: 2 }));
    const error = await trainWithFaults(runtime, model, data, options, faults).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(WorkerLostError);
    expect((error as WorkerLostError).code).toBe('VARPOOL_WORKER_LOST');
    expect((error as WorkerLostError).message).toMatch(
      /^train: expected workers to survive steps from 0, got 4 losses in a row \(.+\) — free memory or lower workers$/,
    );
    expect(warnings).toHaveLength(3);
    expect(faults).toHaveLength(2);
    await expectUsable(runtime);
  });
});

test('a step that never survives ends a training, though the steps before it succeed after every roll-back', async () => {
  const { model, data, options } = teamProblem(1);
  // Validation ends a stretch with every epoch of three steps: two of them succeed on the way to step 6, each time.
  const validation = { ...data, draws: 1 };
  const faults = Array.from({ length: 6 }, (): Fault => ({ kind: 'exit', rank: 1, step: 6 }));
  const training = trainWithFaults(runtime, model, data, { ...options, epochs: 4, validation }, faults);
  await expect(Promise.resolve(training)).rejects.toBeInstanceOf(WorkerLostError);
  expect(faults).toHaveLength(2);
  await expectUsable(runtime);
});

describe('workers that die while they start', () => {
  const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

  test('are replaced, and when all of them do, the training ends with WorkerLostError', async () => {
    const ends = [];
    // The first n threads end at once: the pool of threads can then not be mended, only replaced.
    for (const n of [0, 1, 2, 3, 1e9]) {
      const words = ['--import', support('exitsAtStart.mjs'), support('trainsOnce.mjs')];
      const { code, stdout, stderr } = await runNode(words, { EXITS: String(n) });
      expect(code, stderr).toBe(0);
      ends.push(stdout.trim());
    }
    expect(ends[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(ends).toEqual([ends[0], ends[0], ends[0], ends[0], 'VARPOOL_WORKER_LOST']);
  });
});

describe('several jobs at once', () => {
  test('trainings of whole teams and predictions share a runtime without a deadlock', async () => {
    const { model, data, options } = teamProblem(1);
    const posterior = await runtime.train(model, data, options);
    const small = smallProblem('gaussian', 1);
    const alone = await runtime.train(small.model, small.data, small.options);
    const predicted = await runtime.predict(posterior, rows(300), { draws: 40 });
    const [first, second, third, prediction, one, two] = await Promise.all([
      runtime.train(model, data, options),
      runtime.train(model, data, { ...options, seed: 'other' }),
      trainWithFaults(runtime, model, data, options, [{ kind: 'exit', rank: 2, step: 1 }]),
      runtime.predict(posterior, rows(300), { draws: 40 }),
      runtime.train(small.model, small.data, small.options),
      runtime.train(small.model, small.data, small.options),
    ]);
    expect(posteriorDigest(first)).toBe(digest);
    expect(posteriorDigest(second)).not.toBe(digest);
    expect(posteriorDigest(third)).toBe(digest);
    expect(prediction).toEqual(predicted);
    expect(posteriorDigest(one)).toBe(posteriorDigest(alone));
    expect(posteriorDigest(two)).toBe(posteriorDigest(alone));
  });

  test('a run may be read by several readers and awaited several times', async () => {
    const { model, data, options } = smallProblem('categorical', 3);
    const run = runtime.train(model, data, options);
    const read = async () => {
      const epochs: number[] = [];
      for await (const { epoch } of run) epochs.push(epoch);
      return epochs;
    };
    const [a, b, posterior, again] = await Promise.all([read(), read(), run, run]);
    expect(a).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(b).toEqual(a);
    expect(await read()).toEqual(a);
    expect(again).toBe(posterior);
  });

  test('draws may be left early', async () => {
    const { model, data, options } = teamProblem(1);
    const posterior = await runtime.train(model, data, options);
    for await (const { draw } of runtime.draws(posterior, rows(20), { draws: 1000 })) if (draw === 9) break;
    await expectUsable(runtime);
  });
});

describe('closing', () => {
  const CLOSED = 'runtime: expected an open runtime, got a closed one — create another';

  test('while a training and a prediction run: both end with an error, none unhandled, close returns', async () => {
    const busy = open(2);
    const { model, data, options } = teamProblem(1);
    const posterior = await busy.train(model, data, options);
    const training = busy.train(model, data, { ...options, epochs: 100_000 });
    const prediction = busy.predict(posterior, rows(500), { draws: 50_000 });
    const ends = Promise.allSettled([training, prediction]);
    for await (const { epoch } of training) if (epoch === 3) break;
    await busy.close();
    for (const end of await ends) {
      expect(end.status).toBe('rejected');
      expect((end as PromiseRejectedResult).reason.message).toBe(CLOSED);
    }
  });

  test('twice or unused is nothing; use after it is an error', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    const used = open(1);
    const posterior = await used.train(model, data, options);
    await used.close();
    await used.close();
    await expect(used.train(model, data, options)).rejects.toThrow(CLOSED);
    await expect(used.predict(posterior, curveData(3, 4, 'gaussian', 1).x)).rejects.toThrow(CLOSED);
    await expect(used.draws(posterior, curveData(3, 4, 'gaussian', 1).x).next()).rejects.toThrow(CLOSED);
    await open(2).close();
  });

  const PRELUDE = `
    import { build, createRuntime } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
    const runtime = createRuntime({ workers: 2, onWarning: () => {}, workerHook: ${JSON.stringify(FAULTY.workerHook)} });
    const model = build({ inputSize: 2, hiddenSizes: [300, 300], outputSize: 1 });
    const x = { data: Float32Array.from({ length: 400 }, (_, i) => Math.sin(i)), shape: [200, 2] };
    const y = Float32Array.from({ length: 200 }, (_, i) => Math.cos(i));
    const train = (options) => runtime.train(model, { x, y }, { epochs: 3, batchSize: 64, ...options });
  `;
  const ENDS = {
    'a training and a prediction': `const q = await train({}); await runtime.predict(q, x, { quantiles: [0.5], draws: 9 }); await runtime.close();`,
    'an abort': `await train({ epochs: 1e6, signal: AbortSignal.timeout(200) }).then(null, () => {}); await runtime.close();`,
    'a mistake': `await train({ epochs: -1 }).then(null, () => {}); await runtime.close();`,
    'a lost worker': `const faults = [{ kind: 'exit', rank: 0, step: 1 }]; const order = () => faults.length === 0 ? undefined : faults.splice(0); await runtime.trainWithHooks(model, { x, y }, { epochs: 3 }, { order }); await runtime.close();`,
    'draws left early': `const q = await train({}); for await (const d of runtime.draws(q, x, {})) break; await runtime.close();`,
    'closing in the middle': `const t = train({ epochs: 1e6 }); const e = t.then(null, () => {}); for await (const r of t) break; await runtime.close(); await e;`,
    disposal: `await train({}); await runtime[Symbol.asyncDispose]();`,
  };
  test.each(Object.entries(ENDS))(
    'after %s the process ends by itself, with no thread or handle left',
    async (_, end) => {
      const script = `${PRELUDE}${end}\nawait new Promise((resolve) => setTimeout(resolve, 50));\nconsole.log(JSON.stringify(process.getActiveResourcesInfo()));`;
      const { code, stdout, stderr } = await runNode(script);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const left = (JSON.parse(stdout) as string[]).filter(
        (name) => !/^(PipeWrap|TTYWrap|Immediate)$/.test(name),
      );
      expect(left).toEqual([]);
    },
  );
});

/** Runs a module (or Node with these words) in a process of its own, which is given 20 seconds to end by itself. */
function runNode(
  script: string | readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const words = typeof script === 'string' ? ['--input-type=module', '-e', script] : script;
    const child = spawn(process.execPath, words, {
      timeout: 20_000,
      env: { ...process.env, ...env },
    });
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
