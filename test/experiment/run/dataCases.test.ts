// Small files of the kinds people meet (test/data/cases): read where they can be read, otherwise refused with a hint that is right, from
// the config to the rows of a training or a prediction.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Table } from '../../../src/data/dataset.ts';
import { readCsv, readFeatures } from '../../../src/data/formats/csv.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { loadRunData, prepareRun, trainingData } from '../../../src/experiment/run/data.ts';
import { trainOptions } from '../../../src/experiment/run/train.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import { messageOf, scratch } from '../../data/support.ts';

const FOLDER = resolve('test/data/cases');
const { dir, put } = scratch();
let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 2, backend: 'wasm' });
});
afterAll(() => runtime.close());

const config = (data: string, rest = '') =>
  parseConfig(
    `seed: c\ndata: { kind: csv, ${data} }\nmodel: { hiddenSizes: [8] }\n${rest}`,
    `${FOLDER}/case.yaml`,
  );
const load = (data: string, rest = '') => loadRunData(config(data, rest));
const said = (run: () => unknown) => messageOf(run).replaceAll(`${FOLDER}/`, '').replaceAll(`${dir}/`, '');
const numbers = ({ targets }: Table) => (targets.kind === 'values' ? [...targets.values.data] : []);
const read = (text: string, options = {}) =>
  readCsv(put('f.csv', text), { target: -1, task: 'regression', ...options });
const features = (text: string, options: Parameters<typeof readFeatures>[1]) =>
  readFeatures(put('p.csv', text), options).features;

async function fitted(data: string, training: string) {
  const prepared = prepareRun(config(data, training), 'case.yaml');
  const posterior = await runtime.train(
    prepared.model,
    trainingData(prepared.data.train),
    trainOptions(prepared),
  );
  const evaluation = await runtime.evaluate(posterior, trainingData(prepared.data.test!), { draws: 30 });
  return { posterior, evaluation };
}

describe('offset', () => {
  const training = 'training: { epochs: 30, optimizer: { kind: adam, learningRate: 0.02 } }';

  test('times in seconds since 1970 are learned as those from 0 are', async () => {
    const [unix, zero] = [
      await fitted('path: offset/ramp_unix.csv, target: level, testFraction: 0.1', training),
      await fitted('path: offset/ramp_zero.csv, target: level, testFraction: 0.1', training),
    ];
    expect(zero.evaluation.rmse).toBeLessThan(0.2);
    expect(unix.evaluation.rmse).toBeCloseTo(zero.evaluation.rmse as number, 4);
    const at = (times: number[]) =>
      runtime.predict(
        unix.posterior,
        times.map((t) => [1_700_000_000 + t]),
      );
    expect(new Set((await at([100, 101, 160])).mean).size).toBe(3);
  });
});

describe('scale', () => {
  test('standard deviations scale with the targets', async () => {
    const training = 'training: { epochs: 20, optimizer: { kind: adam, learningRate: 0.01 } }';
    const predicted = [];
    for (const power of [-23, 0, 23]) {
      const { posterior, evaluation } = await fitted(
        `path: scale/sc_${power}.csv, target: y, testFraction: 0.1`,
        training,
      );
      predicted.push({
        unit: 10 ** power,
        evaluation,
        at: await runtime.predict(posterior, [[0.5]], { quantiles: [0.05] }),
      });
    }
    const [, plain] = predicted;
    for (const { unit, evaluation, at } of predicted) {
      for (const part of ['variance', 'aleatoric', 'epistemic'] as const)
        expect(Math.sqrt(at[part][0]) / unit / Math.sqrt(plain.at[part][0]), part).toBeCloseTo(1, 4);
      expect(at.mean[0] / unit).toBeCloseTo(plain.at.mean[0], 4);
      expect(at.quantiles![0].values[0] / unit).toBeCloseTo(plain.at.quantiles![0].values[0], 4);
      expect((evaluation.rmse as number) / unit).toBeCloseTo(plain.evaluation.rmse as number, 4);
      expect(evaluation.coverage90).toBe(plain.evaluation.coverage90);
    }
  });
});

