// From what a user calls a seed to the key of all random numbers: the first 64 bits of a SHA-256.

import { sha256 } from '@noble/hashes/sha2.js';

/** A string or an integer; 7 and '7' are the same seed. */
export type Seed = string | number;

/** The 64-bit Philox key, as two uint32. */
export interface SeedKey {
  readonly key0: number;
  readonly key1: number;
}

/** A byte that occurs in no encoded text. */
const SEPARATOR = 0xff;

/**
 * The text that stands for a seed everywhere: integers in decimal, strings as they are.
 * @throws TypeError for anything but a string or a safe integer
 */
export function seedText(seed: Seed): string {
  if (typeof seed === 'string') return seed;
  if (Number.isSafeInteger(seed)) return String(seed === 0 ? 0 : seed); // −0 is 0
  const got = typeof seed === 'number' ? String(seed) : seed === null ? 'null' : typeof seed;
  throw new TypeError(`seed: expected a string or an integer, got ${got} — pass for example 'run-1' or 7`);
}

/** The Philox key of a seed: the first 64 bits of the SHA-256 of its text in UTF-8, as two big-endian words. */
export function seedKey(seed: Seed): SeedKey {
  return keyOf(encoded(seedText(seed)));
}

/**
 * The key of one use of a seed, such as a field of a search: that of the bytes `seed 0xFF label`. No two pairs (seed, label) share
 * their bytes, and no seed has those of a pair, because 0xFF occurs in no encoded text.
 */
export function deriveKey(seed: Seed, label: string): SeedKey {
  return keyOf(Uint8Array.of(...encoded(seedText(seed)), SEPARATOR, ...encoded(label)));
}

/**
 * The seed of member m = 0, 1, … of an ensemble: `seed/member/m`. Different for every (seed, m): the last `/member/` and the
 * decimal after it can be read back. A run of its own with this seed is that member, to the bit.
 */
export function memberSeed(seed: Seed, member: number): string {
  if (!Number.isSafeInteger(member) || member < 0) {
    throw new RangeError(
      `memberSeed: expected a member from 0, got ${typeof member === 'number' ? member : typeof member} — count members from 0`,
    );
  }
  return `${seedText(seed)}/member/${member}`;
}

function keyOf(bytes: Uint8Array): SeedKey {
  const digest = sha256(bytes);
  const words = new DataView(digest.buffer, digest.byteOffset);
  return { key0: words.getUint32(0), key1: words.getUint32(4) };
}

/**
 * UTF-8, with three bytes for half a surrogate pair as for any other code point below 2^16 (WTF-8): TextEncoder would make U+FFFD of each
 * of these, and so one seed of different strings.
 */
function encoded(text: string): Uint8Array {
  const bytes = new Uint8Array(3 * text.length);
  let n = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point < 0x80) {
      bytes[n++] = point;
      continue;
    }
    const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    bytes[n++] = (0xff00 >>> (more + 1)) | (point >>> (6 * more)); // 110…, 1110… or 11110… in its low byte
    for (let rest = more - 1; rest >= 0; rest--) bytes[n++] = 0x80 | ((point >>> (6 * rest)) & 0x3f);
  }
  return bytes.subarray(0, n);
}
