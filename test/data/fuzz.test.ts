// Damaged files of every kind: a reader answers with a valid table or with one line, in bounded time and memory.

import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { Table } from '../../src/data/dataset.ts';
import { readCsv, readFeatures } from '../../src/data/formats/csv.ts';
import { idxFeatures, readIdx, readIdxDirectory } from '../../src/data/formats/idx.ts';
import { npyBytes, npyMatrix, npyTargets, readNpy } from '../../src/data/formats/npy.ts';
import { readIndices } from '../../src/data/indices.ts';
import { readInputs } from '../../src/data/inputs.ts';
import { assertDataError, idxBytes, scratch } from './support.ts';

const { dir, put } = scratch();
const CASES = 600;
// Damaged files are a few KiB; deflate can honestly blow that up to a few MiB, nothing more.
const MOST_BYTES = 2 ** 25;

/** A small generator of its own (xorshift32), so that a failing case can be repeated by its number. */
function dice(seed: number): (n: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const TOKENS = [
  '\n',
  '\r\n',
  ',',
  '"',
  '""',
  ' ',
  '\t',
  '1e999',
  'NaN',
  '-',
  '\0',
  '\uFEFF',
  '[[',
  '(9,)',
  '{',
  "'",
  '999999999999',
  '﷽',
  '0x1',
  ';',
];

function damaged(original: Uint8Array, roll: (n: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let changes = 1 + roll(4); changes > 0; changes--) {
    const at = roll(bytes.length + 1);
    const to = Math.min(bytes.length, at + roll(1 + roll(64)));
    switch (roll(9)) {
      case 0: // truncate
        bytes = bytes.subarray(0, at);
        break;
      case 1: // flip a bit
        if (bytes.length > 0) bytes[at % bytes.length] ^= 1 << roll(8);
        break;
      case 2: // flip a bit near the start, where headers are
        if (bytes.length > 0) bytes[roll(Math.min(16, bytes.length))] ^= 1 << roll(8);
        break;
      case 3: // cut out
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
        break;
      case 4: // repeat a piece
        bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)]);
        break;
      case 5: // a second start
        bytes = Buffer.concat([bytes.subarray(0, roll(100)), bytes]);
        break;
      case 6: // insert something meaningful
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(TOKENS[roll(TOKENS.length)]),
          bytes.subarray(at),
        ]);
        break;
      case 7: // overwrite with extremes
        bytes.fill([0, 0x7f, 0x80, 0xff][roll(4)], at, Math.min(to, at + 8));
        break;
      default: // move a piece to the start
        bytes = Buffer.concat([bytes.subarray(at, to), bytes]);
    }
    if (bytes.length > 1e5) bytes = bytes.subarray(0, 1e5);
    bytes = Buffer.from(bytes);
  }
  return bytes;
}

function checkTable(table: Table): void {
  const { features, targets } = table;
  expect(features.rows).toBeGreaterThan(0);
  expect(features.columns).toBeGreaterThan(0);
  expect(features.data.length).toBe(features.rows * features.columns);
  expect(features.data.byteLength).toBeLessThan(MOST_BYTES);
  expect(features.data.every(Number.isFinite)).toBe(true);
  if (table.featureNames !== null) expect(table.featureNames).toHaveLength(features.columns);
  if (targets.kind === 'values') {
    expect(targets.values.rows).toBe(features.rows);
    expect(targets.values.data.every(Number.isFinite)).toBe(true);
  } else {
    expect(targets.labels).toHaveLength(features.rows);
    expect(new Set(targets.classNames).size).toBe(targets.classNames.length);
    expect(targets.labels.every((k) => k >= 0 && k < targets.classNames.length)).toBe(true);
  }
}

const checkMatrix = (features: Table['features']): void =>
  checkTable({
    features,
    featureNames: null,
    targets: { kind: 'values', values: features, names: null },
    source: [],
  });

/** Runs `read` on many damaged copies; both outcomes must occur, or the fuzz proves nothing. */
function fuzz(original: Uint8Array, seed: number, read: (bytes: Buffer) => void, cases = CASES): void {
  read(Buffer.from(original));
  let accepted = 0;
  let refused = 0;
  for (let i = 0; i < cases; i++) {
    const bytes = damaged(original, dice(seed * 100_000 + i));
    const before = process.memoryUsage().arrayBuffers;
    const start = process.cpuUsage();
    try {
      read(bytes);
      accepted++;
    } catch (error) {
      try {
        assertDataError(error);
      } catch (failure) {
        throw new Error(`case ${i} of seed ${seed}: ${bytes.toString('hex').slice(0, 400)}`, {
          cause: failure,
        });
      }
      refused++;
    }
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000, `milliseconds of case ${i} of seed ${seed}`).toBeLessThan(2000);
    expect(process.memoryUsage().arrayBuffers - before, `bytes allocated by case ${i}`).toBeLessThan(
      2 * MOST_BYTES,
    );
  }
  expect(refused).toBeGreaterThan(cases / 20);
  expect(accepted).toBeGreaterThan(0);
}

const peak = process.resourceUsage().maxRSS;
afterAll(() => {
  // maxRSS counts KiB; all cases together, garbage included, stay far below what one believed header would take.
  expect(process.resourceUsage().maxRSS - peak).toBeLessThan(2 ** 19);
});

