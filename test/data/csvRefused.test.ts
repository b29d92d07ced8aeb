// Every way a text table can be wrong, each with the exact place its message names; and reading features for a model.

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { CsvOptions } from '../../src/data/formats/csv.ts';
import { readCsv, readFeatures } from '../../src/data/formats/csv.ts';
import { messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const regression = { target: -1, task: 'regression' } as const;
const refused = (text: string | Uint8Array, options: Partial<CsvOptions> = {}): string =>
  messageIn(dir, () => readCsv(put('f.csv', text), { ...regression, ...options }));

describe('bad files, each with its place', () => {
  const long = `1,${'7'.repeat(2 ** 24 + 10)}`;
  const cases: Array<[string, string | Uint8Array, Partial<CsvOptions>, string]> = [
    ['empty file', '', {}, 'f.csv: expected a file with data, got an empty file — '],
    ['blank file', '\n \n', {}, 'f.csv: expected at least 1 row, got no rows — '],
    ['header only', 'a,b\n', {}, 'f.csv: expected at least 1 row, got a header and no rows — '],
    [
      'text',
      'a,b\n1,2\n3,four\n',
      { target: 0 },
      'f.csv: line 3, column 2 "b": expected a number, got "four" — ',
    ],
    [
      'text in the target',
      'a,b\n1,2\n3,four\n',
      {},
      'f.csv: line 3, column 2 "b": expected a number, got "four" — ',
    ],
    [
      'empty cell',
      '1,2\n,4\n',
      {},
      'f.csv: line 2, column 1 (index 0): expected a number, got an empty cell — ',
    ],
    ['NaN', '1,2\n3,NaN\n', {}, 'f.csv: line 2, column 2 (index 1): expected a finite number, got "NaN" — '],
    [
      'Infinity',
      '1,2\n-Infinity,4\n',
      {},
      'f.csv: line 2, column 1 (index 0): expected a finite number, got "-Infinity" — ',
    ],
    [
      '1e999',
      '1,2\n3,1e999\n',
      {},
      'line 2, column 2 (index 1): expected a number that float64 can hold (up to 1.8e308), got "1e999" — ',
    ],
    [
      '1e39',
      '1e39,2\n',
      {},
      'line 1, column 1 (index 0): expected a number that float32 can hold (up to 3.4e38), got "1e39" — ',
    ],
    ['hex', '1,2\n0x10,4\n', {}, 'line 2, column 1 (index 0): expected a number, got "0x10" — '],
    [
      'decimal comma',
      '1,5;2\n3,5;4\n',
      {},
      'line 1, column 1 (index 0): expected a number, got "1,5" — set data.decimal to "," if that stands before the fraction',
    ],
    ['ragged, short', '1,2,3\n4,5\n', {}, 'f.csv: line 2: expected 3 columns as in the first row, got 2 — '],
    [
      'ragged, long',
      'a,b\n\n1,2\n4,5,6\n',
      {},
      'f.csv: line 4: expected 2 columns as in the header, got 3 — ',
    ],
    [
      'ragged white space',
      '1 2 3\n4 5\n',
      {},
      'f.csv: line 2: expected 3 columns as in the first row, got 2 — ',
    ],
    [
      'same name twice',
      'a,b,a\n1,2,3\n',
      {},
      'f.csv: line 1, column 3 "a": expected a name of its own for each column, got the name of column 1 again — ',
    ],
    [
      'unknown target',
      'size,price\n1,2\n',
      { target: 'prize' },
      'f.csv: data.target: expected the name of a column, got "prize" — did you mean "price"?',
    ],
    [
      'unknown feature',
      'size,price\n1,2\n',
      { features: ['siz'] },
      'f.csv: data.features: expected the name of a column, got "siz" — did you mean "size"?',
    ],
    [
      'name without header',
      '1,2\n',
      { target: 'y' },
      'f.csv: data.target: expected a column index (the file has no header), got "y" — give an index from 0 to 1',
    ],
    [
      'index outside',
      '1,2\n',
      { target: 2 },
      'f.csv: data.target: expected a column index from -2 to 1 (the file has 2 columns), got 2 — ',
    ],
    [
      'negative outside',
      '1,2\n',
      { target: -3 },
      'data.target: expected a column index from -2 to 1 (the file has 2 columns), got -3 — ',
    ],
    [
      'index that is no integer',
      '1,2\n',
      { target: 0.5 },
      'data.target: expected a column index from -2 to 1 (the file has 2 columns), got 0.5 — ',
    ],
    [
      'target among features',
      'a,b\n1,2\n',
      { features: ['a', 1] },
      'f.csv: data.features: expected columns that are not the target, got the target column 2 "b" among them — ',
    ],
    [
      'feature twice',
      'a,b\n1,2\n',
      { features: ['a', 0] },
      'f.csv: data.features: expected each column once, got column 1 "a" twice — ',
    ],
    [
      'no features asked for',
      'a,b\n1,2\n',
      { features: [] },
      'f.csv: data.features: expected at least 1 column, got none — ',
    ],
    [
      'no features left',
      'a\n1\n',
      {},
      'f.csv: expected at least 1 feature column, got 1 column in the file, the target — ',
    ],
    [
      'row numbers without a name',
      ',a,b\n0,1,2\n',
      {},
      'f.csv: column 1: expected a column name, got an empty header cell — ',
    ],
    [
      'header or not?',
      '1,x\n2,3\n',
      {},
      'f.csv: line 1: expected a header of text or a row like the next, got "1 x" above "2 3" — set data.header to true if line 1 names the columns, false if it is data, skip to pass over it',
    ],
    [
      'header or not, below an empty line, where flags say it',
      '\n1,x\n2,3\n',
      { authority: 'flags' },
      'got "1 x" above "2 3" — pass --header true if line 2 names the columns, false if it is data, skip to pass over it',
    ],
    [
      'header or not, where only the file can say it',
      '1,x\n2,3\n',
      { authority: 'file' },
      'got "1 x" above "2 3" — delete the line if it names the columns; if it is data, put another row first',
    ],
    [
      'JSON list',
      '\uFEFF[\n  {"x": 1, "y": 2}]',
      {},
      'f.csv: expected delimited text or JSON lines, got a JSON list of objects — write one object a line',
    ],
    [
      'open quote',
      '1,2\n3,"4\n5,6\n',
      {},
      'f.csv: line 2: expected a closing quote, got the end of the file — ',
    ],
    [
      'quote in the middle',
      '1,2\n3,4"5"\n',
      {},
      'f.csv: line 2, column 2: expected a quote only at the start of a field, got one in the middle — ',
    ],
    [
      'text behind a quote',
      '1,2\n"3"x,4\n',
      {},
      'f.csv: line 2, column 1: expected a delimiter after the closing quote, got something else — ',
    ],
    [
      'lines inside quotes are counted',
      '1,"2\n\n"\r\n3,"4\r\n"\r\nx,5',
      { target: 0 },
      'f.csv: line 1, column 2 (index 1): expected a number, got "2\\u000a\\u000a" — ',
    ],
    [
      'no line end in sight',
      long,
      {},
      'f.csv: line 1: expected a row of at most 16777216 characters, got a longer one — ',
    ],
    [
      'half a character of UTF-16',
      Buffer.from('\uFEFF1,2\n', 'utf16le').subarray(0, 7),
      {},
      'f.csv: expected UTF-16 text, got bytes that are not UTF-16 — ',
    ],
    [
      'not UTF-8',
      Buffer.from('1,2\n3,\xe9\n', 'latin1'),
      {},
      'f.csv: line 2: expected UTF-8 text, got bytes that are not UTF-8 — save the file as UTF-8, or set data.encoding to windows-1252 if an older Excel wrote it',
    ],
    [
      '0 or 1',
      '1,0\n2,1\n3,2\n',
      { task: 'binary' },
      'f.csv: line 3, column 2 (index 1): expected 0 or 1, got "2" — ',
    ],
    [
      'delimiter',
      '1,2',
      { delimiter: ',,' },
      'data.delimiter: expected one character, tab or whitespace, got ",," — ',
    ],
    [
      'delimiter that numbers need',
      '1,2',
      { delimiter: '.' },
      'data.delimiter: expected one character, tab or whitespace, got "." — ',
    ],
    ['comment mark', '1,2', { comment: ',' }, 'data.comment: expected a short mark such as #, got "," — '],
    [
      'damaged gzip',
      gzipSync('1,2\n3,4\n').subarray(0, 20),
      {},
      'f.csv: gzip: expected an intact gzip stream, got "unexpected end of file" — ',
    ],
    [
      'strange text',
      '1,2\n3,\u001b[31m\u2028\u0085x',
      {},
      'f.csv: line 2, column 2 (index 1): expected a number, got "\\u001b[31m\\u2028\\u0085x" — ',
    ],
  ];
  it.each(cases)('%s', (_, text, options, start) => {
    expect(refused(text, options)).toContain(start);
  });

  it('counts lines through quoted line breaks, empty lines and comments', () => {
    const features = { target: 'y', features: ['x'] };
    for (const [text, line] of [
      ['n,x,y\n"a\nb",1,2\nc,bad,4', 4],
      ['n,x,y\r\n"a\r\nb\r\n",1,2\r\nc,bad,4', 5],
      ['n,x,y\r\n"a\r\nb\r\n",bad,2', 2],
      ['n,x,y\n\n\nc,bad,4', 4],
      ['n,x,y\n"a\r\nb\r\nc",1,2\n\nq,1,2\n\n#\nc,bad,4', 9],
    ] as const) {
      expect(refused(text, { ...features, comment: '#' })).toContain(
        `f.csv: line ${line}, column 2 "x": expected a number, got "bad"`,
      );
    }
  });

  it('keeps to a limit on size, also of what a gzip inflates to', () => {
    expect(refused('1,2\n3,4\n', { maxBytes: 4 })).toContain(
      'f.csv: expected at most 4 bytes (the limit of this machine), got a file of 8 bytes — ',
    );
    const bomb = gzipSync(Buffer.alloc(2 ** 26, '1,2\n'));
    const before = process.memoryUsage().rss;
    expect(refused(bomb, { maxBytes: 2 ** 20 })).toContain(
      'f.csv: expected at most 1048576 bytes when inflated, got more — ',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(1.5 * 2 ** 25);
  });

  it('takes one column only', () => {
    expect(refused('1,a,b', { target: [1, 2], task: 'classification' })).toContain(
      'f.csv: data.target: expected 1 column of class labels, got 2',
    );
  });
});

describe('features for prediction', () => {
  const features = (text: string, options: Parameters<typeof readFeatures>[1]) =>
    readFeatures(put('p.csv', text), options).features;
  const said = (text: string, options: Parameters<typeof readFeatures>[1]) =>
    messageIn(dir, () => features(text, options));
  it('matches columns by name when file and model have names', () => {
    const got = features('y,b,a\n9,2,1\n9,4,3', { columns: 2, names: ['a', 'b'] });
    expect(got).toEqual({ data: Float64Array.of(1, 2, 3, 4), rows: 2, columns: 2 });
    expect(features('1,2\n3,4', { columns: 2, names: ['a', 'b'] }).data).toEqual(Float64Array.of(1, 2, 3, 4));
    expect(features('c,d\n3,4', { columns: 2 }).data).toEqual(Float64Array.of(3, 4));
    expect(features('1,2,3\n4,5,6', { columns: 2, features: [2, 0] }).data).toEqual(
      Float64Array.of(3, 1, 6, 4),
    );
    expect(features('2020,2021\n3,4', { columns: 2, names: ['2021', '2020'] }).data).toEqual(
      Float64Array.of(4, 3),
    );
  });
  it('says what does not fit', () => {
    const thirteen = { columns: 13, names: null };
    const row = (n: number): string => `${Array.from({ length: n }, (_, i) => 2 * i).join(' ')}\n`;
    expect(said(row(14) + row(14), thirteen)).toBe(
      'p.csv: line 1: expected 13 columns, got 14 — is the label column still in?',
    );
    expect(said(row(12), thirteen)).toContain(
      'p.csv: line 1: expected 13 columns, got 12 — are columns missing',
    );
    expect(said('width,hight\n1,2', { columns: 2, names: ['width', 'height'] })).toContain(
      'p.csv: features of the model: expected a column "height", got none (the file has "width", "hight") — did you mean "hight"?',
    );
    expect(said('1,2\n3', { columns: 2 })).toContain(
      'p.csv: line 2: expected 2 columns as in the first row, got 1',
    );
    expect(said('1,2\nx,3', { columns: 2 })).toContain(
      'p.csv: line 2, column 1 (index 0): expected a number, got "x"',
    );
  });
});
