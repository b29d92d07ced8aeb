// How much memory this process may still take.

import { freemem } from 'node:os';

export function availableMemory(): number {
  // Node 20.19 is older than some of its type definitions; in a container this sees the container's limit.
  return process.availableMemory?.() ?? freemem();
}
