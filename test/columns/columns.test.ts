// Kinds of columns: what each learns of the training rows, and the features it makes of cells, in files and in objects alike.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MissingCells, RawColumn } from '../../src/columns/column.ts';
import { parseDate } from '../../src/columns/date.ts';
import { type ColumnSpec, columnKind } from '../../src/columns/index.ts';
import { encodeNamedRows } from '../../src/columns/namedRows.ts';
import { columnsProblem, tableColumnsSchema } from '../../src/columns/record.ts';
import { featureNames, type TableColumns } from '../../src/columns/tableColumns.ts';

const NONE: MissingCells = { markers: ['', 'NA'], treatment: 'error', indicator: true };

function numbers(...values: (number | null)[]): RawColumn {
  return { values: Float64Array.from(values, (value) => value ?? Number.NaN), texts: null };
}

function texts(...cells: (string | null)[]): RawColumn {
  const distinct = [...new Set(cells.filter((cell) => cell !== null))];
  return {
    values: Int32Array.from(cells, (cell) => (cell === null ? -1 : distinct.indexOf(cell))),
    texts: distinct,
  };
}

const allOf = ({ values }: RawColumn) => Array.from(values, (_, r) => r);

/** A column learned on `rows` and the features of cells. */
function learned(spec: ColumnSpec, raw: RawColumn, missing = NONE, rows = allOf(raw)) {
  const kind = columnKind(spec.kind);
  const what = kind.learn('c', raw, rows, spec, missing);
  const encode = kind.encoder(what);
  const names = kind.features(what);
  const features = (cell: number | string | null) => {
    const out = new Float64Array(names.length).fill(Number.NaN);
    encode(out, 0, cell);
    return [...out];
  };
  return { what, names, features };
}

const options = (columns: Partial<ColumnSpec> & { kind: ColumnSpec['kind'] }) =>
  ({ unseen: 'error', leastRows: 1, format: 'iso', parts: ['days'], ...columns }) as unknown as ColumnSpec;

describe('missing numbers', () => {
  test.each([
    ['mean', 4],
    ['median', 2.5],
    ['mostFrequent', 2],
  ] as const)('are filled by the %s of the training rows alone, with an indicator', (missing, fill) => {
    const raw = numbers(2, null, 2, 3, 9, 1000);
    const { names, features } = learned(options({ kind: 'numeric', missing }), raw, NONE, [0, 1, 2, 3, 4]);
    expect(names).toEqual(['c', 'c missing']);
    expect(features(null)).toEqual([fill, 1]);
    expect(features(7)).toEqual([7, 0]);
  });

  test('have no indicator where no training row has one, or where none is wanted', () => {
    expect(learned(options({ kind: 'numeric', missing: 'mean' }), numbers(1, 2)).names).toEqual(['c']);
    const spec = options({ kind: 'numeric', missing: 'mean', indicator: false });
    expect(learned(spec, numbers(1, null)).names).toEqual(['c']);
  });

  test('the mean keeps its digits far from 0', () => {
    const { features } = learned(
      options({ kind: 'numeric', missing: 'mean' }),
      numbers(1e15, 1e15 + 2, null),
    );
    expect(features(null)[0]).toBe(1e15 + 1);
  });

  test('a column without a single value is refused', () => {
    expect(() => learned(options({ kind: 'numeric', missing: 'mean' }), numbers(null, null))).toThrow(
      /expected at least 1 value in the training rows, got missing cells alone — .*data\.features/,
    );
  });
});

