// Tables of more than numbers: cells of every kind, missing ones, rows that are dropped, and what is learned on the training rows alone.

import { readFileSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ColumnSpec } from '../../src/columns/index.ts';
import { loadData } from '../../src/data/load.ts';
import type { CsvSpec } from '../../src/data/spec.ts';
import { testOnPublicData } from '../support/publicData.ts';
import { messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const table = (
  spec: Omit<CsvSpec, 'kind'>,
  task: 'regression' | 'classification' = 'regression',
  baseDir = dir,
) => loadData({ kind: 'csv', ...spec }, { baseDir, task, shuffle: (order) => order.reverse() });
const said = (spec: Omit<CsvSpec, 'kind'>, task: 'regression' | 'classification' = 'regression') =>
  messageIn(dir, () => table(spec, task));

const CATEGORICAL = { kind: 'categorical', unseen: 'error', leastRows: 1 } as const;

put(
  'people.csv',
  [
    'id,color,age,smoker,y',
    'p1,red,20,yes,1',
    'p2,blue,NA,no,2',
    'p3,red,40,no,3',
    'p4,,30,yes,4',
    'p5,green,90,no,5',
  ].join('\n'),
);
const people = {
  path: 'people.csv',
  target: 'y',
  passThrough: ['id'],
  columns: { color: CATEGORICAL, smoker: { kind: 'boolean' } },
} as const;

describe('a table of several kinds of columns', () => {
  it('is learned on the training rows alone, and every part has the same features', () => {
    const columns = { ...people.columns, color: { ...CATEGORICAL, unseen: 'ignore' } } as const;
    const { train, test, rows } = table({ ...people, columns, missing: 'mean', testFraction: 0.2 });
    expect(train.featureNames).toEqual([
      'color=blue',
      'color=red',
      'color missing',
      'age',
      'age missing',
      'smoker',
    ]);
    // The shuffle reverses: row 4 is for the test, so the mean age is 30 and green is no level.
    expect([...train.features.data]).toEqual([
      ...[0, 1, 0, 20, 0, 1],
      ...[1, 0, 0, 30, 1, 0],
      ...[0, 1, 0, 40, 0, 0],
      ...[0, 0, 1, 30, 0, 1],
    ]);
    expect([...test!.features.data]).toEqual([0, 0, 0, 90, 0, 0]);
    expect([...rows.test!.indices]).toEqual([4]);
    expect(train.columns).toMatchObject({ version: 1, targets: ['y'], passThrough: ['id'] });
  });

  it('refuses what its columns do not take, with line and column', () => {
    expect(said(people)).toBe(
      'people.csv: line 3, column 3 "age": expected a value, got "NA" — fill it in, or say what to do about missing cells in data.missing',
    );
    expect(said({ ...people, missing: 'mean', testFraction: 0.2 })).toMatch(
      /^people\.csv: line 6, column 2 "color": expected one of "blue" or "red", got "green" — .*unseen: ignore or other$/,
    );
    const columns = { ...people.columns, color: { kind: 'boolean' } } as const;
    expect(said({ ...people, columns })).toMatch(
      /^people\.csv: line 2, column 2 "color": expected true or false, got "red"/,
    );
    expect(said({ ...people, columns: { colour: CATEGORICAL } })).toMatch(
      /^people\.csv: data\.columns: expected the name of a column, got "colour" — did you mean "color"\?$/,
    );
    expect(said({ ...people, columns: { smoker: { kind: 'boolean' } } })).toMatch(
      /line 2, column 2 "color": expected a number, got "red" — say in data\.columns what the column holds/,
    );
  });

  it('drops rows, which keep their numbers in the file', () => {
    put('test.txt', '1 4');
    const columns = { ...people.columns, color: { ...CATEGORICAL, unseen: 'ignore' } } as const;
    const { train, test, rows } = table({ ...people, columns, missing: 'drop', testIndices: 'test.txt' });
    expect([...rows.train.indices, ...rows.test!.indices]).toEqual([0, 2, 4]);
    expect(train.features.rows + test!.features.rows).toBe(3);
  });

  it('drops rows without a target where that is said', () => {
    put('holes.csv', 'x,y\n1,2\n2,?\n3,4\n');
    const holes = { path: 'holes.csv', target: 'y' };
    expect(said({ ...holes, missing: 'mean' })).toMatch(
      /^holes\.csv: line 3, column 2 "y": expected a number, got "\?" — .*target: drop/,
    );
    expect(table({ ...holes, missing: { target: 'drop' } }).train.features.rows).toBe(2);
  });

  it('takes the markers that are named, and no others but the empty cell', () => {
    put('marks.csv', 'x,y\n-999,1\n2,2\n,3\n4,4\n');
    const { train } = table({
      path: 'marks.csv',
      target: 'y',
      missing: { markers: ['-999'], treatment: 'mean' },
    });
    expect([...train.features.data]).toEqual([3, 1, 2, 0, 3, 1, 4, 0]);
    put('none.csv', 'x,y\nNA,1\nb,2\n');
    const named = { path: 'none.csv', target: 'y', columns: { x: CATEGORICAL }, missing: { markers: ['-'] } };
    expect(table(named).train.featureNames).toEqual(['x=NA', 'x=b']);
  });

  it('reads decimal commas, a separator line and a column without a name', () => {
    put('de.csv', '\uFEFFsep=;\r\n;Größe;Farbe;Preis;\r\n1;1,5;rot;2,5;\r\n2;2,5;blau;3;\r\n3;;rot;4;\r\n');
    const german = { path: 'de.csv', target: 'Preis', decimal: ',', missing: 'median' } as const;
    expect(said({ ...german, columns: { Farbe: CATEGORICAL } })).toMatch(
      /column 1: expected a column name, got an empty header cell/,
    );
    const { train } = table({ ...german, columns: { Farbe: CATEGORICAL }, passThrough: [0] });
    expect(train.featureNames).toEqual(['Größe', 'Größe missing', 'Farbe=blau', 'Farbe=rot']);
    expect([...train.features.data]).toEqual([1.5, 0, 0, 1, 2.5, 0, 1, 0, 2, 1, 0, 1]);
    expect(train.columns?.passThrough).toEqual(['column0']);
  });

  it.each(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const)('reads text in %s', (encoding) => {
    const text = 'Größe;Preis €\n1.234,5;2\n12.345.678;3\n7;4\n';
    const wide = Buffer.from(`\uFEFF${text}`, 'utf16le');
    const bytes = {
      'utf-8': Buffer.from(text),
      'utf-16le': wide,
      'utf-16be': Buffer.from(wide).swap16(),
      'windows-1252': Buffer.from(text.replace('€', '\x80'), 'latin1'),
    };
    put('text.csv', bytes[encoding]);
    const german = { path: 'text.csv', target: 'Preis €', decimal: ',', thousands: '.' } as const;
    if (encoding === 'windows-1252')
      expect(said(german)).toMatch(/line 1: .* set data\.encoding to windows-1252/);
    const spec = encoding === 'windows-1252' ? { ...german, encoding } : german;
    const { train } = table(spec);
    expect([train.featureNames, [...train.features.data]]).toEqual([['Größe'], [1234.5, 12345678, 7]]);
  });

  it('takes digits between a thousands separator only in groups of three', () => {
    put('groups.csv', 'x,y\n1 234,1\n12 34,2\n');
    expect(said({ path: 'groups.csv', target: 'y', thousands: ' ' })).toMatch(
      /line 3, column 1 "x": expected a number, got "12 34"/,
    );
  });

  it('reads JSON lines, whose cells have types', () => {
    const rows = [
      { id: 1, color: 'red', age: 20.5, smoker: true, y: 1 },
      { id: 2, color: null, age: null, smoker: false, y: 2 },
      { id: 3, color: 'blue', age: 30.5, smoker: true, y: 3 },
    ];
    const lines = rows.map((row) => JSON.stringify(row));
    put('people.jsonl', `${lines.join('\n')}\n`);
    const json = { ...people, path: 'people.jsonl', missing: 'mean' } as const;
    const { train } = table(json);
    expect(train.featureNames).toEqual([
      'color=blue',
      'color=red',
      'color missing',
      'age',
      'age missing',
      'smoker',
    ]);
    expect([...train.features.data]).toEqual([0, 1, 0, 20.5, 0, 1, 0, 0, 1, 25.5, 1, 0, 1, 0, 0, 30.5, 0, 1]);
    put('people.jsonl', `${lines[0]}\n${lines[1].replace(',"y":2', '')}\n`);
    expect(said(json)).toBe(
      'people.jsonl: line 2: expected a value for "y", got none — write null where it is missing',
    );
    put('people.jsonl', `${lines[0]}\n${lines[1].replace('"y":2', '"y":2,"z":1')}\n`);
    expect(said(json)).toMatch(/line 2: expected the names of the first object .* got "z"/);
    put('people.jsonl', `${lines[0]}\n[1]\n`);
    expect(said(json)).toMatch(/line 2: expected a JSON object, got a list of 1/);
  });

  it.each(['snappy', 'gzip', 'none'])(
    'reads Parquet as pandas writes it, compressed by %s',
    (compression) => {
      put('people.parquet', readFileSync(new URL(`parquet/people.${compression}.parquet`, import.meta.url)));
      const columns = {
        ...people.columns,
        joined: { kind: 'date', format: 'iso', parts: ['days'] } as ColumnSpec,
      };
      const { train } = table({ ...people, columns, path: 'people.parquet', missing: 'mean' });
      expect(train.featureNames).toEqual([
        ...[
          'color=blue',
          'color=red',
          'color missing',
          'age',
          'age missing',
          'visits',
          'visits missing',
          'smoker',
          'joined',
        ],
      ]);
      expect([...train.features.data]).toEqual(
        [
          ...[0, 1, 0, 20.5, 0, 1, 0, 1, 19723],
          ...[0, 0, 1, 91 / 3, 1, 2, 0, 0, 19724.5],
          ...[1, 0, 0, 30.5, 0, 7 / 3, 1, 1, 19754],
          ...[0, 1, 0, 40, 0, 4, 0, 0, 19783],
        ].map((value) => expect.closeTo(value, 12)),
      );
    },
  );

  it('refuses Parquet of lists, and a damaged one', () => {
    const read = (name: string) => readFileSync(new URL(`parquet/${name}.parquet`, import.meta.url));
    put('lists.parquet', read('lists'));
    expect(said({ path: 'lists.parquet', target: 'y' })).toMatch(
      /column "x": expected numbers, texts, booleans or dates, got lists or maps — /,
    );
    // Node has zstd from 22.15 on.
    put('zstd.parquet', read('people.zstd'));
    const zstd = { ...people, path: 'zstd.parquet', missing: 'mean', features: ['age'] } as const;
    if ('zstdDecompressSync' in zlib) expect(table(zstd).train.features.rows).toBe(4);
    else
      expect(said(zstd)).toMatch(
        /got ".*ZSTD" — is it damaged\? If not, save it with Snappy or gzip, or as CSV$/,
      );
    put('cut.parquet', read('people.none').subarray(0, 900));
    expect(said({ path: 'cut.parquet', target: 'y' })).toMatch(
      /^cut\.parquet: expected a Parquet file that hyparquet can read, got /,
    );
  });

  it('is divided by groups, by an order or in proportion, and not by two of them', () => {
    const lines = Array.from(
      { length: 12 },
      (_, i) => `${1 + ((i * 5) % 12)}.1.2024,${'abcd'[i % 4]},${i},${i % 3}`,
    );
    put('days.csv', ['day,site,x,y', ...lines].join('\n'));
    const days = { path: 'days.csv', target: 'y', testFraction: 0.25 } as const;
    const grouped = table({ ...days, groups: 'site', features: ['x'] });
    expect([grouped.train.featureNames, [...grouped.rows.test!.indices]]).toEqual([['x'], [3, 7, 11]]);
    const day: ColumnSpec = { kind: 'date', format: 'd.m.y', parts: ['days'] };
    const ordered = table({
      ...days,
      order: 'day',
      columns: { day, site: CATEGORICAL },
      validation: 2,
    });
    // Row i is on day 1 + 5i mod 12: the last days are 12, 11 and 10, before them 9 and 8.
    expect([...ordered.rows.test!.indices].map((i) => 1 + ((5 * i) % 12)).sort((a, b) => a - b)).toEqual([
      10, 11, 12,
    ]);
    expect(
      [...ordered.rows.validation!.indices].map((i) => 1 + ((5 * i) % 12)).sort((a, b) => a - b),
    ).toEqual([8, 9]);
    expect(ordered.train.featureNames).toContain('day');
    expect([...table({ ...days, order: true, features: ['x'] }).rows.test!.indices]).toEqual([9, 10, 11]);
    expect(said({ ...days, order: 'day', features: ['x'] })).toMatch(
      /^days\.csv: line 2, column 1 "day": expected a number or a date such as 2024-01-31, got "1\.1\.2024" — .*format: d\.m\.y/,
    );
    expect(said({ ...days, order: true, groups: 'site', features: ['x'] })).toMatch(
      /got data\.groups and data\.order — keep one/,
    );
    const classes = table({ ...days, stratify: true, features: ['x'], testFraction: 0.5 }, 'classification');
    const { targets } = classes.test!;
    expect(targets.kind === 'labels' && [...targets.labels].sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(said({ ...days, stratify: true, features: ['x'] })).toMatch(
      /data\.stratify: expected classes as targets/,
    );
  });

  it('has its target in another file, row by row', () => {
    put('x.csv', 'a,b\n1,2\n,4\n5,6\n7,8\n');
    put('y.csv', 'z,y\n0,10\n0,20\n0,\n0,40\n');
    const two = {
      path: 'x.csv',
      targetPath: 'y.csv',
      target: 'y',
      missing: { treatment: 'drop', target: 'drop' },
    } as const;
    const { train, rows, provenance } = table(two);
    expect([...train.features.data]).toEqual([1, 2, 7, 8]);
    expect(train.targets.kind === 'values' && [...train.targets.values.data]).toEqual([10, 40]);
    expect([...rows.train.indices]).toEqual([0, 3]);
    expect(provenance.map(({ path }) => path)).toEqual(['x.csv', 'y.csv']);
    expect(train.columns?.targets).toEqual(['y']);
    put('y.csv', 'y\n1\n2\n');
    expect(said(two)).toMatch(/^y\.csv: expected 4 rows as in .*x\.csv, got 2 — /);
  });

  it('has classes beside its columns', () => {
    const { train } = table(
      {
        path: 'people.csv',
        target: 'color',
        missing: { target: 'drop', treatment: 'mean' },
        passThrough: ['id', 'smoker'],
      },
      'classification',
    );
    expect(train.targets).toMatchObject({ kind: 'labels', classNames: ['blue', 'green', 'red'] });
    expect(train.features.rows).toBe(4);
  });

  testOnPublicData(
    'mushrooms: no header, 22 columns of letters, ? where a root is not known',
    'mushroom',
    (path) => {
      const columns = Object.fromEntries(Array.from({ length: 22 }, (_, c) => [String(c + 1), CATEGORICAL]));
      const { train } = table(
        { path: 'agaricus-lepiota.data', target: 0, header: false, columns, missing: 'mean' },
        'classification',
        path,
      );
      // 117 levels as the documentation counts them, but for those that no row has, and the missing root.
      expect(train.features).toMatchObject({ rows: 8124, columns: 117 });
      expect(train.featureNames).toContain('column11 missing');
      let ones = 0;
      for (const value of train.features.data) ones += value;
      expect(ones).toBe(8124 * 22);
    },
  );
});

describe('a column of weights', () => {
  put('weighed.csv', 'a,w,y\n1,"0,5",2\n2,2,3\n3,"1,5",5\n4,0,1\n5,1,2');
  const weighed = { path: 'weighed.csv', target: 'y', weights: 'w', decimal: ',' } as const;

  it('is no feature, and every part has those of its rows', () => {
    const { train, test } = table({ ...weighed, testFraction: 0.4 });
    expect(train.featureNames).toEqual(['a']);
    // The shuffle reverses: rows 4 and 3 are for the test.
    expect([...train.weights!]).toEqual([0.5, 2, 1.5]);
    expect([...test!.weights!]).toEqual([0, 1]);
    expect(table({ ...people, missing: 'mean' }).train.weights).toBeUndefined();
  });

  it.each([
    ['-1', '"-1"'],
    ['x', '"x"'],
    ['', 'an empty cell'],
  ])('that holds %j is refused at its line', (cell, got) => {
    put('bad.csv', `a,w,y\n1,1,2\n2,${cell},3`);
    expect(said({ path: 'bad.csv', target: 'y', weights: 'w' })).toBe(
      `bad.csv: line 3, column 2 "w": expected a weight of at least 0, got ${got} — write a number, 0 for a row that is not to count`,
    );
  });
});
