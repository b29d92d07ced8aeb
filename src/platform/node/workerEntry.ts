// The thread around `compute`.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createCompute } from '../../workers/compute.ts';
import type { StretchHook } from '../../workers/hook.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { answerRequests } from './answerRequests.ts';
import { nodeWorkerHost } from './workerHost.ts';

/** What a worker is started with. */
export interface ThreadSetup {
  /** URL of a module with a hook (workers/hook.ts), in tests. */
  readonly hook?: string | undefined;
  /** URL of a module whose default export answers requests in place of this one's, in tests. */
  readonly entry?: string | undefined;
}

const { hook, entry } = (workerData ?? {}) as ThreadSetup;

/** A module that only tests name; no bundler can know it. */
async function imported<T>(url: string): Promise<T> {
  return ((await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as { readonly default: T })
    .default;
}

const compute =
  hook === undefined
    ? Promise.resolve(createCompute(nodeWorkerHost))
    : imported<StretchHook>(hook).then((own) => createCompute(nodeWorkerHost, own));

async function answer(request: Request): Promise<Reply> {
  if (request.kind !== 'release')
    await nodeWorkerHost.backends.load(request.job.backend, request.job.compiled);
  return (await compute)(request);
}

export default answer;

if (entry === undefined) answerRequests(parentPort as MessagePort, answer);
else void imported<typeof answer>(entry).then((own) => answerRequests(parentPort as MessagePort, own));
