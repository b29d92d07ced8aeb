// A worker of the pool, in a browser: request in, reply out. It holds a lock for as long as it runs.

import { createCompute } from '../../workers/compute.ts';
import type { PoolMessage, PoolTask, Role } from './messages.ts';
import { type WorkerScope, web } from './web.ts';
import { browserWorkerHost } from './workerHost.ts';

/** Answers requests until the worker is terminated. */
export function answerRequests(scope: WorkerScope, { lock }: Role): void {
  const compute = createCompute(browserWorkerHost);
  const say = (message: PoolMessage) => scope.postMessage(message);
  scope.addEventListener('message', ({ data }) => {
    try {
      say({ kind: 'reply', reply: compute((data as PoolTask).request) });
    } catch (error) {
      say({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
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
