// The worker of a session in a browser: started, connected, and ended.

import type { SessionPort, SessionThreadOptions } from '../platform.ts';
import type { Role } from './messages.ts';
import { type StartWorker, startupProblem } from './start.ts';
import type { WebWorker } from './web.ts';

/** @param start starts the program of all workers */
export function startSession(start: StartWorker, { entry, onLost }: SessionThreadOptions): SessionPort {
  const worker = started(start, entry);
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    onLost(startupProblem(event.message));
  });
  worker.addEventListener('messageerror', () => onLost(new Error('a message could not be read')));
  worker.postMessage({ role: 'session' } satisfies Role);
  return {
    wire: worker,
    // A worker never keeps a page.
    keepAlive: () => undefined,
    async end() {
      worker.terminate();
    },
  };
}

function started(start: StartWorker, entry: string | undefined): WebWorker {
  try {
    return start(entry);
  } catch (cause) {
    throw startupProblem(cause);
  }
}
