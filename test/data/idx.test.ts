import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idxFeatures, readIdx, readIdxDirectory, readIdxParts } from '../../src/data/formats/idx.ts';
import { testOnPublicData } from '../support/publicData.ts';
import type { IdxTypeCode } from './support.ts';
import { idxBytes, messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const message = (run: () => unknown): string => messageIn(dir, run);

describe('real files', () => {
  testOnPublicData(
    'MNIST: shapes, hashes, mean and standard deviation of the pixels as published',
    'mnist',
    (path) => {
      const { train, test } = readIdxDirectory(path);
      expect(train!.features).toMatchObject({ rows: 60000, columns: 784 });
      expect(test!.features).toMatchObject({ rows: 10000, columns: 784 });
      let sum = 0;
      let squares = 0;
      for (const v of train!.features.data) {
        sum += v;
        squares += v * v;
      }
      const n = train!.features.data.length;
      expect(sum / n).toBeCloseTo(0.13066, 5);
      expect(Math.sqrt(squares / n - (sum / n) ** 2)).toBeCloseTo(0.30811, 5);
      expect(train!.targets).toMatchObject({
        kind: 'labels',
        classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      });
      // The first digits of the training set are well known.
      if (train!.targets.kind === 'labels')
        expect([...train!.targets.labels.slice(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
      expect(train!.source.map((s) => s.shape)).toEqual([[60000, 28, 28], [60000]]);
      const raw = readFileSync(train!.source[0].path);
      expect(createHash('md5').update(raw).digest('hex')).toBe('f68b3c2dcbeaaa9fbdd348bbdeb94873');
      const testImages = readFileSync(test!.source[0].path);
      expect(createHash('md5').update(testImages).digest('hex')).toBe('9fb629c4189551a2d022fa330f9573f3');
      expect(train!.source[0].bytes).toBe(raw.length);
      expect(train!.source[0].sha256).toBe(createHash('sha256').update(raw).digest('hex'));
    },
  );

  testOnPublicData('a directory that has only the test part', 'notmnist-small', (path) => {
    const { train, test } = readIdxDirectory(path);
    expect(train).toBeNull();
    expect(test!.features).toMatchObject({ rows: 10000, columns: 784 });
    if (test!.targets.kind === 'labels') expect(test!.targets.classNames).toHaveLength(10);
  });

  it('finds unpacked files and the spelling with a dot', () => {
    put('plain/train-images.idx3-ubyte', idxBytes(8, [3, 2, 1], [0, 255, 51, 102, 0, 0]));
    put('plain/train-labels.idx1-ubyte', idxBytes(8, [3], [7, 3, 7]));
    const { train, test } = readIdxDirectory(join(dir, 'plain'));
    expect(test).toBeNull();
    expect([...train!.features.data]).toEqual([0, 1, 51 / 255, 102 / 255, 0, 0].map(Math.fround));
    expect(train!.targets).toEqual({
      kind: 'labels',
      labels: Int32Array.of(1, 0, 1),
      classNames: ['3', '7'],
    });
  });

  it('gives both parts one list of classes', () => {
    put('two/train-images-idx3-ubyte', idxBytes(8, [2, 1, 1], [1, 2]));
    put('two/train-labels-idx1-ubyte', idxBytes(8, [2], [2, 10]));
    put('two/t10k-images-idx3-ubyte', idxBytes(8, [1, 1, 1], [3]));
    put('two/t10k-labels-idx1-ubyte', idxBytes(8, [1], [10]));
    const { train, test } = readIdxParts(join(dir, 'two'));
    expect(train).toMatchObject({ labels: Int32Array.of(0, 1), classNames: ['2', '10'] });
    expect(test).toMatchObject({ labels: Int32Array.of(1), classNames: ['2', '10'] });
  });
});

describe('the whole format', () => {
  const ranges: Record<IdxTypeCode, fc.Arbitrary<number>> = {
    8: fc.integer({ min: 0, max: 255 }),
    9: fc.integer({ min: -128, max: 127 }),
    11: fc.integer({ min: -32768, max: 32767 }),
    12: fc.integer(),
    13: fc.float({ noNaN: true, noDefaultInfinity: true }),
    14: fc.double({ noNaN: true, noDefaultInfinity: true }),
  };
  it.each([8, 9, 11, 12, 13, 14] as const)(
    'type %i: what was written is read, gzip or not, any dimensions',
    (type) => {
      const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });
      fc.assert(
        fc.property(shapes, fc.boolean(), fc.infiniteStream(ranges[type]), (shape, gzip, stream) => {
          const items = shape.reduce((a, b) => a * b, 1);
          const values = [...stream.take(items)];
          const bytes = idxBytes(type, shape, values);
          const array = readIdx(put('any', gzip ? gzipSync(bytes) : bytes));
          expect(array.shape).toEqual(shape);
          expect([...array.data]).toEqual(values);
        }),
        { numRuns: 60, seed: type },
      );
    },
  );

  it('takes gzip by its content, not by its name', () => {
    const bytes = idxBytes(8, [2], [1, 2]);
    expect([...readIdx(put('no-ending', gzipSync(bytes))).data]).toEqual([1, 2]);
    expect([...readIdx(put('wrong.gz', bytes)).data]).toEqual([1, 2]);
  });

  it('reads a header that starts behind a long gzip comment', () => {
    const inner = gzipSync(idxBytes(8, [3], [4, 5, 6]));
    const comment = Buffer.concat([Buffer.alloc(50_000, 'x'), Buffer.from([0])]);
    const head = Buffer.from(inner.subarray(0, 10));
    head[3] = 0x10; // FCOMMENT
    expect([...readIdx(put('comment', Buffer.concat([head, comment, inner.subarray(10)]))).data]).toEqual([
      4, 5, 6,
    ]);
  });
});

describe('bad files', () => {
  const ok = idxBytes(8, [2, 3], [1, 2, 3, 4, 5, 6]);
  const changed = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(ok);
    copy.set(bytes, at);
    return copy;
  };
  const withChecksum = (gzip: Buffer): Buffer => {
    gzip.fill(1, gzip.length - 8, gzip.length - 4);
    return gzip;
  };
  const cases: Array<[string, Uint8Array, string]> = [
    ['empty', Buffer.alloc(0), 'f: expected a file with data, got an empty file — '],
    [
      'only a magic',
      ok.subarray(0, 3),
      'f: byte 3: expected a 4-byte IDX magic number, got the end of the file — ',
    ],
    ['text', Buffer.from('1,2,3\n'), 'f: byte 0: expected the bytes 00 00 of an IDX file, got 31 2c — '],
    ['unknown type', changed(2, 0x0a), 'f: byte 2: expected an IDX type 08, 09, 0b, 0c, 0d or 0e, got 0a — '],
    ['no dimensions', changed(3, 0), 'f: byte 3: expected at least 1 dimension, got 0 — '],
    [
      'half a header',
      ok.subarray(0, 9),
      'f: byte 9: expected a header of 12 bytes (2 dimensions), got the end of the file — ',
    ],
    ['no rows', changed(4, 0, 0, 0, 0), 'f: byte 4 (dimension 0): expected a size of at least 1, got 0 — '],
    [
      'too short',
      ok.subarray(0, 17),
      'f: byte 17: expected 18 bytes (a header of 12 and 2 × 3 uint8), got the end of the file — ',
    ],
    [
      'too long',
      Buffer.concat([ok, Buffer.alloc(2)]),
      'f: byte 18: expected 18 bytes (a header of 12 and 2 × 3 uint8), got 20 bytes — ',
    ],
    [
      'gzip too short',
      gzipSync(ok.subarray(0, 17)),
      'f: byte 17: expected 18 bytes (a header of 12 and 2 × 3 uint8), got the end of the file after inflating — ',
    ],
    [
      'gzip too long',
      gzipSync(Buffer.concat([ok, Buffer.alloc(2)])),
      'f: byte 18: expected 18 bytes (a header of 12 and 2 × 3 uint8), got more after inflating — ',
    ],
    [
      'gzip cut',
      gzipSync(ok).subarray(0, 25),
      'f: gzip: expected an intact gzip stream, got "unexpected end of file" — ',
    ],
    [
      'gzip with another checksum',
      withChecksum(gzipSync(ok)),
      'f: gzip: expected an intact gzip stream, got "incorrect data check" — ',
    ],
    [
      'gzip magic only',
      Buffer.from([0x1f, 0x8b]),
      'f: byte 0: expected a 4-byte IDX magic number, got the end of the file — ',
    ],
  ];
  it.each(cases)('%s', (_, bytes, start) => {
    expect(message(() => readIdx(put('f', bytes)))).toContain(start);
  });

  it('believes no header about sizes: dimensions that overflow, or that the file cannot hold', () => {
    const huge = idxBytes(8, [0xffffffff, 0xffffffff, 0xffffffff], []);
    expect(message(() => readIdx(put('f', huge)))).toMatch(
      /^f: byte 4 \(dimension 0\): expected an array of at most \d+ bytes/,
    );
    const many = Buffer.concat([Buffer.from([0, 0, 8, 255]), Buffer.alloc(4 * 255, 0xff)]);
    expect(message(() => readIdx(put('f', many)))).toMatch(/^f: byte 4 \(dimension 0\): /);
    const plain = idxBytes(8, [1000, 1000, 1000], []);
    expect(message(() => readIdx(put('f', plain)))).toContain('f: byte 16: expected 1000000016 bytes');
    const before = process.memoryUsage();
    const zipped = gzipSync(plain);
    expect(message(() => readIdx(put('f', zipped)))).toMatch(
      /^f: header: expected 1000000016 bytes .* which can hold at most \d+/,
    );
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(2 ** 24);
  });

  it('inflates no further than the header promises', () => {
    const bomb = gzipSync(Buffer.concat([ok, Buffer.alloc(2 ** 26)]));
    const before = process.memoryUsage().rss;
    expect(message(() => readIdx(put('f', bomb)))).toContain('f: byte 18: expected 18 bytes');
    expect(process.memoryUsage().rss - before).toBeLessThan(1.5 * 2 ** 25);
  });

  it('keeps to a limit on sizes', () => {
    expect(message(() => readIdx(put('f', ok), { maxBytes: 10 }))).toContain('f: expected at most 10 bytes');
    expect(message(() => readIdx(put('f', gzipSync(Buffer.alloc(1e6))), { maxBytes: 2e4 }))).toContain(
      'f: byte 2',
    );
  });

  it('says what is at a path that is no file', () => {
    expect(message(() => readIdx(join(dir, 'missing')))).toContain(
      'missing: expected a readable file, got nothing at this path — ',
    );
    expect(message(() => readIdx(dir))).toContain('expected a file, got a directory — ');
    expect(message(() => readIdx('/dev/null'))).toContain(
      '/dev/null: expected a file, got a device, pipe or socket — ',
    );
    expect(message(() => readIdx('a\0b'))).toContain('a\\u0000b: expected a readable file');
    expect(message(() => readIdx('a\nb'))).toContain('a\\u000ab: expected a readable file');
  });

  it('names numbers that are not finite in float32', () => {
    const array = readIdx(put('f', idxBytes(14, [2, 2], [1, 2, 1e300, 4])));
    expect(message(() => idxFeatures(array, 1))).toContain(
      'f: row 2, value 1: expected a finite float32, got 1e+300 — ',
    );
    expect(message(() => idxFeatures(array, 0))).toContain(
      'data.divisor: expected a finite number other than 0, got 0',
    );
  });
});

describe('bad directories', () => {
  const images = idxBytes(8, [2, 2, 1], [1, 2, 3, 4]);
  const labels = idxBytes(8, [2], [0, 1]);
  const read = (name: string, files: Record<string, Uint8Array>): string => {
    for (const [file, bytes] of Object.entries(files)) put(`${name}/${file}`, bytes);
    return message(() => readIdxDirectory(join(dir, name)));
  };
  it('no directory, a file, none of the files, half a part', () => {
    expect(message(() => readIdxDirectory(join(dir, 'nowhere')))).toContain(
      'nowhere: expected a directory, got nothing at this path',
    );
    expect(message(() => readIdxDirectory(put('file', 'x')))).toContain(
      'file: expected a directory, got a file',
    );
    expect(read('none', { other: labels })).toContain(
      'none: expected train-images-idx3-ubyte and train-labels-idx1-ubyte',
    );
    expect(read('half', { 'train-images-idx3-ubyte': images })).toContain(
      'half: expected train-labels-idx1-ubyte (.gz or not), got only half/train-images-idx3-ubyte — ',
    );
  });
  it('counts that differ, exchanged files, one class, labels that are no classes, images of two sizes', () => {
    expect(
      read('a', {
        'train-images-idx3-ubyte': images,
        'train-labels-idx1-ubyte': idxBytes(8, [3], [0, 1, 2]),
      }),
    ).toContain(
      'a/train-labels-idx1-ubyte: dimension 0: expected 2 labels, one for each row of a/train-images-idx3-ubyte, got 3 — ',
    );
    expect(read('b', { 'train-images-idx3-ubyte': labels, 'train-labels-idx1-ubyte': images })).toContain(
      'exchanged?',
    );
    expect(
      read('c', { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idxBytes(8, [2], [4, 4]) }),
    ).toContain('c/train-labels-idx1-ubyte: expected at least 2 classes, got 1 (every label is 4)');
    expect(
      read('d', { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idxBytes(9, [2], [0, -1]) }),
    ).toContain('d/train-labels-idx1-ubyte: label 2: expected an integer of at least 0, got -1');
    const parts = {
      'train-images-idx3-ubyte': images,
      'train-labels-idx1-ubyte': labels,
      't10k-labels-idx1-ubyte': labels,
    };
    expect(read('e', { ...parts, 't10k-images-idx3-ubyte': idxBytes(8, [2, 1, 1], [1, 2]) })).toContain(
      'e/t10k-images-idx3-ubyte: expected images of 2 × 1 as in train, got 1 × 1',
    );
  });
});
