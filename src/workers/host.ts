// What the work of a thread needs of the program that runs it; the entries of threads in src/platform/ supply it.

import type { Backends } from '../backend/registry.ts';

export interface WorkerHost {
  /** The backends that may run here. */
  readonly backends: Backends;
  /** Frees everything in this thread that nothing refers to, at once, where that can be asked for. */
  collectGarbage(): void;
  /** The error message for `bytes` of arena that could not be had: what there is none of, and what helps. */
  noMemoryMessage(bytes: number): string;
}
