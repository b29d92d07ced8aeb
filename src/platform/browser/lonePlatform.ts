// What a browser provides to a runtime that computes in its own thread, without shared memory.

import { browserMemory } from '../browser.ts';
import type { Platform } from '../platform.ts';
import { LonePool } from './lonePool.ts';

type Host = Pick<Platform, 'backends' | 'collectGarbage' | 'noMemoryMessage'>;

/** @param own where warnings go, and why sessions have no thread */
export function lonePlatform(host: Host, own: Pick<Platform, 'warn' | 'startSession'>): Platform {
  return {
    ...host,
    ...own,
    sharesMemory: false,
    cores: () => 1,
    availableMemory: browserMemory,
    adviseHugePages: () => undefined,
    nextTurn: (call) => void setTimeout(call),
    beforeExit: () => () => undefined,
    startPool: () => new LonePool(host),
  };
}
