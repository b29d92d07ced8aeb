import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readIndices } from '../../src/data/indices.ts';
import type { Shuffle } from '../../src/data/split.ts';
import { splitRows } from '../../src/data/split.ts';
import { curve, regressionCurve } from '../../src/data/synthetic.ts';
import { testOnPublicData } from '../support/publicData.ts';
import { messageIn, messageOf, scratch } from './support.ts';

const { dir, put } = scratch();

/** A fixed permutation that differs by purpose. */
const shuffle: Shuffle = (order, purpose) => {
  let state = purpose === 'test' ? 12345 : 999;
  for (let i = order.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
};

describe('index files', () => {
  testOnPublicData('all 20 splits of every UCI set: disjoint, complete', 'uci', (uci) => {
    for (const [set, rows] of [
      ['bostonHousing', 506],
      ['concrete', 1030],
      ['energy', 768],
      ['power-plant', 9568],
      ['wine-quality-red', 1599],
      ['yacht', 308],
    ] as const) {
      const splits = join(uci, set, 'splits');
      expect(readdirSync(splits)).toHaveLength(40);
      for (let k = 0; k < 20; k++) {
        const train = readIndices(join(splits, `index_train_${k}.txt`), 'row', rows);
        const test = readIndices(join(splits, `index_test_${k}.txt`), 'row', rows);
        expect(new Set([...train.indices, ...test.indices]).size).toBe(rows);
        expect(train.source.shape).toEqual([train.indices.length]);
        const split = splitRows(
          rows,
          { trainIndices: train.indices, testIndices: test.indices },
          shuffle,
          set,
        );
        expect(split).toEqual({ train: train.indices, validation: null, test: test.indices });
      }
    }
  });
  it('takes any white space and floats that are integers, and keeps the order', () => {
    const { indices } = readIndices(put('i.txt', ' 3.000e+00\r\n0.0\t12\n\n7'), 'row', 13);
    expect([...indices]).toEqual([3, 0, 12, 7]);
  });
  it.each([
    ['blank', ' \n', 'i.txt: expected at least 1 row index, got none — '],
    ['text', '1\n2 x\n', 'i.txt: line 2: expected a row index (an integer), got "x" — '],
    ['a fraction', '1\n2.5\n', 'i.txt: line 2: expected a row index (an integer), got "2.5" — '],
    ['NaN', 'NaN', 'i.txt: line 1: expected a row index (an integer), got "NaN" — '],
    ['beyond the end', '1\n10\n', 'i.txt: line 2: expected a row index from 0 to 9, got 10 — '],
    ['negative', '-1', 'i.txt: line 1: expected a row index from 0 to 9, got -1 — '],
    ['huge', '1e15', 'i.txt: line 1: expected a row index from 0 to 9, got 1000000000000000 — '],
    ['twice', '1\n2 3\n4\n3.0\n', 'i.txt: line 4: expected each row once, got 3 again (first in line 2) — '],
  ])('%s', (_, text, start) => {
    expect(messageIn(dir, () => readIndices(put('i.txt', text), 'row', 10))).toContain(start);
  });
});

describe('splits', () => {
  const sorted = (a: Iterable<number>): number[] => [...a].sort((x, y) => x - y);

  it('are disjoint, complete and in order, for any sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 300 }),
        fc.double({ min: 0.2, max: 0.5 }),
        fc.integer({ min: 0, max: 1 }),
        (rows, testFraction, validation) => {
          const {
            train,
            validation: held,
            test,
          } = splitRows(rows, { testFraction, validation }, shuffle, 'f');
          expect(test).toHaveLength(Math.round(rows * testFraction));
          expect(held?.length ?? 0).toBe(validation);
          expect(sorted([...train, ...(held ?? []), ...test!])).toEqual(
            Array.from({ length: rows }, (_, i) => i),
          );
          for (const part of [train, test!]) expect([...part]).toEqual(sorted(part));
        },
      ),
      { seed: 5 },
    );
  });
  it('depend on the shuffle', () => {
    const other: Shuffle = (order) => order.reverse();
    const options = { testFraction: 0.3, validation: 20 };
    expect(splitRows(100, options, shuffle, 'f')).toEqual(splitRows(100, options, shuffle, 'f'));
    expect(splitRows(100, options, shuffle, 'f').test).not.toEqual(splitRows(100, options, other, 'f').test);
    expect([...splitRows(5, { testFraction: 0.4 }, other, 'f').test!]).toEqual([3, 4]);
  });
  it('limit cuts training rows only, after validation was taken out', () => {
    const full = splitRows(100, { testFraction: 0.2, validation: 10 }, shuffle, 'f');
    const quick = splitRows(100, { testFraction: 0.2, validation: 10, limit: 7 }, shuffle, 'f');
    expect(quick).toEqual({ ...full, train: full.train.slice(0, 7) });
    expect(splitRows(3, { limit: 9 }, shuffle, 'f').train).toHaveLength(3);
  });
  it('one index file leaves the other part the rest', () => {
    expect(splitRows(4, { testIndices: Int32Array.of(2, 0) }, shuffle, 'f')).toEqual({
      train: Int32Array.of(1, 3),
      validation: null,
      test: Int32Array.of(2, 0),
    });
    expect(splitRows(4, { trainIndices: Int32Array.of(2, 0) }, shuffle, 'f')).toEqual({
      train: Int32Array.of(2, 0),
      validation: null,
      test: Int32Array.of(1, 3),
    });
    expect(splitRows(2, { trainIndices: Int32Array.of(1, 0) }, shuffle, 'f').test).toBeNull();
  });
  it.each([
    [
      'overlap',
      { trainIndices: Int32Array.of(1, 2), testIndices: Int32Array.of(2) },
      'f: expected train and test rows apart, got row 2 in both index files — ',
    ],
    [
      'all for test',
      { testIndices: Int32Array.of(0, 1, 2, 3, 4) },
      'f: expected at least 1 row for training, got all rows in data.testIndices — ',
    ],
    [
      'outside',
      { testIndices: Int32Array.of(5) },
      'f: data.testIndices: expected rows from 0 to 4, got 5 — ',
    ],
    [
      'twice',
      { trainIndices: Int32Array.of(1, 1) },
      'f: data.trainIndices: expected each row once, got row 1 twice — ',
    ],
    [
      'none',
      { trainIndices: new Int32Array(0) },
      'f: data.trainIndices: expected at least 1 row, got none — ',
    ],
    [
      'both kinds',
      { testIndices: Int32Array.of(1), testFraction: 0.5 },
      'f: expected index files or data.testFraction, got both — ',
    ],
    ['fraction 1', { testFraction: 1 }, 'f: expected data.testFraction between 0 and 1, got 1 — '],
    [
      'fraction NaN',
      { testFraction: Number.NaN },
      'f: expected data.testFraction between 0 and 1, got NaN — ',
    ],
    [
      'fraction too small',
      { testFraction: 0.01 },
      'f: expected at least 1 row for test and 1 for training, got 0 of 5 rows (data.testFraction 0.01) — ',
    ],
    [
      'validation takes all',
      { validation: 5 },
      'f: expected data.validation from 0 to 4 (there are 5 rows to train on), got 5 — ',
    ],
    [
      'validation negative',
      { validation: -1 },
      'f: expected data.validation from 0 to 4 (there are 5 rows to train on), got -1 — ',
    ],
    ['limit 0', { limit: 0 }, 'f: expected data.limit of at least 1 row, got 0 — '],
  ])('%s', (_, options, start) => {
    expect(messageOf(() => splitRows(5, options, shuffle, 'f'))).toContain(start);
  });
});

