// What a worker of Node answers to a request, in whatever program.

import { createCompute } from '../../workers/compute.ts';
import type { StretchHook } from '../../workers/hook.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { nodeWorkerHost } from './workerHost.ts';

/** @param hook of tests */
export function nodeCompute(hook?: Promise<StretchHook>): (request: Request) => Promise<Reply> {
  const compute =
    hook === undefined
      ? Promise.resolve(createCompute(nodeWorkerHost))
      : hook.then((own) => createCompute(nodeWorkerHost, own));
  return async (request) => {
    if (request.kind !== 'release')
      await nodeWorkerHost.backends.load(request.job.backend, request.job.compiled);
    return (await compute)(request);
  };
}
