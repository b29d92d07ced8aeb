// What the work of a thread finds on Node. Entries of threads import this and not node.ts, which would load the pool.

import type { WorkerHost } from '../../workers/host.ts';
import { noMemoryMessage } from './addressSpace.ts';
import { nodeBackends } from './backends.ts';
import { collectGarbage } from './garbage.ts';

export const nodeWorkerHost: WorkerHost = { backends: nodeBackends, collectGarbage, noMemoryMessage };
