// The runtime of a page that cannot share memory: everything computed behind messages has the bits and the errors of Node.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { answerRuntimeCalls, type RuntimeSetup } from '../../src/browser/lone.ts';
import { RemoteRuntime } from '../../src/browser/remoteRuntime.ts';
import { DivergedError, WorkerLostError } from '../../src/errors.ts';
import { anyPosteriorDigest, posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../src/node.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { smallProblem } from '../support/problems.ts';
import { FakeWorker } from './fakeWorkers.ts';

const { model, data, options } = smallProblem('gaussian', 2);
const seed = 'elsewhere';
let workers: FakeWorker[];
let warnings: string[];
/** Messages of the workers to the page. */
let sent: { readonly kind: string }[];
let runtime: RemoteRuntime;
const onNode = createRuntime({ workers: 2, backend: 'wasm', seed });

const platform: Platform = {
  ...nodePlatform,
  sharesMemory: false,
  startPool: (size) => ({
    size,
    settled: 0,
    stuck: false,
    run: () => Promise.reject(new Error('expected nothing to be computed here, got a request')),
    endWorkers: async () => undefined,
    release: async () => undefined,
    close: async () => undefined,
  }),
};

beforeEach(() => {
  workers = [];
  warnings = [];
  sent = [];
  const start = () => {
    const worker = new FakeWorker((scope, role) => {
      const postMessage = (message: unknown) => {
        sent.push(message as (typeof sent)[number]);
        scope.postMessage(message);
      };
      const addEventListener = scope.addEventListener.bind(scope);
      answerRuntimeCalls({ ...scope, postMessage, addEventListener }, role as RuntimeSetup);
    });
    workers.push(worker);
    return worker;
  };
  const onWarning = (message: string) => void warnings.push(message);
  runtime = new RemoteRuntime(platform, start, { backend: 'wasm', seed, workers: 4, onWarning });
});

afterEach(() => runtime.close());

test('has the bits of Node, with one worker', async () => {
  const expected = await onNode.train(model, data, options);
  const posterior = await runtime.train(model, data, options);
  expect(runtime.workers).toBe(1);
  expect(posteriorDigest(posterior)).toBe(posteriorDigest(expected));
  const rows = { draws: 20, quantiles: [0.1, 0.9] };
  expect(await runtime.predict(posterior, data.x, rows)).toEqual(
    await onNode.predict(expected, data.x, rows),
  );
  const evaluation = await onNode.evaluate(expected, data, { draws: 20 });
  expect(await runtime.evaluate(posterior, data, { draws: 20 })).toEqual(evaluation);
  expect(workers).toHaveLength(1);
});

test('sends the names of classes and the rows held out', async () => {
  const classes = smallProblem('categorical', 3);
  const named = {
    ...classes.options,
    epochs: 4,
    classNames: ['a', 'b', 'c'],
    validation: { ...classes.data, draws: 7 },
    select: 'best',
  } as const;
  const [here, there] = [[], []] as unknown[][];
  const posterior = await runtime.train(classes.model, classes.data, {
    ...named,
    onReport: ({ seconds, ...rest }) => void here.push(rest),
  });
  const expected = await onNode.train(classes.model, classes.data, {
    ...named,
    onReport: ({ seconds, ...rest }) => void there.push(rest),
  });
  expect(here).toEqual(there);
  expect(posterior).toEqual(expected);
});

test('gives single draws one by one, as many as are asked for', async () => {
  const posterior = await runtime.train(model, data, options);
  const drawn = [];
  for await (const draw of runtime.draws(posterior, data.x, { draws: 5 })) {
    drawn.push(draw);
    if (drawn.length === 3) break;
  }
  const expected = [];
  for await (const draw of onNode.draws(posterior, data.x, { draws: 3 })) expected.push(draw);
  expect(drawn).toEqual(expected);
  // The worker's call ends with the loop, and gives its memory back: the training before it ended with a result.
  const ends = () => sent.map(({ kind }) => kind).filter((kind) => kind === 'result' || kind === 'error');
  await expect.poll(ends).toEqual(['result', 'error']);
});

test('an ensemble has the bits of Node', async () => {
  const members = { ...options, epochs: 1, members: 3 };
  expect(anyPosteriorDigest(await runtime.trainEnsemble(model, data, members))).toBe(
    anyPosteriorDigest(await onNode.trainEnsemble(model, data, members)),
  );
});

test('saves, stops at a signal between two slices, and resumes to the same bits', async () => {
  const long = { ...options, epochs: 30 };
  const expected = posteriorDigest(await onNode.train(model, data, long));
  const stop = new AbortController();
  const states: { step: number }[] = [];
  const run = runtime.train(model, data, {
    ...long,
    signal: stop.signal,
    checkpoint: { everySteps: 5, save: (state) => void states.push(state) },
    onReport: ({ epoch }) => {
      if (epoch === 4) stop.abort(new Error('enough'));
    },
  });
  await expect(run).rejects.toThrow('enough');
  const resume = states.at(-1) as never;
  expect(posteriorDigest(await runtime.train(model, data, { ...long, resume }))).toBe(expected);
});

test('errors keep their class and their fields', async () => {
  const wild = { ...options, optimizer: { kind: 'sgd', learningRate: 1e30 } } as const;
  const error = await runtime.train(model, data, wild).catch((thrown: unknown) => thrown);
  const expected = await onNode.train(model, data, wild).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DivergedError);
  expect({ ...(error as DivergedError) }).toEqual({ ...(expected as DivergedError) });
  const mine = new Error('mine');
  const save = () => Promise.reject(mine);
  await expect(runtime.train(model, data, { ...options, checkpoint: { everySteps: 1, save } })).rejects.toBe(
    mine,
  );
});

test('a worker that dies ends its calls, and one that never loaded says what to pass', async () => {
  const run = runtime.train(model, data, {
    ...options,
    epochs: 1_000,
    onReport: () => workers[0].die('gone'),
  });
  await expect(run).rejects.toThrow(WorkerLostError);
  const never = new RemoteRuntime(
    platform,
    () => {
      const worker = new FakeWorker(() => worker.die(''));
      return worker;
    },
    { backend: 'wasm' },
  );
  await expect(never.train(model, data, options)).rejects.toThrow('pass workerUrl');
  await never.close();
});

test('warnings of a prediction reach the page', async () => {
  const posterior = await runtime.train(model, data, options);
  // A module without kernels: it compiles, and every request fails.
  const compiled = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const broken = new RemoteRuntime(
    platform,
    () => new FakeWorker((scope) => answerRuntimeCalls(scope, { backend: 'wasm', compiled })),
    { backend: 'wasm', onWarning: (message) => void warnings.push(message) },
  );
  await expect(broken.predict(posterior, data.x)).rejects.toThrow(WorkerLostError);
  expect(warnings.length).toBeGreaterThan(0);
  for (const warning of warnings) expect(warning).toMatch(/^predict: a worker was lost \(worker: /);
  await broken.close();
});

test('after close there is nothing left to call', async () => {
  await runtime.train(model, data, { ...options, epochs: 1 });
  await runtime.close();
  expect(workers[0].terminated).toBe(true);
  await expect(runtime.train(model, data, options)).rejects.toThrow('expected an open runtime');
});
