// Seeds, and the orders made from them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochOrder, shuffled } from '../../src/random/permutation.ts';
import { deriveKey, deriveSeed, memberSeed, seedKey, seedText } from '../../src/random/seed.ts';

describe('seedKey', () => {
  test('stays what it was: these keys are in the files of saved runs', () => {
    expect(seedKey(7)).toEqual({ key0: 1199382441, key1: 3486546440 });
    expect(seedKey('x')).toEqual({ key0: 3900094301, key1: 507134910 });
  });

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
    expect(memberSeed(7, 0)).toBe(deriveSeed('7', 'member/0'));
    for (const m of [-1, 0.5, Number.NaN])
      expect(() => memberSeed('a', m)).toThrow(/expected a member from 0, got /);
  });

  test('derived keys are others', () => {
    const keys = [
      seedKey(7),
      deriveKey(7, 'a'),
      deriveKey(7, 'b'),
      deriveKey(8, 'a'),
      deriveKey(7, 0),
      deriveKey(7, 1),
    ];
    expect(new Set(keys.map((key) => `${key.key0}:${key.key1}`)).size).toBe(keys.length);
    expect(deriveKey(7, 1)).toEqual(deriveKey('7', '1'));
  });
});

describe('epochOrder', () => {
  test('stays what it was', () => {
    expect([...epochOrder(new Int32Array(10), 'run', 0)]).toMatchInlineSnapshot(`
      [
        4,
        8,
        9,
        1,
        7,
        5,
        2,
        6,
        3,
        0,
      ]
    `);
    expect([...shuffled(10, 'run', 'validation')]).toMatchInlineSnapshot(`
      [
        2,
        4,
        3,
        9,
        6,
        5,
        1,
        8,
        7,
        0,
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
