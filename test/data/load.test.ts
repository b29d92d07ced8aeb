import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { npyBytes } from '../../src/data/formats/npy.ts';
import { readInputs } from '../../src/data/inputs.ts';
import type { LoadContext } from '../../src/data/load.ts';
import { loadData } from '../../src/data/load.ts';
import type { DataSpec } from '../../src/data/spec.ts';
import { testOnPublicData } from '../support/publicData.ts';
import { idxBytes, messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const context = (task: LoadContext['task'], baseDir = dir): LoadContext => ({
  baseDir,
  task,
  shuffle: (order) => order.reverse(),
  curveSources: (part, seed) => ({
    uniform: (i) => (i + (part === 'train' ? 0 : 0.5)) / 100,
    normal: (i) => (seed === null ? 0 : i),
    sin: Math.sin,
  }),
});
const said = (spec: DataSpec, task: LoadContext['task']): string =>
  messageIn(dir, () => loadData(spec, context(task)));

describe('real data', () => {
  testOnPublicData('MNIST with validation rows and a limit', 'mnist', (path) => {
    const spec: DataSpec = { kind: 'idx', dir: 'mnist', validation: 10000, limit: 1000 };
    const loaded = loadData(spec, context('classification', dirname(path)));
    expect(loaded.train.features).toMatchObject({ rows: 1000, columns: 784 });
    expect(loaded.validation!.features.rows).toBe(10000);
    expect(loaded.test!.features.rows).toBe(10000);
    expect(loaded.description).toBe(
      'mnist: 1000 train, 10000 validation, 10000 test rows of 784 features, 10 classes',
    );
    expect(loaded.provenance.map((p) => p.path)).toEqual([
      'mnist/train-images-idx3-ubyte.gz',
      'mnist/train-labels-idx1-ubyte.gz',
      'mnist/t10k-images-idx3-ubyte.gz',
      'mnist/t10k-labels-idx1-ubyte.gz',
    ]);
    // The shuffle reverses: validation is the last rows, so train starts with the first digit, a 5.
    expect(loaded.train.targets.kind === 'labels' && loaded.train.targets.labels[0]).toBe(5);
    expect(loaded.train.features.data.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  testOnPublicData('UCI with its index files, each of them on record', 'uci/yacht', (base) => {
    const spec: DataSpec = {
      kind: 'csv',
      path: 'data.txt',
      target: { file: 'index_target.txt' },
      features: { file: 'index_features.txt' },
      trainIndices: 'splits/index_train_3.txt',
      testIndices: 'splits/index_test_3.txt',
    };
    const { train, validation, test, provenance, description } = loadData(spec, context('regression', base));
    expect([train.features.rows, validation, test!.features.rows]).toEqual([277, null, 31]);
    expect(description).toBe('data.txt: 277 train, 31 test rows of 6 features, 1 target');
    expect(new Set(provenance.map((p) => p.path))).toEqual(
      new Set(['data.txt', 'index_target.txt', 'index_features.txt', spec.trainIndices, spec.testIndices]),
    );
    for (const { path, sha256, bytes } of provenance) {
      const raw = readFileSync(join(base, path));
      expect([sha256, bytes]).toEqual([createHash('sha256').update(raw).digest('hex'), raw.length]);
    }
    // Row by row against the file, split by hand.
    const lines = readFileSync(join(base, 'data.txt'), 'utf8')
      .trim()
      .split('\n')
      .map((l) => l.trim().split(/\s+/).map(Number));
    const rows = readFileSync(join(base, 'splits/index_test_3.txt'), 'utf8').trim().split(/\s+/).map(Number);
    expect([...test!.features.data]).toEqual(rows.flatMap((r) => lines[r].slice(0, 6)));
    expect(test!.targets.kind === 'values' && [...test!.targets.values.data]).toEqual(
      rows.map((r) => lines[r][6]),
    );
  });
});

describe('kinds', () => {
  it('csv with a test file of its own', () => {
    put('a.csv', 'x,y\n1,b\n2,a\n3,c\n');
    put('b.csv', 'x,y\n9,c\n');
    const spec: DataSpec = { kind: 'csv', path: 'a.csv', testPath: 'b.csv', target: 'y', validation: 1 };
    const { train, validation, test } = loadData(spec, context('classification'));
    expect([train.features.rows, validation!.features.data[0], test!.features.data[0]]).toEqual([2, 3, 9]);
    expect(test!.targets).toEqual({ kind: 'labels', labels: Int32Array.of(2), classNames: ['a', 'b', 'c'] });
    expect(said({ ...spec, testFraction: 0.5 }, 'classification')).toContain(
      'a.csv: expected one kind of test part, got data.testPath and data.testFraction',
    );
    put('c.csv', 'z,y\n9,c\n');
    expect(said({ ...spec, testPath: 'c.csv' }, 'classification')).toContain(
      'c.csv: expected feature 1 to be x as in the training file, got z',
    );
    put('c.csv', 'x,q,y\n9,1,c\n');
    expect(said({ ...spec, testPath: 'c.csv' }, 'classification')).toContain(
      'c.csv: expected 1 feature column as in the training file, got 2',
    );
    put('c.csv', 'x,y\n9,d\n');
    expect(said({ ...spec, testPath: 'c.csv' }, 'classification')).toContain(
      'c.csv: line 2, column 2 "y": expected one of the classes "a", "b", "c", got "d"',
    );
  });

  it('npy', () => {
    put('x.npy', npyBytes(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]));
    put('y.npy', npyBytes(Float64Array.of(7, 8, 9), [3]));
    const spec: DataSpec = { kind: 'npy', features: 'x.npy', targets: 'y.npy', testFraction: 0.34 };
    const { train, test, provenance, description } = loadData(spec, context('regression'));
    expect([...train.features.data]).toEqual([1, 2, 3, 4]);
    expect(test!.targets).toMatchObject({ values: { data: Float64Array.of(9) } });
    expect(provenance.map((p) => p.shape)).toEqual([[3, 2], [3]]);
    expect(description).toBe('x.npy: 2 train, 1 test rows of 2 features, 1 target');
    put('y.npy', npyBytes(new Float32Array(4), [4]));
    expect(said(spec, 'regression')).toContain('y.npy: expected 3 rows as in x.npy, got 4');
  });

  it('synthetic', () => {
    const made = loadData({ kind: 'synthetic', rows: 20, testRows: 5, noise: 0 }, context('regression'));
    expect([made.train.features.rows, made.test!.features.rows, made.provenance]).toEqual([20, 5, []]);
    expect(made.train.features.data[2]).toBe(Math.fround(0.01));
    expect(made.test!.features.data[2]).toBe(Math.fround(0.0125));
    const seeded = loadData({ kind: 'synthetic', rows: 20, seed: 1 }, context('regression'));
    expect(seeded.train.targets).not.toEqual(made.train.targets);
    expect(said({ kind: 'synthetic' }, 'classification')).toContain(
      'data.kind: expected a likelihood for regression',
    );
  });

  it('an absolute path stays as it is, a relative one starts at the base directory', () => {
    const path = put('deep/a.csv', '1,2\n3,4\n');
    const spec = (p: string): DataSpec => ({ kind: 'csv', path: p, target: -1 });
    expect(loadData(spec(path), context('regression', '/nowhere')).provenance[0].path).toBe(path);
    expect(loadData(spec('../deep/a.csv'), context('regression', join(dir, 'deep'))).provenance[0].path).toBe(
      '../deep/a.csv',
    );
    expect(said(spec('gone.csv'), 'regression')).toContain(
      'gone.csv: expected a readable file, got nothing at this path',
    );
  });

  it('IDX is for classes, and needs a part to train on', () => {
    put('t/t10k-images-idx3-ubyte', idxBytes(8, [2, 1, 1], [1, 2]));
    put('t/t10k-labels-idx1-ubyte', idxBytes(8, [2], [1, 2]));
    expect(said({ kind: 'idx', dir: 't' }, 'regression')).toContain(
      't: expected a categorical likelihood, got a task of regression',
    );
    expect(said({ kind: 'idx', dir: 't' }, 'classification')).toContain(
      't: expected train-images-idx3-ubyte and its labels, got only the test part (t10k)',
    );
  });

  it('an index file for another table is refused at its line', () => {
    put('a.csv', '1,2\n3,4\n');
    put('i.txt', '0\n2\n');
    expect(said({ kind: 'csv', path: 'a.csv', target: 1, testIndices: 'i.txt' }, 'regression')).toContain(
      'i.txt: line 2: expected a row index from 0 to 1, got 2',
    );
    expect(
      said({ kind: 'csv', path: 'a.csv', target: 1, features: { file: 'i.txt' } }, 'regression'),
    ).toContain('a.csv: data.features: expected a column index from -2 to 1 (the file has 2 columns), got 2');
  });
});

describe('inputs for prediction', () => {
  const four = Float32Array.of(1, 2, 3, 4);
  it('are told apart by their content', () => {
    const options = { columns: 2 };
    expect(readInputs(put('a', '1 2\n3 4'), options).features.data).toEqual(Float64Array.from(four));
    expect(readInputs(put('a', npyBytes(four, [2, 2])), options).features.data).toEqual(four);
    expect(
      readInputs(put('a', idxBytes(8, [2, 1, 2], [1, 2, 3, 4])), { ...options, divisor: 1 }).features.data,
    ).toEqual(four);
  });
  testOnPublicData('may be a directory of IDX files with a test part alone', 'notmnist-small', (path) => {
    const letters = readInputs(path, { columns: 784 });
    expect(letters.features).toMatchObject({ rows: 10000, columns: 784 });
    expect(letters.source).toHaveLength(1);
  });
  it('must have the columns of the model', () => {
    const refused = (bytes: string | Uint8Array): string =>
      messageIn(dir, () => readInputs(put('a', bytes), { columns: 3 }));
    expect(refused('1 2 3 4')).toBe('a: line 1: expected 3 columns, got 4 — is the label column still in?');
    expect(refused(npyBytes(four, [1, 4]))).toBe(
      'a: expected 3 columns, got 4 — is the label column still in?',
    );
    expect(refused(npyBytes(four, [2, 2]))).toBe(
      'a: expected 3 columns, got 2 — is this data for another model?',
    );
    expect(refused(idxBytes(8, [2, 1, 2], [1, 2, 3, 4]))).toContain('a: expected 3 columns, got 2');
    expect(messageIn(dir, () => readInputs(join(dir, 'gone'), { columns: 1 }))).toContain(
      'gone: expected a readable file',
    );
    expect(messageIn(dir, () => readInputs('a\0b', { columns: 1 }))).toContain(
      'a\\u0000b: expected a readable file',
    );
  });
});
