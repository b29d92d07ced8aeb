// The program of a worker; packaging/threads.mjs makes one file of it.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { StretchHook } from '../../workers/hook.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { answerRequests } from './answerRequests.ts';
import { nodeCompute } from './nodeCompute.ts';

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

const port = parentPort as MessagePort;
if (entry === undefined)
  answerRequests(port, nodeCompute(hook === undefined ? undefined : imported<StretchHook>(hook)));
else
  void imported<(request: Request) => Promise<Reply>>(entry).then((answer) => answerRequests(port, answer));
