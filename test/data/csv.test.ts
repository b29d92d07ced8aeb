import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../src/data/dataset.ts';
import { alignClasses, selectRows } from '../../src/data/dataset.ts';
import type { CsvOptions } from '../../src/data/formats/csv.ts';
import { readCsv, readFeatures } from '../../src/data/formats/csv.ts';
import { testOnPublicData } from '../support/publicData.ts';
import { messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const regression = { target: -1, task: 'regression' } as const;
const classes = { target: -1, task: 'classification' } as const;
const read = (text: string | Uint8Array, options: Partial<CsvOptions> = {}): Table =>
  readCsv(put('f.csv', text), { ...regression, ...options });
const values = (table: Table): number[] =>
  table.targets.kind === 'values' ? [...table.targets.values.data] : [];
const labels = (table: Table): string[] => {
  const { targets } = table;
  return targets.kind === 'labels' ? Array.from(targets.labels, (k) => targets.classNames[k]) : [];
};

describe('real files', () => {
  const uci = [
    ['bostonHousing', 506, 13, 22.532806, 24],
    ['concrete', 1030, 8, 35.817961, 79.99],
    ['energy', 768, 8, 22.307201, 15.55],
    ['power-plant', 9568, 4, 454.365009, 480.48],
    ['wine-quality-red', 1599, 11, 5.636023, 5],
    ['yacht', 308, 6, 10.495357, 0.11],
  ] as const;
  for (const [set, rows, columns, mean, first] of uci)
    testOnPublicData(`UCI ${set}: ${rows} × ${columns}, mean of the target ${mean}`, `uci/${set}`, (path) => {
      const table = readCsv(join(path, 'data.txt'), regression);
      expect(table.features).toMatchObject({ rows, columns });
      expect(table.featureNames).toBeNull();
      expect(values(table)[0]).toBe(first);
      expect(values(table).reduce((a, b) => a + b) / rows).toBeCloseTo(mean, 3);
      expect(table.source[0].shape).toEqual([rows, columns + 1]);
    });

  testOnPublicData(
    'digits (gzip, integer labels) and diabetes (gzip, white space under the name csv)',
    'toy',
    (toy) => {
      const digits = readCsv(join(toy, 'digits.csv.gz'), classes);
      expect(digits.features).toMatchObject({ rows: 1797, columns: 64 });
      expect(digits.targets).toMatchObject({
        classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      });
      expect(labels(digits).slice(0, 5)).toEqual(['0', '1', '2', '3', '4']);
      expect(readFeatures(join(toy, 'diabetes_data.csv.gz'), { columns: 10 }).features.rows).toBe(442);
    },
  );

  for (const [name, rows, columns, sizes] of [
    ['iris', 150, 4, [50, 50, 50]],
    ['breast_cancer', 569, 30, [212, 357]],
    ['wine_data', 178, 13, [59, 71, 48]],
  ] as const)
    testOnPublicData(`${name} has a first line that is no header`, `toy/${name}.csv`, (path) => {
      expect(messageIn(dir, () => readCsv(path, classes))).toMatch(
        /: line 1: expected a header of text or a row like the next, got .* — set data\.header/,
      );
      const table = readCsv(path, { ...classes, header: 'skip' });
      expect(table.features).toMatchObject({ rows, columns });
      expect(sizes.map((_, k) => labels(table).filter((label) => label === `${k}`).length)).toEqual([
        ...sizes,
      ]);
    });

  testOnPublicData('CO2: a header of 6 names above 7 columns', 'timeseries/co2-mm-mlo.csv', (path) => {
    const options = { target: 3, features: [1], task: 'regression' } as const;
    expect(messageIn(dir, () => readCsv(path, options))).toContain(
      'line 2: expected 6 columns as in the header, got 7 — ',
    );
    expect(readCsv(path, { ...options, header: 'skip' }).features).toMatchObject({ rows: 820, columns: 1 });
  });

  testOnPublicData(
    'mushroom: text features are refused at their place',
    'mushroom/agaricus-lepiota.data',
    (path) => {
      const got = messageIn(dir, () => readCsv(path, { target: 0, task: 'classification' }));
      expect(got).toContain('line 1, column 2 (index 1): expected a number, got "x" — ');
    },
  );
});

describe('layouts', () => {
  const expected = [1, 2, 4, 5];
  it.each([
    ['comma', '1,2,3\n4,5,6\n'],
    ['semicolon', '1;2;3\n4;5;6'],
    ['tab', '1\t2\t3\n4\t5\t6'],
    ['runs of blanks and tabs, at both ends too', '  1 2\t 3 \n4   5\t6\t\n \n'],
    ['CR LF', '1,2,3\r\n4,5,6\r\n'],
    ['CR', '1,2,3\r4,5,6\r'],
    ['mixed line ends', '1,2,3\r\n4,5,6\n'],
    ['byte order mark', '\uFEFF1,2,3\n4,5,6'],
    ['quotes and blanks', ' "1", 2 ,"3"\n4,"5",6'],
    ['empty lines', '\n1,2,3\n\n   \n4,5,6\n\n'],
    ['number spellings', '+1,2.,3e0\n4.0,.5E1,6'],
  ])('%s', (_, text) => {
    const table = read(text);
    expect([...table.features.data]).toEqual(expected);
    expect(values(table)).toEqual([3, 6]);
    expect([...read(gzipSync(text)).features.data]).toEqual(expected);
  });

  it('delimiter given, comments given', () => {
    expect(values(read('1|2\n3|4', { delimiter: '|' }))).toEqual([2, 4]);
    expect(values(read('1 2\n3 4', { delimiter: 'whitespace' }))).toEqual([2, 4]);
    expect(values(read('1\t2\n3\t4', { delimiter: 'tab' }))).toEqual([2, 4]);
    expect(values(read('# made by me, today\n1 2\n# more\n3 4', { comment: '#' }))).toEqual([2, 4]);
  });

  it('finds a header, or takes the word of the caller', () => {
    const named = read('a,"b, c",y\n1,2,3\n');
    expect(named.featureNames).toEqual(['a', 'b, c']);
    expect(named.targets).toMatchObject({ names: ['y'] });
    expect(read('1,2,3\n4,5,6', { header: true }).featureNames).toEqual(['1', '2']);
    expect(read('1,2,3\n4,5,6', { header: true }).features.rows).toBe(1);
    expect(read('x x y\n4 5 6', { header: 'skip' }).features).toMatchObject({ rows: 1, columns: 2 });
    expect(read('1,2,3', { header: 'auto' }).features.rows).toBe(1);
    expect(labels(read('1,cat\n2,dog', classes))).toEqual(['cat', 'dog']);
  });

  it.each([
    ['1,2,y\n4,5,6', 1], // no header of text, and no row like the next
    ['0,1,2\n4.5,5,6', 1], // numbers of columns
    ['a,b,c\n4,5,6', 1],
    ['1,2,3\n4,5,6', 2],
    ['1,2,3', 1],
  ])('skips a line that is no row: %j', (text, rows) => {
    expect(read(text, { header: 'skipUnlessRow' }).features.rows).toBe(rows);
  });

  it('chooses columns by name, by index and from the end, in the order asked for', () => {
    const text = 'a,b,c,d\n1,2,3,4\n5,6,7,8';
    const table = read(text, { target: ['b', -1], features: ['c', 0] });
    expect([...table.features.data]).toEqual([3, 1, 7, 5]);
    expect(table.featureNames).toEqual(['c', 'a']);
    expect(values(table)).toEqual([2, 4, 6, 8]);
    expect(table.targets).toMatchObject({ names: ['b', 'd'] });
    expect(read(text, { target: 'a' }).featureNames).toEqual(['b', 'c', 'd']);
  });

  it('names a column like a method of objects without harm', () => {
    expect(read('constructor,__proto__\n1,2', { target: '__proto__' }).featureNames).toEqual(['constructor']);
  });
});

describe('classes', () => {
  const targets = (column: string[], options = {}) =>
    read(column.map((c, i) => `${i + 0.5},${c}`).join('\n'), { ...classes, ...options }).targets;
  it('sorts integers by value, text by code units', () => {
    expect(targets(['10', '9', '-1', '9', '010'])).toEqual({
      kind: 'labels',
      classNames: ['-1', '9', '010', '10'],
      labels: Int32Array.of(3, 1, 0, 1, 2),
    });
    expect(targets(['b', 'ä', 'Z', 'a', '10', '9'])).toMatchObject({
      classNames: ['10', '9', 'Z', 'a', 'b', 'ä'],
    });
  });
  it('takes the classes of a model, one alone too', () => {
    const known = { classNames: ['10', 'x'] };
    expect(targets(['10.0', '10'], known)).toEqual({
      kind: 'labels',
      classNames: known.classNames,
      labels: Int32Array.of(0, 0),
    });
    const got = messageIn(dir, () => targets(['10', '11'], known));
    expect(got).toContain(
      'f.csv: line 2, column 2 (index 1): expected one of the classes "10", "x", got "11" — ',
    );
  });
  it('aligns a table with the classes of a model', () => {
    const table = read('1,b\n2,a\n3,b', classes);
    const aligned = alignClasses(table, ['c', 'b', 'a'], 'f');
    expect(aligned.targets).toEqual({
      kind: 'labels',
      classNames: ['c', 'b', 'a'],
      labels: Int32Array.of(1, 2, 1),
    });
    expect(messageIn(dir, () => alignClasses(table, ['b', 'c'], 'f'))).toContain(
      'f: row 2: expected one of the classes "b", "c", got "a"',
    );
    expect(messageIn(dir, () => alignClasses(read('1,2\n3,4'), ['b', 'c'], 'f'))).toContain('got numbers');
  });
  it.each([
    [
      'one class',
      ['a', 'a'],
      'f.csv: column 2 (index 1): expected at least 2 classes, got 1 class ("a" in all 2 rows) — there is nothing to predict in it',
    ],
    [
      'one number in two ways',
      ['3', '10', '3.0'],
      'f.csv: line 3, column 2 (index 1): expected class "3" written as before, got "3.0" — write each class in one way',
    ],
    [
      'fractions',
      ['1', '2', '2.5'],
      'f.csv: line 3, column 2 (index 1): expected an integer or text as class label, got "2.5" — the column looks continuous',
    ],
    [
      'too many',
      Array.from({ length: 40 }, (_, i) => `${i * i}`),
      'f.csv: column 2 (index 1): expected a few classes, got 40 different labels in 40 rows — the column looks continuous',
    ],
    ['NaN', ['1', 'NaN', '2'], 'f.csv: line 2, column 2 (index 1): expected a class label, got "NaN" — '],
    [
      '? among integers',
      ['1', '2', '?'],
      'f.csv: line 3, column 2 (index 1): expected a class label, got "?" — ',
    ],
    [
      'empty',
      ['1', '', '2'],
      'f.csv: line 2, column 2 (index 1): expected a class label, got an empty cell — ',
    ],
  ])('%s', (_, column, start) => {
    expect(messageIn(dir, () => targets(column))).toContain(start);
  });
});

describe('properties', () => {
  const cell = fc.float({ noNaN: true, noDefaultInfinity: true });
  it('numbers written with any delimiter and line end are read back to the bit', () => {
    const layout = fc.record({
      rows: fc.integer({ min: 1, max: 20 }),
      columns: fc.integer({ min: 2, max: 6 }),
      delimiter: fc.constantFrom(',', ';', '\t', '|', ' ', '   '),
      end: fc.constantFrom('\n', '\r\n', '\r'),
      quote: fc.boolean(),
      header: fc.boolean(),
      gzip: fc.boolean(),
    });
    fc.assert(
      fc.property(
        layout,
        fc.infiniteStream(cell),
        ({ rows, columns, delimiter, end, quote, header, gzip }, stream) => {
          const data = Float32Array.from(stream.take(rows * columns));
          const lines: string[] = header
            ? [Array.from({ length: columns }, (_, c) => `"c${c}"`).join(delimiter)]
            : [];
          for (let r = 0; r < rows; r++) {
            const cells = Array.from(data.subarray(r * columns, (r + 1) * columns), (v) =>
              quote ? `"${v}"` : `${v}`,
            );
            lines.push(cells.join(delimiter));
          }
          const text = lines.join(end);
          const options = {
            delimiter: delimiter.trim() === '' && delimiter !== '\t' ? 'whitespace' : delimiter,
            header,
          };
          const table = read(gzip ? gzipSync(text) : text, options);
          expect(table.features).toMatchObject({ rows, columns: columns - 1 });
          for (let r = 0; r < rows; r++) {
            const row = data.subarray(r * columns, (r + 1) * columns);
            // -0 is written as 0
            for (let c = 0; c < columns - 1; c++)
              expect(table.features.data[r * (columns - 1) + c] + 0).toBe(row[c] + 0);
            expect(values(table)[r] + 0).toBe(row[columns - 1] + 0);
          }
        },
      ),
      { numRuns: 200, seed: 7 },
    );
  });

  it('any text survives quoting as a class name', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((s) => s.trim() !== '' && !/^[\d.+-]/.test(s.trim()) && !/^nan$/i.test(s.trim()));
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 9 }), (names) => {
        const text = names.map((n, i) => `${i},"${n.replaceAll('"', '""')}"`).join('\n');
        expect(labels(read(text, { ...classes, header: false, delimiter: ',' }))).toEqual(names);
      }),
      { numRuns: 200, seed: 8 },
    );
  });

  it('selecting rows moves features and targets together', () => {
    const table = read('1,2,x\n3,4,y\n5,6,x', classes);
    const some = selectRows(table, [2, 0, 2]);
    expect([...some.features.data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect(labels(some)).toEqual(['x', 'x', 'x']);
    expect(some.features.rows).toBe(3);
    expect(() => selectRows(table, [3])).toThrow(RangeError);
    expect(values(selectRows(read('1,2\n3,4'), [1]))).toEqual([4]);
  });
});
