// A runtime and a session on a platform that is not Node's: one thread, two backends. What they compute is equal to the bit; what
// they ask of the host they ask of the platform that was passed in.

import { MessageChannel } from 'node:worker_threads';
import { type Endpoint, expose } from 'comlink';
import { expect, test } from 'vitest';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { Backends } from '../../src/backend/registry.ts';
import { BackendUnavailableError } from '../../src/errors.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../src/node.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { nodeEndpoint } from '../../src/platform/node/endpoint.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { LostRequestError, type Platform, type WorkerPool } from '../../src/platform/platform.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { openSession } from '../../src/runtime/session.ts';
import { arenasOf } from '../../src/scheduler/arenas.ts';
import { createCompute } from '../../src/workers/compute.ts';
import type { WorkerHost } from '../../src/workers/host.ts';
import type { Reply, Request, SessionCalls } from '../../src/workers/protocol.ts';
import { PredictionSession } from '../../src/workers/session.ts';
import { smallProblem } from '../support/problems.ts';

interface LonePlatform extends Platform {
  readonly warnings: string[];
  /** Listeners for the end of the program that are waiting. */
  readonly listeners: Set<() => void>;
}

/** @param losses requests that are lost before any is answered */
function lonePlatform(losses = 0): LonePlatform {
  const host: WorkerHost = {
    backends: new Backends([wasmFactory, referenceFactory], 'take another'),
    collectGarbage: () => undefined,
    noMemoryMessage: (bytes) => `expected ${bytes} bytes, got none`,
  };
  const warnings: string[] = [];
  const listeners = new Set<() => void>();
  let lose = losses;
  return {
    ...host,
    warnings,
    listeners,
    sharesMemory: true,
    cores: () => 1,
    nextTurn: (call: () => void) => void setTimeout(call),
    availableMemory: () => 1 << 30,
    adviseHugePages: () => undefined,
    warn: (message) => void warnings.push(message),
    beforeExit(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    startPool(size): WorkerPool {
      const compute = createCompute(host);
      return {
        size,
        settled: 0,
        stuck: false,
        async run<R extends Reply>(request: Request): Promise<R> {
          await Promise.resolve();
          if (lose-- > 0) throw new LostRequestError('worker: lost by the test');
          return compute(request) as R;
        },
        endWorkers: async () => undefined,
        release: async () => undefined,
        close: async () => undefined,
      };
    },
    startSession() {
      const { port1, port2 } = new MessageChannel();
      let session: PredictionSession;
      const calls: SessionCalls = {
        async open(setup) {
          session = new PredictionSession(host, setup);
        },
        predict: (request) => session.predict(request),
      };
      expose(calls, nodeEndpoint(port2) as unknown as Endpoint);
      return {
        wire: nodeEndpoint(port1),
        keepAlive: () => undefined,
        async end() {
          port1.close();
        },
      };
    },
  };
}

const { model, data, options } = smallProblem('gaussian', 2);
const seed = 'another platform';

test('trains, predicts and answers as a session with the bits of Node', async () => {
  await using onNode = createRuntime({ workers: 2, seed });
  const expected = await onNode.train(model, data, options);
  const platform = lonePlatform();
  await using runtime = new Runtime(platform, { seed });
  expect({ workers: runtime.workers, backend: runtime.backend }).toEqual({ workers: 1, backend: 'wasm' });
  const posterior = await runtime.train(model, data, options);
  expect(posteriorDigest(posterior)).toBe(posteriorDigest(expected));
  const prediction = await onNode.predict(expected, data.x, { draws: 20 });
  expect(await runtime.predict(posterior, data.x, { draws: 20 })).toEqual(prediction);
  await using session = await openSession(platform, posterior);
  expect(await session.predict(data.x, { draws: 20 })).toEqual(prediction);
  expect(platform.warnings).toEqual([]);
});

test('has the backends it names, and no others', () => {
  const platform = lonePlatform();
  expect(() => new Runtime(platform, { backend: 'native' })).toThrow(BackendUnavailableError);
  expect(() => new Runtime(platform, { backend: 'native' })).toThrow(
    'expected auto or one of wasm, reference, got native',
  );
  expect(nodePlatform.backends.names).toEqual(['native', 'wasm', 'tfjs', 'reference']);
});

test('gets the warnings for which the caller has named no place', async () => {
  const platform = lonePlatform(1);
  await using runtime = new Runtime(platform, { seed });
  await runtime.train(model, data, { ...options, epochs: 1 });
  expect(platform.warnings).toEqual([
    'train: a worker was lost near step 0 (worker: lost by the test); resuming from step 0 with another',
  ]);
});

test('is asked at the end of the program only about failures that were not seen', async () => {
  const platform = lonePlatform(10);
  await using runtime = new Runtime(platform, { seed, onWarning: () => undefined });
  const run = runtime.train(model, data, options);
  await expect.poll(() => platform.listeners.size).toBe(1);
  await expect(run).rejects.toThrow('expected workers to survive');
  expect(platform.listeners.size).toBe(0);
});

test('has arenas of its own, which all of its runtimes share', () => {
  const [one, other] = [lonePlatform(), lonePlatform()];
  expect(arenasOf(one)).toBe(arenasOf(one));
  expect(arenasOf(one)).not.toBe(arenasOf(other));
});
