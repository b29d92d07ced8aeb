// Uniform numbers by address: one Philox output word each, as an exact float64.

import { philox4x32 } from './philox.ts';
import type { SeedKey } from './seed.ts';
import { locate } from './stream.ts';

const words = new Uint32Array(4);

/** The uniform number at an address: word·2^-32, in [0, 1) in steps of 2^-32. */
export function uniform(key: SeedKey, step: number, draw: number, stream: number, index: number): number {
  const { block, word } = locate(index);
  philox4x32([block, step, draw, stream], [key.key0, key.key1], words);
  return words[word] / 4_294_967_296;
}