describe('header', () => {
  const asks = (line: string) =>
    `line 1: expected a header of names or a row of data, got "${line}", the numbers of columns — set data.header to true if line 1 names the columns, false if it is a row`;

  test('columns that pandas counted are asked about, and read as told', () => {
    expect(said(() => load('path: header/np_reg.csv, target: -1'))).toBe(
      `header/np_reg.csv: ${asks('0 1 2')}`,
    );
    const classes = 'path: header/np_cls.csv, target: -1, task: classification';
    expect(said(() => load(classes))).toBe(`header/np_cls.csv: ${asks('0 1 2 3')}`);
    const { train } = load(`${classes}, header: true`);
    expect(train.featureNames).toEqual(['0', '1', '2']);
    expect(train.targets).toMatchObject({ classNames: ['0', '1', '2'] });
    expect(load(`${classes}, header: false`).train.features.rows).toBe(train.features.rows + 1);
  });

  test('the header that was trained with is no row to predict', () => {
    const file = `${FOLDER}/header/np_new.csv`;
    expect(readFeatures(file, { columns: 3, names: ['0', '1', '2'] }).features.rows).toBe(2);
    expect(said(() => readFeatures(file, { columns: 3 }))).toBe(
      'header/np_new.csv: line 1: expected a header of names or a row of data, got "0 1 2", the numbers of columns — delete the line if it names the columns; if it is a row, put another row first',
    );
  });

  test.each([
    ['with the index that pandas writes', ',0,1\n0,0.5,1.5\n1,0.7,2'],
    ['one column and its index', ',0\n0,0.5\n1,0.7'],
    ['counted from 1', '1,2,3\n0.5,1.5,2'],
    ['alone', '0,1,2'],
    ['in front of a delimiter at the end of lines', '0,1,2,\n5,6,7,'],
  ])('%s', (_, text) => {
    expect(said(() => read(text))).toMatch(/^f\.csv: line 1: expected a header of names or a row of data/);
  });

  test.each([
    ['whole numbers above whole numbers', '1,2,3\n4,5,6', [3, 6]],
    ['two columns from 1', '1,2\n2,4.1', [2, 4.1]],
    ['one column', '0\n0.5', null],
    ['another order', '1,0\n0.5,2', [0, 2]],
    ['decimals', '0.0,1.0\n2,3', [1, 3]],
  ])('but not: %s', (_, text, wanted) => {
    if (wanted === null) expect([...features(text, { columns: 1 }).data]).toEqual([0, 0.5]);
    else expect(numbers(read(text))).toEqual(wanted);
  });
});

describe('labels', () => {
  test('are the text that is written', () => {
    const { train } = load('path: labels/zip.csv, target: label, task: classification');
    expect(train.targets).toMatchObject({ classNames: ['01234', '1234', '02139'] });
  });

  test('and a class of the model is found by that text alone', () => {
    const classNames = ['01234', '1234', '02139'];
    const labels = (text: string) => {
      const { targets } = read(text, { task: 'classification', classNames });
      return targets.kind === 'labels' ? [...targets.labels] : [];
    };
    expect(labels('5,02139\n5,1234\n5,01234\n5,1234.0')).toEqual([2, 1, 0, 1]);
    expect(said(() => labels('5,001234'))).toContain('got "001234" — the model never saw this class');
  });

  test('runs whose labels were read as integers find them in any spelling', () => {
    const { targets } = read('5,01\n5,2.0\n5,1', { task: 'classification', classNames: ['1', '2'] });
    expect(targets).toMatchObject({ labels: Int32Array.of(0, 1, 0) });
  });
});

