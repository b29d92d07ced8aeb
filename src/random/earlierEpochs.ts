// Keys and orders as kernel epochs 1 and 2 made them, by seedrandom of the text itself: what was saved then still predicts, and divides
// its rows, as it did. Different seeds could share a key (decision 0006), so nothing new is made with these.

import seedrandom from 'seedrandom';
import { epochOrder, shuffled } from './permutation.ts';
import { type Seed, type SeedKey, seedKey, seedText } from './seed.ts';

const FIRST_HASHED_EPOCH = 3;

/** Whether keys, orders and the addresses of mode marginal are those of kernel epochs 1 and 2; without an epoch it is today's. */
export function isEarlier(kernelEpoch: number | undefined): boolean {
  return kernelEpoch !== undefined && kernelEpoch < FIRST_HASHED_EPOCH;
}

/** seedKey as of a kernel epoch; before epoch 3 the first 64 bits of seedrandom's ARC4 stream of the text. */
export function seedKeyOf(kernelEpoch: number | undefined, seed: Seed): SeedKey {
  if (!isEarlier(kernelEpoch)) return seedKey(seed);
  const generator = seedrandom(seedText(seed));
  return { key0: generator.int32() >>> 0, key1: generator.int32() >>> 0 };
}

/** `shuffled` as of a kernel epoch; before epoch 3 by seedrandom's Alea of `seed/label`. */
export function shuffledOf(kernelEpoch: number, count: number, seed: Seed, label: string): Int32Array {
  if (!isEarlier(kernelEpoch)) return shuffled(count, seed, label);
  return alea(new Int32Array(count), `${seedText(seed)}/${label}`);
}

/** epochOrder as of a kernel epoch; before epoch 3 by Alea of `seed/epoch/e`. */
export function epochOrderOf(kernelEpoch: number, out: Int32Array, seed: Seed, epoch: number): Int32Array {
  if (!isEarlier(kernelEpoch)) return epochOrder(out, seed, epoch);
  return alea(out, `${seedText(seed)}/epoch/${epoch}`);
}

function alea(order: Int32Array, name: string): Int32Array {
  const uniform = seedrandom.alea(name);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}
