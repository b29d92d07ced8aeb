// Philox4x32-10 against the known answers that come with Random123, and its parts against exact integers.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { multiplyHigh, philox4x32 } from '../../src/random/philox.ts';
import { locate, MAX_TENSORS, PURPOSE, stream } from '../../src/random/stream.ts';

const KNOWN = readFileSync(new URL('../vectors/random123-philox4x32-10.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^philox4x32\s+10\s/.test(line))
  .map((line) =>
    line
      .trim()
      .split(/\s+/)
      .slice(2)
      .map((word) => Number.parseInt(word, 16)),
  );

test('the file holds the known answers', () => expect(KNOWN.length).toBe(3));

test.each(KNOWN)('counter %i %i %i %i under key %i %i', (...row) => {
  const out = new Uint32Array(4);
  philox4x32(row.slice(0, 4), row.slice(4, 6), out);
  expect([...out]).toEqual(row.slice(6));
  const inPlace = Uint32Array.from(row.slice(0, 4));
  philox4x32(inPlace, row.slice(4, 6), inPlace);
  expect([...inPlace]).toEqual(row.slice(6));
});

test('the upper half of a product is exact', () => {
  const edges = [
    0, 1, 2, 0xffff, 0x10000, 0x10001, 0x7fffffff, 0x80000000, 0xffff0000, 0xfffffffe, 0xffffffff, 0xd2511f53,
  ];
  for (const a of edges) {
    for (const b of edges) expect(multiplyHigh(a, b)).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
  }
});

test('streams of different purposes and tensors are different words', () => {
  const all = Object.values(PURPOSE).flatMap((purpose) =>
    [0, 1, MAX_TENSORS - 1].map((tensor) => stream(purpose, tensor)),
  );
  expect(new Set(all).size).toBe(all.length);
  for (const word of all) expect(word).toBe(word >>> 0);
  for (const tensor of [-1, 0.5, MAX_TENSORS, Number.NaN]) {
    expect(() => stream(PURPOSE.weight, tensor)).toThrow(/^stream: expected a tensor number .*, got .* — /);
  }
});

test('every index has a place of its own, also beyond 2^32', () => {
  for (const first of [0, 64 * 1000, 2 ** 33]) {
    const places = new Set<string>();
    for (let i = first; i < first + 128; i++) {
      const { block, word } = locate(i);
      places.add(`${block}:${word}`);
      expect(block).toBeGreaterThanOrEqual(first / 4);
      expect(block).toBeLessThan(first / 4 + 32);
    }
    expect(places.size).toBe(128);
  }
});
