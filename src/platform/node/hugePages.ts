// Asks Linux for pages of 2 MiB under an arena. A step walks a dozen arrays side by side, more than the address caches of
// a core hold entries of 4 KiB for: measured, 8–10 % of a step of 2.4 million weights, on WebAssembly as on native code.

import type { ArenaMemory } from '../../backend/arena.ts';
import { koffi } from '../../backend/optionalPackage.node.ts';

const MADV_HUGEPAGE = 14;
/** Below this many bytes there is nothing to gain, and a page of 2 MiB may be half empty. */
const WORTHWHILE = 8 << 20;

type Advise = (memory: Uint8Array, bytes: number, advice: number) => number;
let advise: Advise | null | undefined;

/** Best before the first write. Only speed depends on it: where it cannot be done, nothing is said. */
export function adviseHugePages(memory: ArenaMemory): void {
  const { byteLength } = memory.buffer;
  if (process.platform !== 'linux' || byteLength < WORTHWHILE) return;
  advise ??= findAdvise();
  // The return value does not matter: a kernel without huge pages uses small ones.
  advise?.(new Uint8Array(memory.buffer), byteLength, MADV_HUGEPAGE);
}

function findAdvise(): Advise | null {
  try {
    // Of the process itself: any libc there is.
    return koffi().load(null).func('madvise', 'int', ['void *', 'size_t', 'int']) as Advise;
  } catch {
    return null; // koffi is optional, and so is this.
  }
}
