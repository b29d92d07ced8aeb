// The thread of a session on Node: started, connected, told apart when it is lost, kept from keeping the process, and ended.

import { Worker } from 'node:worker_threads';
import type { SessionPort, SessionThreadOptions } from '../platform.ts';
import { nodeEndpoint } from './endpoint.ts';
import { threadsEnd } from './threads.ts';

/** Threads run compiled code; from source (tests) that is the build beside it. */
function sessionEntry(): URL {
  const here = import.meta.url;
  return new URL(
    here.endsWith('.ts') ? '../../../dist/platform/node/sessionEntry.js' : './sessionEntry.js',
    here,
  );
}

export function startSession({ entry, endMs, onLost }: SessionThreadOptions): SessionPort {
  // A program given as text was started with a flag that no program in a file may have, and threads inherit flags.
  const isText = process.execArgv.some((flag) => flag.startsWith('--input-type'));
  const worker = new Worker(entry === undefined ? sessionEntry() : new URL(entry), {
    name: 'varpool-session',
    ...(isText ? { execArgv: [] } : {}),
  });
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
