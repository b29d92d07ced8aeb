// The end of worker_threads that were told to end: one in machine code that never returns cannot be ended.

import type { Worker } from 'node:worker_threads';
import { exitWithoutThreads } from './hardExit.ts';

/** Longer than any kernel takes. */
const END_MS = 30_000;

/**
 * Waits until threads that were told to end are gone, at most so long; resolves to whether they are. One in machine code that never
 * returns cannot be ended; it no longer keeps the process.
 */
export async function threadsEnd(threads: readonly Worker[], ms = END_MS): Promise<boolean> {
  const left = new Set(threads.filter(({ threadId }) => threadId !== -1));
  if (left.size === 0) return true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
    for (const thread of left) {
      thread.once('exit', () => {
        left.delete(thread);
        if (left.size === 0) resolve();
      });
    }
  });
  clearTimeout(timer);
  if (left.size === 0) return true;
  for (const thread of left) thread.unref();
  exitWithoutThreads();
  return false;
}
