// Standard normals by address, in readable form: Philox words through the Box–Muller transform (Box & Muller
// 1958), in float32. The kernels give the same bits.

import { logNormalRange, turnCosSin } from '../math/float32.ts';
import { philox4x32 } from './philox.ts';
import type { SeedKey } from './seed.ts';
import { locate } from './stream.ts';

const f = Math.fround;
const words = new Uint32Array(4);

/**
 * Two independent N(0, 1) from two uniform words, r·cos and r·sin: r = sqrt(−2 log u) with u = (radius >>> 1
 * + ½)·2^-31 in (0, 1], whose small values keep all their bits, so that |normal| reaches 6.6; the angle is
 * told at turnCosSin.
 */
export function boxMuller(radius: number, turn: number): [number, number] {
  const scaled = f(f(radius >>> 1) + 0.5);
  const r = f(Math.sqrt(f(logNormalRange(scaled, 31) * -2)));
  const { cosine, sine } = turnCosSin(turn);
  return [f(r * cosine), f(r * sine)];
}

/**
 * The four normals of a block, one for each output word, to `out`: words 0 and 1 make two, words 2 and 3 the
 * others.
 */
export function normalBlock(
  out: Float32Array,
  key: SeedKey,
  step: number,
  draw: number,
  stream: number,
  block: number,
): void {
  philox4x32([block, step, draw, stream], [key.key0, key.key1], words);
  const [w0, w1, w2, w3] = words;
  [out[0], out[1]] = boxMuller(w0, w1);
  [out[2], out[3]] = boxMuller(w2, w3);
}

const four = new Float32Array(4);

/** The standard normal at an address: noise = f(key; step, draw, stream, index). */
export function normal(key: SeedKey, step: number, draw: number, stream: number, index: number): number {
  const { block, word } = locate(index);
  normalBlock(four, key, step, draw, stream, block);
  return four[word];
}
