// Which rows: parts and minibatches of a run by their numbers in the data, and hashes that name them.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rowsSha256 } from '../../../src/data/partRows.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { splitRecord } from '../../../src/experiment/manifest/splitRecord.ts';
import { loadRunData, prepareRun } from '../../../src/experiment/run/data.ts';
import { createRun, openRun, type Run } from '../../../src/experiment/run/directory.ts';
import { runRows } from '../../../src/experiment/run/rows.ts';
import { trainRun } from '../../../src/experiment/run/train.ts';
import { createRuntime } from '../../../src/node.ts';
import { stepRows } from '../../../src/runtime/rowOrder.ts';
import { idxBytes } from '../../data/support.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-rows-'));
const ROWS = 60;
let run: Run;

function config(data: string) {
  return parseConfig(
    `seed: 5\ndata: ${data}\ntraining: { epochs: 3, batchSize: 8 }\nmodel: { hiddenSizes: [3] }`,
    join(dir, 'c.yaml'),
  );
}
const record = (data: string) => splitRecord(config(data), loadRunData(config(data)));

beforeAll(async () => {
  // The first column is the number of the row.
  writeFileSync(
    join(dir, 'numbered.csv'),
    `row,y\n${Array.from({ length: ROWS }, (_, i) => `${i},${i % 7}\n`).join('')}`,
  );
  writeFileSync(join(dir, 'more.csv'), 'row,y\n0,1\n1,2\n');
  writeFileSync(join(dir, 'some.txt'), '7 3\n30\n');
  await using runtime = createRuntime({ workers: 1, backend: 'wasm' });
  const prepared = prepareRun(
    config('{ kind: csv, path: numbered.csv, testFraction: 0.25, validation: 6, limit: 30 }'),
    'c.yaml',
  );
  await trainRun(prepared, runtime, createRun(join(dir, 'run')));
  run = openRun(join(dir, 'run'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('runRows', () => {
  test('parts: the numbers of the very rows in their tables, and the hashes of the manifest', () => {
    const { data } = prepareRun(run.config, 'c.yaml');
    for (const part of ['train', 'validation', 'test'] as const) {
      const { rows, sha256, of } = runRows(run, { part });
      expect([...rows]).toEqual([...(data[part]?.features.data ?? [])]);
      expect(of).toBe('numbered.csv');
      expect(run.manifest.split?.parts[part]).toEqual({ of, rows: rows.length, sha256 });
    }
    expect(runRows(run).rows).toHaveLength(30);
    expect(run.manifest.split).toMatchObject({ seed: '5', testFraction: 0.25, validation: 6, limit: 30 });
  });

  test('an epoch is the training rows in another order, and its steps are its pieces', () => {
    const train = [...runRows(run).rows];
    for (const epoch of [1, 2, 3]) {
      const order = runRows(run, { epoch });
      expect(order).toMatchObject({ part: 'train', epoch, step: null });
      expect([...order.rows].sort((a, b) => a - b)).toEqual(train);
      const steps = [1, 2, 3, 4].map((step) => runRows(run, { epoch, step }));
      expect(steps.flatMap(({ rows }) => [...rows])).toEqual([...order.rows]);
      for (const { step, rows } of steps) {
        expect(runRows(run, { step: step as number })).toMatchObject({ epoch, step, rows });
        expect([...rows]).toEqual([...stepRows('5', step as number, 30, 8)].map((i) => train[i]));
      }
    }
  });

  test.each([
    [{ part: 'test', epoch: 1 }, '--part: expected train with --epoch or --step, got test — '],
    [{ epoch: 4 }, '--epoch: expected 1 to 3, got 4 — '],
    [{ step: 13 }, '--step: expected 1 to 12, got 13 — '],
    [{ step: 5, epoch: 2 }, '--step: expected 1 to 4, got 5 — '],
  ] as const)('refuses %j', (query, message) => {
    expect(() => runRows(run, query)).toThrow(message);
  });
});

describe('the record of a split', () => {
  test('rows drawn at random name their seed; others have none', () => {
    expect(record('{ kind: csv, path: numbered.csv, validation: 6 }')).toMatchObject({
      seed: '5',
      validation: 6,
      parts: { test: null },
    });
    expect(record('{ kind: csv, path: numbered.csv }')).toEqual({
      seed: null,
      parts: {
        train: {
          of: 'numbered.csv',
          rows: ROWS,
          sha256: rowsSha256(Int32Array.from({ length: ROWS }, (_, i) => i)),
        },
        validation: null,
        test: null,
      },
    });
  });

  test('index files by path and hash, rows in their order', () => {
    const { indexFiles, parts, seed } = record('{ kind: csv, path: numbered.csv, testIndices: some.txt }');
    expect(indexFiles).toEqual({
      testIndices: { path: 'some.txt', sha256: createHash('sha256').update('7 3\n30\n').digest('hex') },
    });
    expect(parts.test).toEqual({ of: 'numbered.csv', rows: 3, sha256: rowsSha256(Int32Array.of(7, 3, 30)) });
    expect(parts.train.rows).toBe(ROWS - 3);
    expect(seed).toBeNull();
  });

  test('a test part of its own counts its own rows', () => {
    const { parts } = record('{ kind: csv, path: numbered.csv, testPath: more.csv }');
    expect(parts.test).toEqual({ of: 'more.csv', rows: 2, sha256: rowsSha256(Int32Array.of(0, 1)) });
    expect(record('{ kind: synthetic, rows: 20, testRows: 4 }').parts).toMatchObject({
      train: { of: 'regression curve', rows: 20 },
      test: { of: 'fresh rows', rows: 4 },
    });
  });

  test('IDX has a file for each part', () => {
    for (const [part, rows] of [
      ['train', 30],
      ['t10k', 20],
    ] as const) {
      const pixels = Array.from({ length: rows * 4 }, (_, i) => i % 256);
      writeFileSync(join(dir, `${part}-images-idx3-ubyte`), idxBytes(8, [rows, 2, 2], pixels));
      const labels = Array.from({ length: rows }, (_, i) => i % 3);
      writeFileSync(join(dir, `${part}-labels-idx1-ubyte`), idxBytes(8, [rows], labels));
    }
    const mnist = record('{ kind: idx, dir: ., validation: 10 }').parts;
    expect(mnist.test?.of).toMatch(/^t10k-images/);
    expect(mnist.train.of).toMatch(/^train-images/);
    expect([mnist.train.rows, mnist.validation?.rows, mnist.test?.rows]).toEqual([20, 10, 20]);
  });

  test('rowsSha256 is of little-endian int32', () => {
    const bytes = Buffer.from('0100000000010000ffffff7f', 'hex');
    expect(rowsSha256(Int32Array.of(1, 256, 2 ** 31 - 1))).toBe(
      createHash('sha256').update(bytes).digest('hex'),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(100)), fc.array(fc.nat(100)), (a, b) => {
        const same = a.length === b.length && a.every((row, i) => row === b[i]);
        expect(rowsSha256(Int32Array.from(a)) === rowsSha256(Int32Array.from(b))).toBe(same);
      }),
    );
  });
});
