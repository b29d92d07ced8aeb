// The parameter blocks of a step, handed out as they are asked for: a member begins with a share of its own, the same in
// every step, so that it finds them in its cache, and then takes over what others have not begun.

import type { Block } from '../core/parameters.ts';
import { QUEUE_WORDS } from '../core/training/trainingMemory.ts';

/** A share is taken in about this many pieces: small ones end together, large ones need fewer turns. */
const PIECES = 16;

export class BlockQueue {
  readonly #bounds: Int32Array;
  readonly #piece: number;
  /** How many shares, from its own on, this member has seen empty. */
  #empty = 0;
  /** One past the last block of what `take` gave. */
  last = 0;

  /** @param words the memory's `queue`, int32 */
  constructor(
    readonly words: Int32Array<SharedArrayBuffer>,
    blocks: readonly Block[],
    readonly size: number,
    readonly rank: number,
  ) {
    this.#bounds = shareBlocks(blocks, size);
    this.#piece = Math.max(1, Math.floor(blocks.length / size / PIECES));
  }

  /** Puts this member's share back; between two barriers during which no block is taken. */
  refill(): void {
    Atomics.store(this.words, this.rank * QUEUE_WORDS, this.#bounds[this.rank]);
    this.#empty = 0;
  }

  /** First block of the next piece (its end is `last`), or −1 when all are taken. */
  take(): number {
    while (this.#empty < this.size) {
      const owner = (this.rank + this.#empty) % this.size;
      const end = this.#bounds[owner + 1];
      const first = Atomics.add(this.words, owner * QUEUE_WORDS, this.#piece);
      if (first < end) {
        this.last = Math.min(first + this.#piece, end);
        return first;
      }
      this.#empty++;
    }
    return -1;
  }
}

/** Bounds of `size` runs of neighboring blocks with about equally many rows: blocks of different layers differ in length. */
export function shareBlocks(blocks: readonly Block[], size: number): Int32Array {
  const total = blocks.reduce((sum, { rows }) => sum + rows, 0);
  const bounds = new Int32Array(size + 1).fill(blocks.length);
  bounds[0] = 0;
  let rows = 0;
  let next = 1;
  for (const [b, block] of blocks.entries()) {
    while (next < size && rows >= (total * next) / size) bounds[next++] = b;
    rows += block.rows;
  }
  return bounds;
}
