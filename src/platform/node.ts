// varpool's platform on Node: worker_threads, kept by piscina where there is a pool of them, and what the system tells of itself.

import { beforeExit } from './node/beforeExit.ts';
import { adviseHugePages } from './node/hugePages.ts';
import { PiscinaPool } from './node/pool.ts';
import { availableMemory, cores } from './node/resources.ts';
import { startSession } from './node/sessionPort.ts';
import { nodeWorkerHost } from './node/workerHost.ts';
import type { Platform } from './platform.ts';

export const nodePlatform: Platform = {
  ...nodeWorkerHost,
  sharesMemory: true,
  cores,
  availableMemory,
  adviseHugePages,
  warn: (message) => process.emitWarning(message, 'VarpoolWarning'),
  nextTurn: (call) => void setImmediate(call),
  beforeExit,
  startPool: (size, options) => new PiscinaPool(size, options),
  startSession,
};
