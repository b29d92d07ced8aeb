// The program of a worker: piscina calls the default export with each request. packaging/threads.mjs makes one file of it.

import { workerData } from 'node:worker_threads';
import type { StretchHook } from '../../workers/hook.ts';
import { nodeCompute } from './nodeCompute.ts';

/** What a worker is started with. */
export interface ThreadSetup {
  /** URL of a module with a hook (workers/hook.ts), in tests. */
  readonly hook?: string | undefined;
}

const { hook } = (workerData ?? {}) as ThreadSetup;

/** A module that only tests name; no bundler can know it. */
async function imported<T>(url: string): Promise<T> {
  return ((await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as { readonly default: T })
    .default;
}

export default nodeCompute(hook === undefined ? undefined : imported<StretchHook>(hook));
