// Seeds, and the orders made from them.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochOrder, shuffled } from '../../src/random/permutation.ts';
import { deriveKey, memberSeed, type Seed, type SeedKey, seedKey, seedText } from '../../src/random/seed.ts';

describe('seedKey', () => {
  test('is the first 64 bits of the SHA-256 of the UTF-8 text, and stays so: saved runs depend on it', () => {
    for (const seed of [7, 'x', '', 'ß', '中', '🂡'.repeat(40), 'run'.repeat(100)]) {
      const digest = createHash('sha256').update(String(seed)).digest();
      expect(seedKey(seed)).toEqual({ key0: digest.readUInt32BE(0), key1: digest.readUInt32BE(4) });
    }
    expect(seedKey(7)).toEqual({ key0: 0x7902699b, key1: 0xe42c8a8e });
  });

  const text = (key: SeedKey) => `${key.key0}:${key.key1}`;
  /** How many of the keys of seedOf(0) … seedOf(count − 1) are there already. */
  function equalKeys(count: number, seedOf: (n: number) => Seed): number {
    const keys = new BigUint64Array(count);
    const words = new Uint32Array(keys.buffer);
    for (let n = 0; n < count; n++) {
      const { key0, key1 } = seedKey(seedOf(n));
      words[2 * n] = key0;
      words[2 * n + 1] = key1;
    }
    keys.sort();
    return keys.reduce((equal, key, n) => equal + (n > 0 && key === keys[n - 1] ? 1 : 0), 0);
  }
  const distinct = (keys: Iterable<string>, count: number) => expect(new Set(keys).size).toBe(count);

  test('a million integers have a million keys', () => {
    expect(equalKeys(1_000_000, (seed) => seed)).toBe(0);
  }, 60_000);

  test('so have strings that repeat a part, whatever the part', () => {
    for (const part of ['1', 'a', 'ab', 'run', '中', '\0', ' '])
      distinct(
        Array.from({ length: 300 }, (_, n) => text(seedKey(part.repeat(n)))),
        300,
      );
  });

  test('and every character of Unicode, halves of surrogate pairs among them', () => {
    expect(equalKeys(0x110000, String.fromCodePoint)).toBe(0);
    const halves = ['\ud800', '\udbff', '\udc00', '\udfff', '\ufffd'];
    const strings = halves.flatMap((a) => ['', ...halves].map((b) => `${a}${b}`));
    distinct(
      strings.map((string) => text(seedKey(string))),
      strings.length,
    );
  }, 60_000);

  test('an integer is its decimal digits', () => {
    expect(seedKey(7)).toEqual(seedKey('7'));
    expect(seedKey(-0)).toEqual(seedKey(0));
    expect(seedText(-12)).toBe('-12');
    expect(seedText(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991');
  });

  test('takes any string, and different ones give different keys', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const [p, q] = [seedKey(a), seedKey(b)];
        for (const word of [p.key0, p.key1]) expect(word).toBe(word >>> 0);
        expect(p.key0 === q.key0 && p.key1 === q.key1).toBe(a === b);
      }),
    );
    expect(seedKey('')).not.toEqual(seedKey(' '));
  });

  test.each([undefined, null, 0.5, Number.NaN, Infinity, 2 ** 53, true, {}, [], 7n, Symbol('s'), () => 7])(
    'refuses %s',
    (seed) => {
      expect(() => seedKey(seed as never)).toThrow(TypeError);
      expect(() => seedKey(seed as never)).toThrow(/^seed: expected a string or an integer, got .+ — .+$/);
    },
  );

  test('every (seed, member) has a seed of its own, even if seeds look like members', () => {
    const part = fc.oneof(fc.constantFrom('a', 'a/member/1', '/member/', 'member/0', '1', ''), fc.string());
    fc.assert(
      fc.property(part, fc.nat(20), part, fc.nat(20), (seed, m, other, n) => {
        const same = seed === other && m === n;
        expect(memberSeed(seed, m) === memberSeed(other, n)).toBe(same);
        expect(memberSeed(seed, m)).not.toBe(seed);
      }),
    );
    expect(memberSeed('run', 2)).toBe('run/member/2');
    expect(memberSeed(7, 0)).toBe('7/member/0');
    for (const m of [-1, 0.5, Number.NaN])
      expect(() => memberSeed('a', m)).toThrow(/expected a member from 0, got /);
  });

  test('every pair of seed and label has a key of its own, that of no seed', () => {
    const part = fc.oneof(
      fc.constantFrom('', 'a', 'a/b', 'b/c', '/', '\u00ff', 'test rows'),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(part, part, part, part, (seed, label, other, otherLabel) => {
        const same = seed === other && label === otherLabel;
        expect(text(deriveKey(seed, label)) === text(deriveKey(other, otherLabel))).toBe(same);
        for (const joined of [other, `${seed}/${label}`, `${seed}\u00ff${label}`, `${seed}${label}`])
          expect(text(deriveKey(seed, label))).not.toBe(text(seedKey(joined)));
      }),
    );
    expect(deriveKey(7, 'a')).toEqual(deriveKey('7', 'a'));
  });
});

describe('epochOrder', () => {
  test('stays what it was', () => {
    expect([...epochOrder(new Int32Array(10), 'run', 0)]).toMatchInlineSnapshot(`
      [
        0,
        7,
        8,
        5,
        9,
        6,
        3,
        1,
        2,
        4,
      ]
    `);
    expect([...shuffled(10, 'run', 'validation')]).toMatchInlineSnapshot(`
      [
        1,
        7,
        3,
        4,
        8,
        6,
        5,
        0,
        9,
        2,
      ]
    `);
  });

  test('is a permutation, also of none and of one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(), (count, epoch) => {
        const order = epochOrder(new Int32Array(count), 'property', epoch);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  test('is reached by its number alone, and differs from epoch to epoch and seed to seed', () => {
    const order = (seed: string, epoch: number) =>
      epochOrder(new Int32Array(100).fill(-1), seed, epoch).join();
    const all = [order('a', 0), order('a', 1), order('a', 2), order('b', 0), order('b', 1)];
    expect(new Set(all).size).toBe(5);
    expect(order('a', 1)).toBe(all[1]);
  });

  test('seeds that repeat a part have orders of their own', () => {
    const orders = ['a', 'aa', 'aaa', '1', '11', '111'].map((seed) =>
      epochOrder(new Int32Array(50), seed, 0).join(),
    );
    expect(new Set(orders).size).toBe(orders.length);
  });

  test('puts each row in each place equally often', () => {
    const [count, epochs] = [8, 16_000];
    const seen = new Float64Array(count * count);
    const order = new Int32Array(count);
    for (let epoch = 0; epoch < epochs; epoch++)
      epochOrder(order, 'uniform', epoch).forEach((row, place) => void seen[place * count + row]++);
    const expected = epochs / count;
    const chiSquare = seen.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    const freedom = (count - 1) ** 2;
    expect(Math.abs(chiSquare - freedom) / Math.sqrt(2 * freedom)).toBeLessThan(4);
  });

  test('60000 rows in a few milliseconds of the processor', () => {
    const order = new Int32Array(60_000);
    epochOrder(order, 'warm', 0);
    // Not of the clock, which runs while other processes have the processor.
    const before = process.cpuUsage();
    epochOrder(order, 'timed', 1);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(500); // 1 to 3 here; the bound only catches another order of growth
  });
});
