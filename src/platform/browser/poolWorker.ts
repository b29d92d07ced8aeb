// A worker of the pool, in a browser: request in, reply out. It holds a lock for as long as it runs.

import { BackendUnavailableError } from '../../errors.ts';
import type { PoolMessage, PoolTask, Role } from './messages.ts';
import { createProvenCompute } from './provenCompute.ts';
import { type WorkerScope, web } from './web.ts';
import { browserWorkerHost } from './workerHost.ts';

/** Answers requests until the worker is terminated. */
export function answerRequests(scope: WorkerScope, { lock }: Role): void {
  const compute = createProvenCompute(browserWorkerHost);
  const say = (message: PoolMessage) => scope.postMessage(message);
  scope.addEventListener('message', ({ data }) => {
    try {
      say({ kind: 'reply', reply: compute((data as PoolTask).request) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say({ kind: error instanceof BackendUnavailableError ? 'unfit' : 'error', message });
    }
  });
  const { locks } = web.navigator ?? {};
  const hold = () => {
    say({ kind: 'ready' });
    return new Promise<never>(() => undefined);
  };
  if (lock === undefined || locks === undefined) void hold();
  else void locks.request(lock, {}, hold);
}
