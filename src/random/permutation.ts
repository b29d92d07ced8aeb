// Orders of rows: of an epoch, of a hold-out. Sequential inside, but each is reached by its address alone.

import { philox4x32 } from './philox.ts';
import { deriveKey, type Seed, type SeedKey, seedKey } from './seed.ts';
import { PURPOSE, stream } from './stream.ts';

const WORDS = 4;
const STREAM = stream(PURPOSE.order, 0);

/**
 * Fisher–Yates from the end: swap n = 0, 1, … exchanges item i = length − 1 − n with item floor(word·(i + 1) / 2^32), where word is
 * number n mod 4 of Philox block n >>> 2. That product is at most one rounding away from exact and always below i + 1.
 */
function shuffle(order: Int32Array, { key0, key1 }: SeedKey, step: number): Int32Array {
  const counter = new Uint32Array([0, step, 0, STREAM]);
  const key = [key0, key1];
  const words = new Uint32Array(WORDS);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let n = 0; n < order.length - 1; n++) {
    if (n % WORDS === 0) {
      philox4x32(counter, key, words);
      counter[0]++;
    }
    const i = order.length - 1 - n;
    const j = Math.floor((words[n % WORDS] * (i + 1)) / 4_294_967_296);
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/** Fills `out` with the order in which epoch `epoch` (0, 1, …) visits rows 0 … out.length − 1. */
export function epochOrder(out: Int32Array, seed: Seed, epoch: number): Int32Array {
  return shuffle(out, seedKey(seed), epoch);
}

/** A shuffled 0 … count − 1 that belongs to a label, as for rows held out. */
export function shuffled(count: number, seed: Seed, label: string): Int32Array {
  return shuffle(new Int32Array(count), deriveKey(seed, label), 0);
}
