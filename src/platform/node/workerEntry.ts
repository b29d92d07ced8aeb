// The thread around `compute`: piscina calls the default export with each request.

import { workerData } from 'node:worker_threads';
import { createCompute } from '../../workers/compute.ts';
import type { StretchHook, WorkerSetup } from '../../workers/hook.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { nodeWorkerHost } from './workerHost.ts';

const { hook } = (workerData ?? {}) as WorkerSetup;
const compute = createCompute(
  nodeWorkerHost,
  hook === undefined ? undefined : ((await import(hook)) as { readonly default: StretchHook }).default,
);

export default (request: Request): Reply | Promise<Reply> => {
  const loading =
    request.kind === 'release'
      ? undefined
      : nodeWorkerHost.backends.load(request.job.backend, request.job.compiled);
  return loading === undefined ? compute(request) : loading.then(() => compute(request));
};
