// What all threads on Node have in common: where their programs are, which flags they get, and their end. One in machine code that never
// returns cannot be ended.

import type { Worker } from 'node:worker_threads';
import { exitWithoutThreads } from './hardExit.ts';

/**
 * URL of the build, of which threads run the compiled programs, where this file is a source (tests); null where it is compiled: programs are
 * then beside the files that start them, in literal URLs that bundlers follow.
 */
export const BUILD = import.meta.url.endsWith('.ts') ? above(import.meta.url) : null;

function above(here: string): string {
  return new URL('../../../dist/', here).href;
}

/** Options of a thread: a program given as text was started with a flag that no program in a file may have, and threads inherit flags. */
export function inheritedFlags(): { execArgv?: string[] } {
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {};
}

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