describe('regression curve', () => {
  const sources = {
    uniform: (i: number) => (i * 0.61803398875) % 1,
    normal: (i: number) => ((i * 0.7548776662) % 1) * 4 - 2,
    sin: Math.sin,
  };
  it('is the formula of the paper', () => {
    // x = 1/8, e = 0: 1/8 + 0.3 sin π/4 + 0.3 sin π/2
    expect(curve(0.125, 0, Math.sin)).toBeCloseTo(0.125 + 0.3 * Math.SQRT1_2 + 0.3, 12);
    // e shifts the argument of both sines and is added
    expect(curve(0.1, 0.025, Math.sin)).toBeCloseTo(0.125 + 0.3 * Math.SQRT1_2 + 0.3, 12);
    const { features, targets } = regressionCurve({ rows: 50 }, sources);
    for (let i = 0; i < 50; i++) {
      expect(features.data[i]).toBe(Math.fround(0.5 * sources.uniform(i)));
      const y = curve(features.data[i], 0.02 * sources.normal(i), Math.sin);
      expect(targets.kind === 'values' && targets.values.data[i]).toBe(Math.fround(y));
    }
  });
  it('uses no sine but the given one, and more rows extend fewer', () => {
    expect(
      regressionCurve({ rows: 2, low: 1, high: 3, noise: 0 }, { ...sources, sin: () => 0 }).targets,
    ).toMatchObject({
      values: { data: Float32Array.of(1, Math.fround(1 + 2 * 0.61803398875)) },
    });
    const few = regressionCurve({ rows: 5 }, sources);
    const many = regressionCurve({ rows: 9 }, sources);
    expect(many.features.data.slice(0, 5)).toEqual(few.features.data);
  });
  it.each([
    [{ rows: 0 }, 'data.rows: expected an integer from 1 to 268435456, got 0 — '],
    [{ rows: 1.5 }, 'data.rows: '],
    [{ rows: 1, low: 1, high: 1 }, 'data.low: expected finite numbers low < high, got 1 and 1 — '],
    [{ rows: 1, high: Number.POSITIVE_INFINITY }, 'data.low: '],
    [{ rows: 1, noise: -1 }, 'data.noise: expected a finite standard deviation of at least 0, got -1 — '],
  ])('%j', (options, start) => {
    expect(messageOf(() => regressionCurve(options, sources))).toContain(start);
  });
});

