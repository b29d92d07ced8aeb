// The safetensors format: round trips, files made by hand after the format's rules, what is written reads back.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  DTYPES,
  type Dtype,
  decodeSafetensors,
  encodeSafetensors,
  type Tensor,
  type TensorData,
} from '../../../src/files/tensors/safetensors.ts';
import {
  dataSectionSha256,
  readSafetensors,
  writeSafetensors,
} from '../../../src/files/tensors/safetensorsFile.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A file by hand: stated header length, header text, data. */
function file(header: string | Uint8Array, data: Uint8Array | number[] = [], stated?: bigint): Uint8Array {
  const text = typeof header === 'string' ? Buffer.from(header) : header;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(stated ?? BigInt(text.length));
  return Buffer.concat([length, text, Uint8Array.from(data)]);
}

const f32 = (name: string, shape: number[], data: number[]): Tensor => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});

describe('reading', () => {
  it('a file laid out as the Python package does: metadata, names in any order, padded with spaces', () => {
    // b before a in the header, a before b in the bytes; values 1, -2.5 and 3 as IEEE 754 bytes written out.
    const header =
      '{"__metadata__":{"format":"pt","note":"h\\u00e9"},"b":{"dtype":"I64","shape":[1,1],"data_offsets":[8,16]},' +
      '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"empty":{"dtype":"F64","shape":[0,3],"data_offsets":[16,16]}}   ';
    const bytes = file(header, [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 3, 0, 0, 0, 0, 0, 0, 0]);
    expect(decodeSafetensors(bytes, 'x')).toEqual({
      metadata: { format: 'pt', note: 'hé' },
      tensors: [
        { name: 'a', dtype: 'F32', shape: [2], data: Float32Array.of(1, -2.5) },
        { name: 'b', dtype: 'I64', shape: [1, 1], data: BigInt64Array.of(3n) },
        { name: 'empty', dtype: 'F64', shape: [0, 3], data: new Float64Array() },
      ],
    });
  });

  it('reads numbers that do not stand on their alignment', () => {
    const header =
      '{"u":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"f":{"dtype":"F64","shape":[],"data_offsets":[3,11]}}';
    const { tensors } = decodeSafetensors(
      file(header, [7, 8, 9, ...new Uint8Array(Float64Array.of(Math.PI).buffer)]),
      'x',
    );
    expect(tensors.map(({ data }) => Array.from(data as Uint8Array))).toEqual([[7, 8, 9], [Math.PI]]);
  });

  it('an empty file of no tensors', () => {
    expect(decodeSafetensors(file('{}'), 'x')).toEqual({ metadata: {}, tensors: [] });
  });

  it('takes __proto__ as the name it is', () => {
    const bytes = file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', [5]);
    expect(decodeSafetensors(bytes, 'x').tensors.map(({ name }) => name)).toEqual(['__proto__']);
  });
});

const tensorsArbitrary = fc
  .uniqueArray(
    fc.tuple(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('0', '1', '10', '__proto__', 'toString')),
      fc.constantFrom(...(Object.keys(DTYPES) as Dtype[])),
      fc.array(fc.nat(4), { maxLength: 3 }),
      fc.infiniteStream(fc.nat(255)),
    ),
    { selector: ([name]) => name, maxLength: 6 },
  )
  .map((specs) =>
    specs
      .filter(([name]) => name !== '__metadata__')
      .map(([name, dtype, shape, stream]): Tensor => {
        const type = DTYPES[dtype];
        const bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1) * type.BYTES_PER_ELEMENT);
        for (let i = 0; i < bytes.length; i++) bytes[i] = stream.next().value as number;
        return { name, dtype, shape, data: new type(bytes.buffer) as TensorData };
      }),
  );
const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe('writing', () => {
  it('what is written reads back with the same bits, from memory and from a file', () => {
    const path = join(scratch, 'round');
    fc.assert(
      fc.property(
        tensorsArbitrary,
        fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })),
        (tensors, metadata) => {
          writeSafetensors(path, tensors, metadata);
          const bytes = readFileSync(path);
          const expected = tensors.map((tensor) => [
            tensor.name,
            tensor.dtype,
            tensor.shape,
            bytesOf(tensor).toString('hex'),
          ]);
          for (const back of [readSafetensors(path), decodeSafetensors(bytes, 'x')]) {
            // Tensors of no bytes share their offset with a neighbor: only their order is free.
            const full = (list: typeof expected) => list.filter(([, , , hex]) => hex !== '');
            const got = back.tensors.map((tensor) => [
              tensor.name,
              tensor.dtype,
              [...tensor.shape],
              bytesOf(tensor).toString('hex'),
            ]);
            expect(full(got)).toEqual(full(expected));
            expect(new Set(got.map(String))).toEqual(new Set(expected.map(String)));
            expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(metadata).sort());
          }
          // 8-byte alignment of the data section, padding with spaces, and the digest over exactly the bytes after the header.
          const headerBytes = Number(bytes.readBigUInt64LE());
          expect(headerBytes % 8).toBe(0);
          expect(bytes.subarray(8, 8 + headerBytes).toString()).toMatch(/^\{.*\} {0,7}$/su);
          expect(dataSectionSha256(tensors)).toBe(
            createHash('sha256')
              .update(bytes.subarray(8 + headerBytes))
              .digest('hex'),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives these bytes', () => {
    const bytes = Buffer.concat(
      encodeSafetensors([f32('1', [1, 1], [1]), f32('0', [], [-0])], { b: '1', a: '2' }),
    );
    const header =
      '{"__metadata__":{"b":"1","a":"2"},"1":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"0":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}';
    expect(bytes.toString('latin1', 8)).toBe(
      `${header.padEnd(Math.ceil(header.length / 8) * 8)}\0\0\x80\x3f\0\0\0\x80`,
    );
  });

  it('views on shared memory and inside larger buffers are written as they are', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16)).subarray(1, 3);
    shared.set([1.5, -2]);
    const path = join(scratch, 'shared');
    writeSafetensors(path, [{ name: 'a', dtype: 'F32', shape: [2], data: shared }]);
    expect(readSafetensors(path).tensors[0].data).toEqual(Float32Array.of(1.5, -2));
    expect(dataSectionSha256([{ name: 'a', dtype: 'F32', shape: [2], data: shared }])).toBe(
      dataSectionSha256([f32('a', [2], [1.5, -2])]),
    );
  });

  it.each<[Tensor[], string]>([
    [[f32('a', [1], [1]), f32('a', [1], [1])], 'safetensors: expected a new name, got a twice — rename one'],
    [
      [f32('__metadata__', [1], [1])],
      'safetensors: expected a new name, got __metadata__ twice — rename one',
    ],
    [
      [f32('a', [3], [1])],
      'safetensors: a: expected 3 elements F32 for shape [3], got 1 of Float32Array — check the shape',
    ],
    [
      [{ ...f32('a', [1], [1]), dtype: 'I32' }],
      'safetensors: a: expected 1 elements I32 for shape [1], got 1 of Float32Array — check the shape',
    ],
    [
      [f32('a', [-1, -1], [1])],
      'safetensors: a: expected 1 elements F32 for shape [-1, -1], got 1 of Float32Array — check the shape',
    ],
  ])('refuses what cannot be a file (%#)', (tensors, expected) => {
    expect(() => encodeSafetensors(tensors)).toThrow(new TypeError(expected));
  });
});