describe('refusals', () => {
  const base = 'target: y, testFraction: 0.1';

  test('str: a target of text names the setting for classes, which reads it', () => {
    const data = 'path: refusals/str.csv, target: label';
    expect(said(() => load(data))).toBe(
      'refusals/str.csv: line 2, column 3 "label": expected a number, got "spam" — to predict classes set data.task to classification (and likelihood.kind, if given, to categorical), or name a column of numbers as data.target',
    );
    expect(load(`${data}, task: classification`).train.targets).toMatchObject({ kind: 'labels' });
    expect(
      load(`${data}, task: classification`, 'likelihood: { kind: categorical }').train.targets.kind,
    ).toBe('labels');
    expect(said(() => load(`${data}, task: classification`, 'likelihood: { kind: bernoulli }'))).toContain(
      'expected 0 or 1, got "spam" — encode the two outcomes as 0 and 1, or set likelihood.kind to categorical',
    );
  });

  test('a target that is not there: no name is guessed that is not near', () => {
    expect(said(() => load(`path: refusals/str.csv, ${base}`))).toBe(
      'refusals/str.csv: data.target: expected the name of a column, got "y" — the file has "a", "b", "label"',
    );
    expect(said(() => load('path: refusals/str.csv, target: lable'))).toContain('— did you mean "label"?');
  });

  test('thousand: both readings of 1,100 are named', () => {
    expect(said(() => load(`path: refusals/thousand.csv, ${base}`))).toBe(
      'refusals/thousand.csv: line 2, column 2 "x2": expected a number, got "1,100" — write 1100 if the comma groups digits; set data.decimal to "," if that stands before the fraction',
    );
    for (const [text, next] of [
      ['1,234,567', '1234567'],
      ['1,234.5', '1234.5'],
    ])
      expect(said(() => read(`5;"${text}"\n6;7`, { delimiter: ';' }))).toMatch(
        new RegExp(`write digits without separators between them: ${next}$`),
      );
    expect(said(() => read('5;1.234,5\n6;7', { delimiter: ';', decimal: ',' }))).toMatch(/them: 1234,5$/);
    expect(said(() => read('5;1.5\n6;7', { delimiter: ';', decimal: ',' }))).toMatch(
      /set data\.decimal to "\." if/,
    );
  });

  test("sep: Excel's line names the delimiter, and decimal commas are read when told", () => {
    const data = `path: refusals/sep.csv, ${base}`;
    expect(said(() => load(data))).toBe(
      'refusals/sep.csv: line 3, column 1 "x1": expected a number, got "0,000" — set data.decimal to "," if that stands before the fraction',
    );
    const [comma, point] = [load(`${data}, decimal: ','`), load(`path: refusals/base.csv, ${base}`)];
    expect(comma.train).toMatchObject({ features: point.train.features, featureNames: ['x1', 'x2'] });
    expect(numbers(comma.train)).toEqual(numbers(point.train));
    for (const line of ['sep=\t', '"sep=;"', 'SEP=|']) {
      const mark = /[;\t|]/.exec(line)![0];
      expect(numbers(read(`${line}\n1${mark}2\n3${mark}4`)), line).toEqual([2, 4]);
    }
    expect(said(() => read('sep=;\r\na;b\r\n1;2\r\n3;x'))).toContain('f.csv: line 4, column 2 "b"');
    expect([...read('1,5 2,5\n3 4', { decimal: ',' }).features.data]).toEqual([1.5, 3]);
    expect([...read('"1,5","2,5"\n"3","4"', { decimal: ',' }).features.data]).toEqual([1.5, 3]);
  });

  test('trail_rows: a delimiter behind every row is no column', () => {
    const [trailing, plain] = [
      load(`path: refusals/trail_rows.csv, ${base}`),
      load(`path: refusals/base.csv, ${base}`),
    ];
    expect(trailing.train).toMatchObject({ features: plain.train.features, featureNames: ['x1', 'x2'] });
    for (const text of ['a,b,\n1,2,\n3,4,', 'a,b,,\n1,2,,\n3,4,,', 'a,b\n1,2,\n3,4', '1,2,\n3,4,']) {
      const table = read(text);
      expect([...table.features.data], text).toEqual([1, 3]);
      expect(numbers(table), text).toEqual([2, 4]);
    }
    expect(said(() => read('a,b\n1,2,\n3,4,5'))).toContain(
      'line 3: expected 2 columns as in the header, got 3',
    );
    expect(said(() => read('a,b\n1,\n3,4'))).toContain(
      'line 2, column 2 "b": expected a number, got an empty cell',
    );
    expect(said(() => read('a,,b\n1,2,3'))).toContain('expected a column name, got an empty header cell');
  });

  test('miss_NA: what stands for a missing value is called that', () => {
    expect(said(() => load(`path: refusals/miss_NA.csv, ${base}`))).toMatch(
      /^refusals\/miss_NA\.csv: line \d+, column 1 "x1": expected a number, got "NA" — it stands for a missing value: fill it in, drop the row, or say in data\.missing what to do$/,
    );
    for (const missing of ['?', 'null', 'None', 'n/a', '-', '<NA>', '#N/A']) {
      expect(
        said(() => read(`1,2\n${missing},3`)),
        missing,
      ).toMatch(/it stands for a missing value/);
      expect(
        said(() => read(`${missing},2\n1,3`)),
        missing,
      ).toMatch(/line 1, column 1 .*missing value|header/);
    }
  });

  test('book.xlsx: is recognized as a workbook', () => {
    expect(said(() => load(`path: refusals/book.xlsx, ${base}`))).toBe(
      'refusals/book.xlsx: expected delimited text, got an Excel workbook — save the sheet as CSV',
    );
    expect(said(() => read('PK\u0003\u0004 x.npy'))).toMatch(
      /got an NPZ archive — save each array as a \.npy file$/,
    );
    expect(said(() => read('PAR1'))).toMatch(/got a Parquet file/);
  });

  test('consttarget: one value is nothing to predict', () => {
    const next = 'there is nothing to predict in it: ';
    expect(said(() => load('path: refusals/consttarget.csv, target: y'))).toBe(
      `refusals/consttarget.csv: target "y": expected at least 2 different values, got 3 in all 60 rows — ${next}name another column as data.target`,
    );
    expect(said(() => load('path: refusals/consttarget.csv, target: y, task: classification'))).toBe(
      `refusals/consttarget.csv: column 2 "y": expected at least 2 classes, got 1 class ("3" in all 60 rows) — ${next}use another column as target`,
    );
  });

  test('five: fewer rows than the default batch are one batch; a batch that was asked for is held to', async () => {
    const { evaluation } = await fitted(
      'path: refusals/five.csv, target: y, testFraction: 0.2',
      'training: { epochs: 2 }',
    );
    expect(evaluation.rows).toBe(1);
    const asked = config('path: refusals/five.csv, target: y', 'training: { batchSize: 6 }');
    expect(() => prepareRun(asked, 'case.yaml')).toThrow(
      'case.yaml: training.batchSize: expected at most 5 (the training rows), got 6 — lower it',
    );
  });

  test('n4: a column that is missing is not taken for one that is there', () => {
    const text = readFileSync(`${FOLDER}/refusals/n4.csv`, 'utf8');
    expect(said(() => features(text, { columns: 2, names: ['x1', 'x2'] }))).toBe(
      'p.csv: features of the model: expected a column "x2", got none (the file has "x1") — add the column, with which the model was trained',
    );
    expect(said(() => features('x1,X_2\n1,2', { columns: 2, names: ['x1', 'x2'] }))).toMatch(
      /did you mean "X_2"\?$/,
    );
  });
});

