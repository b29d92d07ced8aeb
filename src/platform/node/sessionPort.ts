// The thread of a session on Node: started, connected, told apart when it is lost, kept from keeping the process, and ended.

import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { SessionPort, SessionThreadOptions } from '../platform.ts';
import { nodeEndpoint } from './endpoint.ts';
import { BUILD, inheritedFlags, threadsEnd } from './threads.ts';

/** Threads run compiled code; from source (tests) that is the build beside it. */
function start(entry: string | undefined): Worker {
  const options: WorkerOptions = { name: 'varpool-session', ...inheritedFlags() };
  if (entry !== undefined) return new Worker(new URL(entry), options);
  if (BUILD !== null) return new Worker(new URL(`${BUILD}platform/node/session.js`), options);
  return new Worker(new URL('./session.js', import.meta.url), options);
}

export function startSession({ entry, endMs, onLost }: SessionThreadOptions): SessionPort {
  const worker = start(entry);
  let thrown: { readonly cause: unknown } | null = null;
  worker.on('messageerror', onLost);
  // Its exit follows. Answers it sent before are delivered by then, and have their callers by the next turn of the event loop.
  worker.on('error', (cause) => {
    thrown ??= { cause };
  });
  worker.on('exit', (code) =>
    setImmediate(() => onLost(thrown === null ? new Error(`it ended with exit code ${code}`) : thrown.cause)),
  );
  return {
    wire: nodeEndpoint(worker),
    keepAlive(wanted) {
      if (wanted) worker.ref();
      else worker.unref();
    },
    async end() {
      void worker.terminate();
      await threadsEnd([worker], endMs);
    },
  };
}
