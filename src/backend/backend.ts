// What a backend is: the kernels of the table over one arena, and how they are found and made. `test/backend/contract.test.ts`
// holds every backend to the reference, to the bit.

import type { Arena } from './arena.ts';
import type { Kernels } from './kernelTypes.ts';

export * from './kernels.ts';
export * from './kernelTypes.ts';

/** A set of kernels over one arena, ready to call from the thread that made it. */
export interface Backend extends Kernels {
  readonly name: string;
  /**
   * Executes the calls that stand in the arena from byte `list` to byte `end` (callList.ts) and returns their results or-ed. Absent
   * where that would be no faster than calling.
   */
  readonly runCalls?: (list: number, end: number) => number;
}

/** Makes backends of one kind; `available` says why not, when not. */
export interface BackendFactory {
  readonly name: string;
  /** Whether its results are those of the reference, to the bit, whatever the machine and the number of workers. */
  readonly reproducible: boolean;
  /** `note`, where there is one, says more about what was found. */
  available(): { ok: true; note?: string } | { ok: false; reason: string };
  /** Code compiled once on the main thread and handed to every worker, where the backend needs any (a WebAssembly.Module). */
  compile(): Promise<unknown>;
  /**
   * What a thread that computes must await before `create`, where the backend has code that loads asynchronously; undefined when
   * there is nothing to wait for, or no longer.
   */
  load?(compiled: unknown): Promise<void> | undefined;
  /** `thread` picks the stack this instance uses in the arena: 0, 1, … below `Arena.threads`. */
  create(arena: Arena, compiled: unknown, thread: number): Backend;
}