describe('categories', () => {
  test('are in the order of code units, of no locale, and whole numbers in their own', () => {
    const order = (...cells: string[]) => learned(options({ kind: 'categorical' }), texts(...cells)).names;
    expect(order('b', 'ä', 'Z', 'a')).toEqual(['c=Z', 'c=a', 'c=b', 'c=ä']);
    expect(order('10', '9', '-1')).toEqual(['c=-1', 'c=9', 'c=10']);
    expect(order('10', '9', '01')).toEqual(['c=01', 'c=10', 'c=9']);
  });

  test('become one feature a level; unseen ones as declared', () => {
    const raw = texts('red', 'green', 'red', 'rare');
    const train = [0, 1, 2];
    const of = (unseen: string) =>
      learned(options({ kind: 'categorical', unseen } as never), raw, NONE, train);
    expect(of('error').features('red')).toEqual([0, 1]);
    expect(() => of('error').features('rare')).toThrow(/expected one of "green" or "red", got "rare"/);
    expect(of('ignore').features('rare')).toEqual([0, 0]);
    expect(of('other').names).toEqual(['c=green', 'c=red', 'c other']);
    expect(of('other').features('rare')).toEqual([0, 0, 1]);
    expect(of('other').features('red')).toEqual([0, 1, 0]);
  });

  test('missing ones get a level of their own, or the most frequent one', () => {
    const raw = texts('a', null, 'b', 'b');
    const own = learned(options({ kind: 'categorical' }), raw, { ...NONE, treatment: 'median' });
    expect(own.names).toEqual(['c=a', 'c=b', 'c missing']);
    expect(own.features(null)).toEqual([0, 0, 1]);
    const most = learned(options({ kind: 'categorical', missing: 'mostFrequent' }), raw);
    expect(most.features(null)).toEqual([0, 1, 1]);
  });

  test('texts in fewer rows than leastRows are no levels', () => {
    const raw = texts('a', 'a', 'b');
    const spec = options({ kind: 'categorical', leastRows: 2, unseen: 'other' } as never);
    expect(learned(spec, raw).names).toEqual(['c=a', 'c other']);
    expect(() => learned(options({ kind: 'categorical', leastRows: 2 } as never), raw)).toThrow(/unseen/);
  });

  test('with an order are its places', () => {
    const spec = options({
      kind: 'ordinal',
      levels: ['low', 'mid', 'high'],
      missing: 'mostFrequent',
    } as never);
    const { names, features } = learned(spec, texts('low', 'high', 'high', null));
    expect(names).toEqual(['c', 'c missing']);
    expect([features('low'), features('mid'), features(null)]).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
    ]);
    expect(() => features('huge')).toThrow(/expected one of "low", "mid" or "high", got "huge"/);
  });
});

describe('dates', () => {
  test('are the days that Date counts, for every day and format', () => {
    fc.assert(
      fc.property(fc.integer({ min: -700_000, max: 2_900_000 }), (days) => {
        const [date] = new Date(days * 86_400_000).toISOString().split('T');
        const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date);
        if (found === null) return;
        const [, y, m, d] = found;
        expect(parseDate(date, 'iso')).toBe(days);
        expect(parseDate(`${Number(d)}.${m}.${y}`, 'd.m.y')).toBe(days);
        expect(parseDate(`${d}/${m}/${y}`, 'd/m/y')).toBe(days);
        expect(parseDate(`${m}/${d}/${y}`, 'm/d/y')).toBe(days);
      }),
    );
  });

  test('take times, in UTC unless they say another offset', () => {
    expect(parseDate('1970-01-02T12:00', 'iso')).toBe(1.5);
    expect(parseDate('1970-01-01 06:00:00Z', 'iso')).toBe(0.25);
    expect(parseDate('1970-01-01T01:00:00+01:00', 'iso')).toBe(0);
    expect(parseDate('1970-03', 'iso')).toBe(59);
  });

  test.each(['2023-02-29', '2024-13-01', '2024-01-00', '24-01-01', '2024-01-01T25:00', 'today', '20240101'])(
    '%s is none',
    (text) => expect(parseDate(text, 'iso')).toBeNaN(),
  );

  test('are places on circles where asked for: a year, a week and a day come round', () => {
    const { names, features } = learned(
      options({ kind: 'date', parts: ['year', 'week', 'day'] } as never),
      numbers(0),
    );
    expect(names).toEqual(['c sin year', 'c cos year', 'c sin week', 'c cos week', 'c sin day', 'c cos day']);
    const newYear = features(parseDate('2024-01-01', 'iso'));
    expect(newYear).toEqual([0, 1, 0, 1, 0, 1]); // a Monday
    const [sinWeek, cosWeek] = features(parseDate('2024-01-08', 'iso')).slice(2);
    expect([sinWeek, cosWeek]).toEqual([0, 1]);
    for (const [angle, at] of [
      [0, features(parseDate('2024-07-01T12:00', 'iso'))],
      [4, features(parseDate('2024-07-01T12:00', 'iso'))],
    ] as const)
      expect(Math.hypot(at[angle], at[angle + 1])).toBeCloseTo(1, 12);
  });
});

