// Which rows are for training, validation and test. Randomness arrives as a shuffle, how rows are taken out is in draw.ts; files have
// been read by the caller.

import { drawn, type RowKinds, type Shuffle } from './draw.ts';
import { count, fail } from './message.ts';

export type { Shuffle };

export interface SplitOptions extends RowKinds {
  /** Rows of the test part; the others are for training unless `trainIndices` says which. */
  readonly testIndices?: Int32Array | undefined;
  /** Rows for training; the others are the test part unless `testIndices` says which. */
  readonly trainIndices?: Int32Array | undefined;
  /** Share of the rows drawn for the test part, by seed. */
  readonly testFraction?: number | undefined;
  /** How many of the rows for training are held out, by seed; below 1 the part of them. */
  readonly validation?: number | undefined;
  /** Keep only the first N of the rows left for training. */
  readonly limit?: number | undefined;
}

/** Disjoint row indices. Drawn parts are in the order of the file, given ones in the order given. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array | null;
  readonly test: Int32Array | null;
}

/**
 * Divides rows 0 … rows − 1. Validation rows come out of the training rows before `limit` cuts these, so a quick run is measured on the
 * same rows as a full one.
 * @throws DataError starting with `where` for parts that overlap, lie outside or are empty
 */
export function splitRows(rows: number, options: SplitOptions, shuffle: Shuffle, where: string): Split {
  const { testFraction, validation, limit } = options;
  const given = options.testIndices !== undefined || options.trainIndices !== undefined;
  if (given && testFraction !== undefined) {
    fail(where, 'index files or data.testFraction', 'both', 'remove one of the two');
  }
  let [train, test] = given ? givenParts(rows, options, where) : [sequence(rows), null];
  if (testFraction !== undefined) {
    if (!(testFraction > 0 && testFraction < 1)) {
      fail(where, 'data.testFraction between 0 and 1', `${testFraction}`, 'use for instance 0.1');
    }
    const size = Math.round(rows * testFraction);
    if (size < 1 || size >= rows) {
      const got = `${size} of ${count(rows, 'row')} (data.testFraction ${testFraction})`;
      fail(
        where,
        'at least 1 row for test and 1 for training',
        got,
        'change data.testFraction or use more rows',
      );
    }
    [test, train] = drawn(train, size, options, shuffle, 'test', where);
  }
  let held: Int32Array | null = null;
  if (validation !== undefined && validation !== 0) {
    const part = validation > 0 && validation < 1;
    const size = part ? Math.round(train.length * validation) : validation;
    if (!Number.isInteger(size) || size < 1 || size >= train.length) {
      const expected = `data.validation from 0 to ${train.length - 1} (there are ${count(train.length, 'row')} to train on)`;
      const got = part ? `${validation}, which are ${count(size, 'row')}` : `${validation}`;
      fail(where, expected, got, part && size < 1 ? 'hold out more rows' : 'hold out fewer rows');
    }
    [held, train] = drawn(train, size, options, shuffle, 'validation', where);
  }
  if (limit !== undefined) {
    if (!Number.isInteger(limit) || limit < 1)
      fail(where, 'data.limit of at least 1 row', `${limit}`, 'use a positive integer');
    train = train.slice(0, limit);
  }
  return { train, validation: held, test };
}

function givenParts(rows: number, options: SplitOptions, where: string): [Int32Array, Int32Array | null] {
  const { testIndices, trainIndices } = options;
  const isTest = marked(rows, testIndices, `${where}: data.testIndices`);
  const isTrain = marked(rows, trainIndices, `${where}: data.trainIndices`);
  if (testIndices !== undefined && trainIndices !== undefined) {
    const both = trainIndices.find((r) => isTest[r] === 1);
    if (both !== undefined) {
      const next = 'remove it from one of them: rows seen in training do not measure anything';
      fail(where, 'train and test rows apart', `row ${both} in both index files`, next);
    }
    return [trainIndices, testIndices];
  }
  if (testIndices !== undefined) {
    const train = sequence(rows).filter((r) => isTest[r] === 0);
    if (train.length === 0)
      fail(where, 'at least 1 row for training', 'all rows in data.testIndices', 'keep some for training');
    return [train, testIndices];
  }
  const test = sequence(rows).filter((r) => isTrain[r] === 0);
  return [trainIndices!, test.length === 0 ? null : test];
}

function marked(rows: number, indices: Int32Array | undefined, where: string): Uint8Array {
  const marks = new Uint8Array(rows);
  if (indices === undefined) return marks;
  if (indices.length === 0) fail(where, 'at least 1 row', 'none', 'check the index file');
  for (const r of indices) {
    if (r < 0 || r >= rows)
      fail(where, `rows from 0 to ${rows - 1}`, `${r}`, 'is the index file for another table?');
    if (marks[r] === 1) fail(where, 'each row once', `row ${r} twice`, 'remove one of the two');
    marks[r] = 1;
  }
  return marks;
}

function sequence(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}
