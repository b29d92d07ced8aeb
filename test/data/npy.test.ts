import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { npyBytes, npyMatrix, npyTargets, readNpy } from '../../src/data/formats/npy.ts';
import { messageIn, scratch } from './support.ts';

const { dir, put } = scratch();
const message = (bytes: Uint8Array): string => messageIn(dir, () => readNpy(put('f.npy', bytes)));
const matrix = (bytes: Uint8Array) => npyMatrix(readNpy(put('f.npy', bytes)));

/** An NPY file with any header, right or wrong. */
function npy(header: string, body: Uint8Array | number[] = [], version = 1): Buffer {
  const text = Buffer.from(header, version === 3 ? 'utf8' : 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    text,
    Buffer.from(body),
  ]);
}
const dict = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

describe('what NumPy writes', () => {
  it('the layout of numpy.save, byte for byte', () => {
    // array([[1.5, -2], [0, 4]], '<f4'): the dict, blanks up to a multiple of 64 and a line feed, then the data
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }`;
    const file = Buffer.concat([
      Buffer.from('934e554d505901007600', 'hex'),
      Buffer.from(`${header.padEnd(117, ' ')}\n`),
      Buffer.from('0000c03f000000c00000000000008040', 'hex'),
    ]);
    expect(file).toHaveLength(128 + 16);
    expect(matrix(file)).toEqual({ data: Float32Array.of(1.5, -2, 0, 4), rows: 2, columns: 2 });
    expect(Buffer.from(npyBytes(Float32Array.of(1.5, -2, 0, 4), [2, 2]))).toEqual(file);
  });

  it.each([
    ['<f4', (b: Buffer) => b.writeFloatLE(-2.5), 4, -2.5],
    ['>f4', (b: Buffer) => b.writeFloatBE(-2.5), 4, -2.5],
    ['<f8', (b: Buffer) => b.writeDoubleLE(0.1), 8, 0.1],
    ['>f8', (b: Buffer) => b.writeDoubleBE(0.1), 8, 0.1],
    ['|i1', (b: Buffer) => b.writeInt8(-3), 1, -3],
    ['<i2', (b: Buffer) => b.writeInt16LE(-300), 2, -300],
    ['>i2', (b: Buffer) => b.writeInt16BE(-300), 2, -300],
    ['<i4', (b: Buffer) => b.writeInt32LE(-70000), 4, -70000],
    ['>i4', (b: Buffer) => b.writeInt32BE(-70000), 4, -70000],
    ['<i8', (b: Buffer) => b.writeBigInt64LE(-5n), 8, -5n],
    ['>i8', (b: Buffer) => b.writeBigInt64BE(-5n), 8, -5n],
    ['|u1', (b: Buffer) => b.writeUInt8(200), 1, 200],
    ['<u2', (b: Buffer) => b.writeUInt16LE(60000), 2, 60000],
    ['>u2', (b: Buffer) => b.writeUInt16BE(60000), 2, 60000],
    ['<u4', (b: Buffer) => b.writeUInt32LE(4e9), 4, 4e9],
    ['>u4', (b: Buffer) => b.writeUInt32BE(4e9), 4, 4e9],
    ['<u8', (b: Buffer) => b.writeBigUInt64LE(2n ** 63n), 8, 2n ** 63n],
    ['>u8', (b: Buffer) => b.writeBigUInt64BE(2n ** 63n), 8, 2n ** 63n],
    ['|b1', (b: Buffer) => b.writeUInt8(1), 1, 1],
  ])('type %s', (descr, write, size, value) => {
    const body = Buffer.alloc(size);
    write(body);
    for (const version of [1, 2, 3]) {
      const file = npy(dict(descr, '(1,)'), body, version);
      expect([...readNpy(put('f.npy', file)).data]).toEqual([value]);
      expect([...readNpy(put('f.npy', gzipSync(file))).data]).toEqual([value]);
      const narrow = size < 4 || descr.endsWith('f4'); // float32 holds every number of the type
      const table = narrow ? Float32Array.of(Number(value)) : Float64Array.of(Number(value));
      expect(matrix(file).data).toEqual(table);
    }
  });

  it('other spellings of the same header', () => {
    const body = [1, 2, 3];
    for (const header of [
      `{"shape":(3,),"fortran_order":False,"descr":"|u1"}`,
      `{ 'fortran_order' : True , 'descr':'u1', 'shape': (3L,) }   \n`,
      `{'descr': '|u1', 'fortran_order': False, 'shape': ( 3 , 1 )}`,
    ]) {
      expect(matrix(npy(header, body))).toEqual({ data: Float32Array.of(1, 2, 3), rows: 3, columns: 1 });
    }
  });

  it('Fortran order is turned into rows', () => {
    expect(matrix(npy(dict('|u1', '(2, 3)', 'True'), [1, 4, 2, 5, 3, 6])).data).toEqual(
      Float32Array.of(1, 2, 3, 4, 5, 6),
    );
  });
});

describe('round trips', () => {
  it('float32, float64 and int32 of any shape come back to the bit', () => {
    const kinds = fc.constantFrom('f4', 'f8', 'i4');
    const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        kinds,
        shapes,
        fc.infiniteStream(fc.double()),
        fc.boolean(),
        (kind, shape, stream, gzip) => {
          const items = shape.reduce((a, b) => a * b, 1);
          const values = [...stream.take(items)];
          const data =
            kind === 'f4'
              ? Float32Array.from(values)
              : kind === 'f8'
                ? Float64Array.from(values)
                : Int32Array.from(values);
          const bytes = npyBytes(data, shape);
          expect((bytes.length - data.byteLength) % 64).toBe(0);
          const back = readNpy(put('f.npy', gzip ? gzipSync(bytes) : bytes));
          expect(back.shape).toEqual(shape);
          expect(new Uint8Array(back.data.buffer)).toEqual(new Uint8Array(data.buffer));
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });
  it('the writer refuses a shape that does not fit', () => {
    expect(() => npyBytes(new Float32Array(5), [2, 2])).toThrow(/npyBytes: expected 2 × 2 numbers, got 5 — /);
    expect(() => npyBytes(new Float32Array(4), [-2, -2])).toThrow(RangeError);
  });
});

describe('bad files', () => {
  const cases: Array<[string, Uint8Array, string]> = [
    ['text', Buffer.from('1,2,3\n4,5,6\n'), 'f.npy: byte 0: expected \\x93NUMPY, got "1,2,3\\u000a" — '],
    ['cut in the magic', npy('').subarray(0, 4), 'f.npy: byte 0: expected \\x93NUMPY, got '],
    [
      'cut behind the magic',
      npy('').subarray(0, 7),
      'f.npy: byte 7: expected a version and a header length, got the end of the file — ',
    ],
    [
      'version 4',
      npy(dict('<f4', '(1,)'), [0, 0, 0, 0], 4),
      'f.npy: byte 6: expected version 1.0, 2.0 or 3.0, got 4.0 — ',
    ],
    [
      'cut in the header',
      npy(dict('<f4', '(1,)')).subarray(0, 30),
      'f.npy: byte 30: expected a header of 58 bytes, got the end of the file — ',
    ],
    [
      'a header of 4 GB',
      Buffer.concat([npy('', [], 2).subarray(0, 8), Buffer.alloc(4, 0xff)]),
      'f.npy: byte 8: expected a header of at most 10000 bytes, got 4294967295 — ',
    ],
    [
      'too short',
      npy(dict('<f4', '(2,)'), [0, 0, 0, 0, 0]),
      'f.npy: byte 73: expected 76 bytes (a header of 68 and 2 f4), got the end of the file — ',
    ],
    [
      'too long',
      npy(dict('|u1', '(2,)'), [0, 0, 0]),
      'f.npy: byte 70: expected 70 bytes (a header of 68 and 2 u1), got 71 bytes — ',
    ],
    [
      'objects',
      npy(dict('|O', '(1,)')),
      `f.npy: header, descr: expected a type f4, f8, i1 to i8, u1 to u8 or b1, got "|O" — `,
    ],
    ['half floats', npy(dict('<f2', '(1,)'), [0, 0]), 'got "<f2" — convert it with array.astype'],
    ['complex', npy(dict('<c8', '(1,)')), 'got "<c8"'],
    ['strings', npy(dict('<U5', '(1,)')), 'got "<U5"'],
    [
      'structured',
      npy(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}`),
      `f.npy: header: expected a plain type, not a structured one, got "[('a', '<f4')], 'fortran…" — `,
    ],
    [
      'code instead of a dict',
      npy(`__import__('os').exit()`),
      `f.npy: header: expected {, got "__import__('os').exit()" — `,
    ],
    [
      'code for a shape',
      npy(dict('<f4', '(9**9,)')),
      'f.npy: header: expected a tuple of sizes, got "(9**9,), }" — ',
    ],
    ['negative size', npy(dict('<f4', '(-1,)')), 'f.npy: header: expected a tuple of sizes, got "(-1,)'],
    [
      'a number for a shape',
      npy(dict('<f4', '(4)')),
      'f.npy: header, shape: expected a tuple such as (3,), got "(4)" — ',
    ],
    [
      'key missing',
      npy(`{'descr': '<f4', 'shape': (1,)}`),
      'f.npy: header: expected the key fortran_order, got none — ',
    ],
    [
      'key twice',
      npy(`{'shape': (1,), 'shape': (2,)}`),
      'f.npy: header: expected each key once, got "shape" twice — ',
    ],
    [
      'key unknown',
      npy(`{'size': (1,)}`),
      'f.npy: header: expected only the keys descr, fortran_order and shape, got "size" — ',
    ],
    [
      'no comma',
      npy(`{'shape': (1,) 'descr': '<f4'}`),
      `f.npy: header: expected a comma, got "'descr': '<f4'}" — `,
    ],
    [
      'more behind the dict',
      npy(`${dict('<f4', '(1,)')} x`),
      'f.npy: header: expected nothing after the dict, got "x" — ',
    ],
    [
      'neither True nor False',
      npy(dict('<f4', '(1,)', '0')),
      `f.npy: header: expected True or False, got "0, 'shape'`,
    ],
    [
      'gzip cut',
      gzipSync(npyBytes(new Float32Array(100), [100])).subarray(0, -6),
      'f.npy: gzip: expected an intact gzip stream',
    ],
  ];
  it.each(cases)('%s', (_, bytes, start) => {
    expect(message(bytes)).toContain(start);
  });

  it('believes no header about sizes', () => {
    const before = process.memoryUsage();
    for (const shape of [
      '(2147483648,)',
      '(9999999999999999,)',
      '(4294967296, 4294967296)',
      '(100000, 100000, 100000, 0)',
    ]) {
      expect(message(npy(dict('<f8', shape)))).toMatch(
        /^f\.npy: header, dimension \d: expected an array of at most \d+ bytes, got /,
      );
    }
    expect(message(npy(dict('|u1', '(1000000000,)')))).toContain('expected 1000000077 bytes');
    expect(message(gzipSync(npy(dict('|u1', '(1000000000,)'))))).toContain('which can hold at most');
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(2 ** 24);
  });

  it('as a table: places of numbers that are not finite, shapes that are none', () => {
    const said = (bytes: Uint8Array): string => messageIn(dir, () => matrix(bytes));
    expect(said(npyBytes(Float32Array.of(1, 2, 3, Number.NaN), [2, 2]))).toContain(
      'f.npy: row 2, column 2: expected a finite float32, got NaN — ',
    );
    expect(said(npyBytes(Float64Array.of(1, -1e300), [2]))).toContain(
      'f.npy: row 2, column 1: expected a finite float32, got -1e+300 — ',
    );
    expect(said(npyBytes(new Float32Array(8), [2, 2, 2]))).toContain(
      'f.npy: expected shape (rows,) or (rows, columns), got (2, 2, 2) — ',
    );
    expect(said(npyBytes(new Float32Array(0), [0, 3]))).toContain(
      'f.npy: expected at least 1 row and 1 column, got (0, 3) — ',
    );
  });

  it('as targets', () => {
    const array = (data: Float32Array | Int32Array, shape: number[]) =>
      readNpy(put('t.npy', npyBytes(data, shape)));
    expect(npyTargets(array(Int32Array.of(3, 1, 3), [3]), 'classification')).toEqual({
      kind: 'labels',
      labels: Int32Array.of(1, 0, 1),
      classNames: ['1', '3'],
    });
    expect(npyTargets(array(Float32Array.of(0, 1), [2, 1]), 'binary')).toMatchObject({ kind: 'values' });
    const said = (run: () => unknown): string => messageIn(dir, run);
    expect(said(() => npyTargets(array(Float32Array.of(0, 2), [2]), 'binary'))).toContain(
      't.npy: row 2, column 1: expected 0 or 1, got 2',
    );
    expect(said(() => npyTargets(array(Float32Array.of(0, 2.5), [2]), 'classification'))).toContain(
      't.npy: row 2: expected an integer or text as class label, got "2.5"',
    );
    expect(said(() => npyTargets(array(Float32Array.of(0, 1), [1, 2]), 'classification'))).toContain(
      't.npy: expected one class number per row, got 2 columns',
    );
  });
});