const COLUMNS: TableColumns = {
  version: 1,
  markers: ['', 'NA'],
  features: [
    learned(options({ kind: 'categorical', unseen: 'ignore' } as never), texts('red', 'blue', null), {
      ...NONE,
      treatment: 'mean',
    }).what,
    { ...learned(options({ kind: 'numeric', missing: 'mean' }), numbers(1, 3, null)).what, name: 'age' },
    { ...learned(options({ kind: 'boolean' }), numbers(1, 0)).what, name: 'smoker' },
    { ...learned(options({ kind: 'date' }), numbers(1)).what, name: 'joined' },
  ],
  targets: ['y'],
  passThrough: [],
};

describe('what was learned', () => {
  test('is plain data that a file brings back, and fits the model or says why not', () => {
    expect(featureNames(COLUMNS)).toEqual([
      'c=blue',
      'c=red',
      'c missing',
      'age',
      'age missing',
      'smoker',
      'joined',
    ]);
    const back = tableColumnsSchema.parse(JSON.parse(JSON.stringify(COLUMNS)));
    expect(back).toEqual(COLUMNS);
    expect(columnsProblem(back, 7)).toBeNull();
    expect(columnsProblem(back, 6)).toMatchObject({ got: '7' });
    const twice = { ...COLUMNS, features: [{ ...COLUMNS.features[0], levels: ['a', 'a'] }] };
    expect(columnsProblem(twice as TableColumns, 3)).toMatchObject({
      at: 'features[0]',
      got: 'a level twice',
    });
    expect(tableColumnsSchema.safeParse({ ...COLUMNS, version: 2 }).error?.issues[0].message).toMatch(
      /newer/,
    );
  });
});

describe('rows as objects', () => {
  const row = { c: 'red', age: 30, smoker: true, joined: '1970-01-11', other: 'ignored' };
  const encode = (...rows: unknown[]) => [...encodeNamedRows('predict', COLUMNS, rows).data];

  test('have the features of their cells, whatever the order of their names', () => {
    expect(encode(row)).toEqual([0, 1, 0, 30, 0, 1, 10]);
    const { c, ...rest } = row;
    expect(encode({ ...rest, c }, { ...row, age: null, c: 'NA', smoker: 'No', joined: new Date(0) })).toEqual(
      [...[0, 1, 0, 30, 0, 1, 10], ...[0, 0, 1, 2, 1, 0, 0]],
    );
  });

  test.each([
    [
      { ...row, age: '30' },
      'predict: row 0, column "age": expected a finite number, got "30" — pass it as a number, not as text',
    ],
    [
      { ...row, age: Number.NaN },
      /expected a finite number, got NaN — pass a number, or null where it is missing/,
    ],
    [
      { ...row, smoker: null },
      /column "smoker": expected a value, got null — .*fill it in, or leave the row out/,
    ],
    [{ ...row, smoker: 'maybe' }, /column "smoker": expected true or false, got "maybe"/],
    [{ ...row, joined: 5 }, /column "joined": expected a date such as 2024-01-31, got 5/],
    [{ ...row, c: [] }, /column "c": expected a text, a number or a boolean, got an empty list/],
    [{ c: 'red', Age: 3, smoker: true, joined: '' }, /expected a column "age", got .* — is it "Age"\?/],
    [{}, /expected a column "c", got an empty object/],
  ])('%j is refused with its place', (bad, message) => {
    expect(() => encode(bad)).toThrow(TypeError);
    expect(() => encode(bad)).toThrow(message);
  });

  test('are refused where a later row is none, or the model knows no names', () => {
    expect(() => encode(row, [1, 2])).toThrow(
      /expected an object in row 1 like those before, got a list of 2/,
    );
    expect(() => encodeNamedRows('predict', null, [row])).toThrow(
      /got objects, for a model that knows no names/,
    );
  });
});