describe('rows that are not alike', () => {
  const identity: Shuffle = () => undefined;
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);

  it('come in proportion to their classes, to within a row of each, whatever the shuffle', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 10, maxLength: 80 }),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.boolean(),
        (classes, testFraction, backwards) => {
          const strata = Int32Array.from(classes);
          const shuffle: Shuffle = backwards ? (order) => order.reverse() : identity;
          const { train, test } = splitRows(strata.length, { testFraction, strata }, shuffle, 'd');
          expect([...train, ...test!].sort((a, b) => a - b)).toEqual(range(strata.length));
          for (const k of new Set(classes)) {
            const of = (rows: ArrayLike<number>) =>
              Array.from(rows).filter((row) => strata[row] === k).length;
            const exact = (of(range(strata.length)) * test!.length) / strata.length;
            expect(Math.abs(of(test!) - exact)).toBeLessThan(1);
          }
        },
      ),
    );
  });

  it('stay together by groups, as near to the size as these allow', () => {
    const groups = Int32Array.from([0, 0, 0, 1, 1, 2, 2, 2, 2, 3]);
    const options = { testFraction: 0.3, validation: 2, groups };
    const { train, validation, test } = splitRows(10, options, identity, 'd');
    expect([[...test!], [...validation!], [...train]]).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6, 7, 8, 9],
    ]);
    const one = { testFraction: 0.2, groups: new Int32Array(10) };
    expect(messageOf(() => splitRows(10, one, identity, 'd'))).toMatch(
      /^d: expected groups small enough for 2 rows of test, got 1 group in 10 rows — /,
    );
  });

  it('are taken from the end of an order, validation before test', () => {
    const ranks = Int32Array.from([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    const { train, validation, test } = splitRows(
      10,
      { testFraction: 0.2, validation: 0.25, ranks },
      identity,
      'd',
    );
    expect([[...test!], [...validation!], [...train]]).toEqual([
      [0, 1],
      [2, 3],
      [4, 5, 6, 7, 8, 9],
    ]);
  });

  it('are held out by a part that is a row at least', () => {
    expect(splitRows(10, { validation: 0.25 }, identity, 'd').validation).toHaveLength(3);
    expect(messageOf(() => splitRows(10, { validation: 0.01 }, identity, 'd'))).toMatch(
      /got 0\.01, which are 0 rows — hold out more rows$/,
    );
  });
});
