// How many cores this process may use, and how much memory it may still take.

import { availableParallelism, freemem } from 'node:os';

export function cores(): number {
  return availableParallelism();
}

/** Bytes. */
export function availableMemory(): number {
  // Node 20.19 is older than some of its type definitions; in a container this sees the container's limit.
  return process.availableMemory?.() ?? freemem();
}
