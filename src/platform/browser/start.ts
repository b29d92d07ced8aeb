// Starting a worker in a browser, and the one line that says why its program could not be loaded.

import { WorkerLostError } from '../../errors.ts';
import type { WebWorker } from './web.ts';

/** Starts the program of all workers, or another in tests. @throws when the page may not */
export type StartWorker = (entry?: string) => WebWorker;

/** @param reason what was thrown, or the message of an error event, which is usually empty */
export function startupProblem(reason: unknown): WorkerLostError {
  const said = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : '';
  return new WorkerLostError(
    `worker: expected its program to load, got ${said === '' ? 'an error without a reason' : `an error (${said})`} — serve varpool's worker file ` +
      "from the page's own origin, allow it in worker-src of the Content-Security-Policy, or pass workerUrl",
    { cause: reason },
  );
}
