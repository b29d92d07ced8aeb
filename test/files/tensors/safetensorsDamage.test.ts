// Every kind of damage to a safetensors file gives its exact line; so does any mutation, without taking memory that is not there.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../../../src/errors.ts';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../../../src/files/tensors/safetensors.ts';
import { readSafetensors } from '../../../src/files/tensors/safetensorsFile.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A file by hand: stated header length, header text, data. */
function file(header: string | Uint8Array, data: Uint8Array | number[] = [], stated?: bigint): Uint8Array {
  const text = typeof header === 'string' ? Buffer.from(header) : header;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(stated ?? BigInt(text.length));
  return Buffer.concat([length, text, Uint8Array.from(data)]);
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('expected a CheckpointError, got none');
}

const f32 = (name: string, shape: number[], data: number[]): Tensor => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});

const A = '"dtype":"F32","shape":[2],"data_offsets":[0,8]';
const EIGHT = new Uint8Array(8);
const DAMAGED = 'the header is damaged';

describe('damage', () => {
  it.each<[string, Uint8Array, string]>([
    ['nothing', Uint8Array.of(), 'x: expected at least 8 bytes, got 0 — the file is cut short'],
    ['7 bytes', new Uint8Array(7), 'x: expected at least 8 bytes, got 7 — the file is cut short'],
    [
      'a huge header length',
      file('{}', [], 0xffff_ffff_ffff_ffffn),
      'x: expected a header of at most 100000000 bytes, got a stated length of 18446744073709551615 — is it a safetensors file?',
    ],
    [
      'a header longer than the file',
      file('{}', [], 99_999_999n),
      'x: expected a header that ends by byte 10, got a stated length of 99999999 — the file is cut short or damaged',
    ],
    [
      'a header of no bytes',
      file(''),
      'x: header: expected a JSON object that starts with {, got something else — is it a safetensors file?',
    ],
    [
      'leading blanks',
      file(' {}'),
      'x: header: expected a JSON object that starts with {, got something else — is it a safetensors file?',
    ],
    [
      'bytes that are not UTF-8',
      file(Buffer.from([0x7b, 0xff, 0x7d])),
      'x: header: expected UTF-8 text, got other bytes — the file is damaged',
    ],
    [
      'a name twice',
      file(`{"a":{${A}},"a":{${A}}}`, EIGHT),
      'x: header: expected each name once, got "a" again at character 54 — the file is damaged',
    ],
    [
      'a name twice, escaped',
      file(`{"a":{${A}},"\\u0061":{${A}}}`, EIGHT),
      'x: header: expected each name once, got "a" again at character 54 — the file is damaged',
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"U8","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT),
      'x: header: expected each name once, got "dtype" again at character 19 — the file is damaged',
    ],
    [
      'nesting',
      file(`{"a":${'['.repeat(50_000)}`),
      'x: header: expected at most 3 levels of brackets, got more at character 7 — the file is damaged',
    ],
    [
      'metadata that is no map',
      file('{"__metadata__":3}'),
      `x: header: __metadata__: expected a map of strings, got 3 — ${DAMAGED}`,
    ],
    [
      'metadata that is no string',
      file('{"__metadata__":{"k":3}}'),
      `x: header: __metadata__: "k": expected a string, got 3 — ${DAMAGED}`,
    ],
    [
      'a tensor that is a number',
      file('{"a":1}'),
      `x: "a": expected dtype, shape and data_offsets, got 1 — ${DAMAGED}`,
    ],
    [
      'a tensor that is null',
      file('{"a":null}'),
      `x: "a": expected dtype, shape and data_offsets, got null — ${DAMAGED}`,
    ],
    [
      'an unknown field',
      file(`{"a":{${A},"stride":1}}`, EIGHT),
      `x: "a": expected only dtype, shape and data_offsets, got "stride" — ${DAMAGED}`,
    ],
    [
      'an unknown dtype',
      file('{"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}', EIGHT),
      'x: "a": dtype: expected F32, F64, I8, U8, I16, U16, I32, U32, I64, U64, got "BF16" — convert it to one of these',
    ],
    [
      'a dtype from the prototype',
      file('{"a":{"dtype":"toString","shape":[4],"data_offsets":[0,8]}}', EIGHT),
      'x: "a": dtype: expected F32, F64, I8, U8, I16, U16, I32, U32, I64, U64, got "toString" — convert it to one of these',
    ],
    [
      'no shape',
      file('{"a":{"dtype":"F32","data_offsets":[0,8]}}', EIGHT),
      `x: "a": shape: expected a list of sizes, got nothing — ${DAMAGED}`,
    ],
    [
      'a negative size',
      file('{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', EIGHT),
      `x: "a": shape: expected a list of sizes, got [-2] — ${DAMAGED}`,
    ],
    [
      'half a size',
      file('{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}', EIGHT),
      `x: "a": shape: expected a list of sizes, got [1.5] — ${DAMAGED}`,
    ],
    [
      'a size beyond 2^53',
      file('{"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,8]}}', EIGHT),
      `x: "a": shape: expected a list of sizes, got [1e+300] — ${DAMAGED}`,
    ],
    [
      'offsets backwards',
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', EIGHT),
      `x: "a": data_offsets: expected [begin, end] with begin ≤ end, got [8,0] — ${DAMAGED}`,
    ],
    [
      'three offsets',
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}', EIGHT),
      `x: "a": data_offsets: expected [begin, end] with begin ≤ end, got [0,4,8] — ${DAMAGED}`,
    ],
    [
      'a shape that lies',
      file('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', EIGHT),
      `x: "a": expected 12 bytes for F32 [3], got 8 — ${DAMAGED}`,
    ],
    [
      'a shape whose product overflows',
      file('{"a":{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,8]}}', EIGHT),
      `x: "a": expected 3.2451855365842665e+32 bytes for F32 [9007199254740991, 9007199254740991], got 8 — ${DAMAGED}`,
    ],
    [
      'a gap at the start',
      file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', EIGHT),
      `x: "a": expected data from offset 0, got a gap: 4 — ${DAMAGED}`,
    ],
    [
      'an overlap',
      file(`{"a":{${A}},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, EIGHT),
      `x: "b": expected data from offset 8, got an overlap: 4 — ${DAMAGED}`,
    ],
    [
      'bytes missing',
      file(`{"a":{${A}}}`, new Uint8Array(7)),
      'x: expected 8 bytes of data, got 7 — the file is cut short',
    ],
    [
      'bytes too many',
      file(`{"a":{${A}}}`, new Uint8Array(9)),
      'x: expected 8 bytes of data, got 9 — there are bytes after the last tensor',
    ],
    [
      'terabytes that are not there',
      file('{"a":{"dtype":"U8","shape":[4000000000000],"data_offsets":[0,4000000000000]}}', EIGHT),
      'x: expected 4000000000000 bytes of data, got 8 — the file is cut short',
    ],
  ])('%s', (_, bytes, expected) => {
    expect(messageOf(() => decodeSafetensors(bytes, 'x'))).toBe(expected);
  });

  it.each([
    '{"a":NaN}',
    '{"a":{"shape":[NaN]}}',
    '{',
    '{}}',
    '{}x',
    '{"a"}',
    '\uFEFF{}',
    '{"a":01}',
    "{'a':1}",
    '{"a":1,}',
  ])('JSON that is none: %s', (text) => {
    expect(messageOf(() => decodeSafetensors(file(text), 'x'))).toMatch(
      /^x: header: expected (JSON|a JSON object that starts with \{), got [^\n]+$/,
    );
  });

  it('says what is wrong with the file itself', () => {
    const path = join(scratch, 'none');
    expect(messageOf(() => readSafetensors(path))).toBe(
      `${path}: expected a safetensors file, got no such file — check the path`,
    );
    expect(messageOf(() => readSafetensors(scratch))).toBe(
      `${scratch}: expected a safetensors file, got a directory — name a file in it`,
    );
    expect(messageOf(() => readSafetensors('/dev/zero'))).toBe(
      '/dev/zero: expected a safetensors file, got a device or pipe — name a regular file',
    );
  });

  it('every cut of a file is found', () => {
    const whole = Buffer.concat(encodeSafetensors([f32('a', [2], [1, 2]), f32('b', [1], [3])], { k: 'v' }));
    const path = join(scratch, 'cut');
    for (let size = 0; size < whole.length; size++) {
      writeFileSync(path, whole);
      truncateSync(path, size);
      expect(messageOf(() => readSafetensors(path))).toMatch(
        /^[^\n]+: expected [^\n]+, got [^\n]+ — the file is cut short/,
      );
    }
  });
});

it('fuzz: any mutation gives tensors or one line', () => {
  const base = Buffer.concat(
    encodeSafetensors(
      [
        f32('layers.0.weight.mu', [2, 2], [1, 2, 3, 4]),
        { name: 'u', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      ],
      { k: 'v' },
    ),
  );
  let refused = 0;
  const edit = fc.tuple(
    fc.nat(base.length - 1),
    fc.nat(4),
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom(
        ...['"', '{', '}', '[', ']', ',', ':', '0', '9', '\\', '-1', '1e99', 'null', 'F64'].map((s) =>
          Buffer.from(s),
        ),
      ),
    ),
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes: Buffer = base;
      for (const [at, drop, add] of edits)
        bytes = Buffer.concat([bytes.subarray(0, at), add, bytes.subarray(at + drop)]);
      try {
        decodeSafetensors(bytes, 'x');
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(CheckpointError);
        expect((error as Error).message).toMatch(
          /^x: [^\n\r\0]+: expected [^\n\r\0]+, got [^\n\r\0]+ — [^\n\r\0]+$|^x: expected [^\n\r\0]+, got [^\n\r\0]+ — [^\n\r\0]+$/u,
        );
      }
    }),
    { numRuns: 4000 },
  );
  expect(refused).toBeGreaterThan(2000);
});
