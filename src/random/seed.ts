// From what a user calls a seed to the key of all random numbers, through the seedrandom package.

import seedrandom from 'seedrandom';

/** A string or an integer; 7 and '7' are the same seed. */
export type Seed = string | number;

/** The 64-bit Philox key, as two uint32. */
export interface SeedKey {
  readonly key0: number;
  readonly key1: number;
}

/**
 * The text that stands for a seed everywhere: integers in decimal, strings as they are.
 * @throws TypeError for anything but a string or a safe integer
 */
export function seedText(seed: Seed): string {
  if (typeof seed === 'string') return seed;
  if (Number.isSafeInteger(seed)) return String(seed === 0 ? 0 : seed); // −0 is 0
  const got =
    typeof seed === 'number'
      ? String(seed)
      : seed === null
        ? 'null'
        : Array.isArray(seed)
          ? 'an array'
          : typeof seed;
  throw new TypeError(`seed: expected a string or an integer, got ${got} — pass for example 'run-1' or 7`);
}

/** The Philox key of a seed: the first 64 bits of seedrandom's ARC4 stream of its text. */
export function seedKey(seed: Seed): SeedKey {
  const generator = seedrandom(seedText(seed));
  return { key0: generator.int32() >>> 0, key1: generator.int32() >>> 0 };
}

/**
 * The seed of a part of a run with numbers of its own: `seed/label`. Names of row orders are made in the same way
 * (permutation.ts), with labels of their own.
 */
export function deriveSeed(seed: Seed, label: Seed): string {
  return `${seedText(seed)}/${seedText(label)}`;
}

/**
 * The seed of member m = 0, 1, … of an ensemble: `seed/member/m`. Different for every (seed, m): the last `/member/` and the
 * decimal after it can be read back. A run of its own with this seed is that member, to the bit.
 */
export function memberSeed(seed: Seed, member: number): string {
  if (!Number.isSafeInteger(member) || member < 0) {
    throw new RangeError(
      `memberSeed: expected a member from 0, got ${String(member)} — count members from 0`,
    );
  }
  return deriveSeed(seed, `member/${member}`);
}

/** The key of a derived seed. */
export function deriveKey(seed: Seed, label: Seed): SeedKey {
  return seedKey(deriveSeed(seed, label));
}
