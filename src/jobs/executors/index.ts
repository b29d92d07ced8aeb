// The registry of executors: who can execute jobs.

import type { CreateExecutor } from './executor.ts';
import { local } from './local.ts';

export const EXECUTORS = { local } as const satisfies Record<string, CreateExecutor>;
