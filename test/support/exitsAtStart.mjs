// Loaded before a script and its workers by a test: the first EXITS worker threads end before they have begun.

import { isMainThread, threadId } from 'node:worker_threads';

if (!isMainThread && threadId <= Number(process.env.EXITS)) process.exit(1);