const images = idxBytes(
  8,
  [12, 4, 3],
  Array.from({ length: 144 }, (_, i) => (i * 37) % 256),
);
const idxLabels = idxBytes(8, [12], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
const rows = Array.from({ length: 30 }, (_, r) => [
  r,
  r * 0.25 - 3,
  `${r % 3}e-2`,
  ['ant', 'bee', 'cow'][r % 3],
]);
const csv = Buffer.from(`n,x,"the ""y""",class\n${rows.map((r) => r.join(',')).join('\n')}\n`);
const numbers = Buffer.from(rows.map((r) => ` ${r.slice(0, 3).join('  ')}\t`).join('\r\n'));
const matrix = npyBytes(
  Float32Array.from({ length: 60 }, (_, i) => i / 7),
  [12, 5],
);
const doubles = npyBytes(
  Float64Array.from({ length: 12 }, (_, i) => i % 4),
  [12],
);

describe('damaged files', () => {
  it('IDX arrays, gzip or not', () => {
    const read = (bytes: Buffer): void => checkMatrix(idxFeatures(readIdx(put('f', bytes)), 255));
    fuzz(images, 1, read);
    fuzz(gzipSync(images), 2, read);
    fuzz(
      idxBytes(
        14,
        [5, 3],
        Array.from({ length: 15 }, (_, i) => i - 7),
      ),
      3,
      read,
    );
  });

  it('IDX whose damage is inside an intact gzip', () => {
    fuzz(images, 4, (bytes) => checkMatrix(idxFeatures(readIdx(put('f', gzipSync(bytes))), 255)));
  });

  it('IDX directories', () => {
    const read = (bytes: Buffer): void => {
      put('d/train-images-idx3-ubyte', images);
      put('d/train-labels-idx1-ubyte', bytes);
      checkTable(readIdxDirectory(`${dir}/d`).train!);
    };
    fuzz(idxLabels, 5, read);
  });

  it('CSV with classes, header found or given', () => {
    fuzz(csv, 6, (bytes) => checkTable(readCsv(put('f.csv', bytes), { target: -1, task: 'classification' })));
    fuzz(csv, 7, (bytes) => {
      checkTable(
        readCsv(put('f.csv', bytes), {
          target: 'class',
          features: ['n', 'x'],
          header: true,
          task: 'classification',
        }),
      );
    });
    fuzz(gzipSync(csv), 8, (bytes) =>
      checkTable(readCsv(put('f.csv', bytes), { target: -1, task: 'classification' })),
    );
  });

  it('white-space text', () => {
    fuzz(numbers, 9, (bytes) => checkTable(readCsv(put('f.txt', bytes), { target: 0, task: 'regression' })));
    fuzz(numbers, 10, (bytes) =>
      checkMatrix(readFeatures(put('f.txt', bytes), { columns: 3, delimiter: 'whitespace' }).features),
    );
  });

  it('NPY, as features and as targets', () => {
    fuzz(matrix, 11, (bytes) => checkMatrix(npyMatrix(readNpy(put('f', bytes)))));
    fuzz(gzipSync(matrix), 12, (bytes) => checkMatrix(npyMatrix(readNpy(put('f', bytes)))));
    fuzz(doubles, 13, (bytes) => {
      const array = readNpy(put('f', bytes));
      const features = { data: new Float32Array(array.shape[0] ?? 1), rows: array.shape[0] ?? 1, columns: 1 };
      checkTable({ features, featureNames: null, targets: npyTargets(array, 'classification'), source: [] });
    });
  });

  it('index files', () => {
    fuzz(Buffer.from('0\n3.000e+00\n7 8\t9\r\n11\n'), 14, (bytes) => {
      const { indices } = readIndices(put('f', bytes), 'row', 12);
      expect(new Set(indices).size).toBe(indices.length);
      expect(indices.every((i) => i >= 0 && i < 12)).toBe(true);
    });
  });

  it('anything as input for prediction: one kind spliced into another', () => {
    const kinds = [images, gzipSync(images), csv, numbers, matrix, gzipSync(numbers)];
    const roll = dice(15);
    fuzz(numbers, 16, (bytes) => {
      const other = kinds[roll(kinds.length)];
      const whole = bytes.equals(numbers) || roll(2) === 0;
      const spliced = whole ? bytes : Buffer.concat([other.subarray(0, roll(other.length)), bytes]);
      checkMatrix(readInputs(put('f', spliced), { columns: 3 }).features);
    });
  });

  it('random bytes', () => {
    for (let i = 0; i < CASES; i++) {
      const roll = dice(17_000 + i);
      const bytes = Buffer.from(Array.from({ length: 1 + roll(200) }, () => roll(256)));
      if (roll(2) === 0)
        bytes.set(
          [
            [0, 0, 8, 2],
            [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0],
            [0x1f, 0x8b, 8, 0],
          ][roll(3)].slice(0, bytes.length),
        );
      const path = put('f', bytes);
      for (const read of [
        readIdx,
        readNpy,
        (p: string) => readInputs(p, { columns: 2 }),
        (p: string) => readIndices(p, 'row'),
      ]) {
        try {
          read(path);
        } catch (error) {
          assertDataError(error);
        }
      }
    }
  });
});