describe('rows to predict, with the target or without, in files without names', () => {
  const trainedOn = { columns: 3, target: [0], features: null };

  test('both counts are taken', () => {
    expect([...features('9,1,2\n9,3,4', { columns: 2, trainedOn }).data]).toEqual([1, 2, 3, 4]);
    expect([...features('1,2\n3,4', { columns: 2, trainedOn }).data]).toEqual([1, 2, 3, 4]);
    const last = { ...trainedOn, target: [-1] };
    expect([...features('1,2,9\n3,4,9', { columns: 2, trainedOn: last }).data]).toEqual([1, 2, 3, 4]);
    const chosen = { columns: 4, target: [3], features: [2, 0] };
    expect([...features('1,8,2,9\n3,8,4,9', { columns: 2, trainedOn: chosen }).data]).toEqual([2, 1, 4, 3]);
  });

  test('others are refused, and so is a guess by names that the file does not have', () => {
    expect(said(() => features('1,2,3,4\n1,2,3,4', { columns: 2, trainedOn }))).toMatch(
      /expected 2 columns, got 4/,
    );
    const named = { columns: 3, target: ['y'], features: null };
    expect(said(() => features('5,6,7\n5,6,7', { columns: 2, names: ['a', 'b'], trainedOn: named }))).toMatch(
      /expected 2 columns, got 3 — is the label column still in\?/,
    );
  });
});
