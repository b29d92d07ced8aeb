// varpool's platform in a browser: web workers, over one shared memory where the page is isolated from other origins.

import type { ReadModule } from '../backend/wasm.ts';
import { BrowserPool } from './browser/pool.ts';
import { startSession } from './browser/sessionPort.ts';
import type { StartWorker } from './browser/start.ts';
import { web } from './browser/web.ts';
import { browserHost } from './browser/workerHost.ts';
import type { Platform } from './platform.ts';

/** How a page starts varpool's worker and reads its kernels. */
export interface BrowserParts {
  readonly startWorker: StartWorker;
  readonly readKernels: ReadModule;
}

export function createBrowserPlatform({ startWorker, readKernels }: BrowserParts): Platform {
  return {
    ...browserHost(readKernels),
    sharesMemory: web.crossOriginIsolated === true,
    cores: browserCores,
    availableMemory: browserMemory,
    adviseHugePages: () => undefined,
    warn: (message) => console.warn(message),
    nextTurn: (call) => void setTimeout(call),
    // A page has no such moment.
    beforeExit: () => () => undefined,
    startPool: (size, options) => new BrowserPool(size, startWorker, options),
    startSession: (options) => startSession(startWorker, options),
  };
}

export function browserCores(): number {
  return web.navigator?.hardwareConcurrency ?? 1;
}

/** Half of the memory that the browser reports, or of 4 GiB where it reports none. */
export function browserMemory(): number {
  return (web.navigator?.deviceMemory ?? 4) * 2 ** 29;
}
