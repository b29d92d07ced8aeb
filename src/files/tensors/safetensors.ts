// The safetensors format, both ways and strictly: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
// What the tensors mean is not known here; posteriorFile.ts gives them names. The disk is safetensorsFile.ts's.

import { CheckpointError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';
import { parseStrictJson } from '../text/strictJson.ts';

/** Element types by their names in the format. All numbers are little-endian, as on every machine this runs on. */
export const DTYPES = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  U8: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const;
export type Dtype = keyof typeof DTYPES;
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A named array, row-major. */
export interface Tensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes. */
  readonly tensors: readonly Tensor[];
}

/** The format's own limit; the length is checked against the file's size as well. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
/** The header is an object of objects of arrays. */
const MAX_DEPTH = 3;

/**
 * A file's bytes, in chunks to write one after the other: equal for equal arguments, tensors in the order given.
 * @throws TypeError if a name is taken or reserved, or data does not fit its dtype and shape
 */
export function encodeSafetensors(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const seen = new Set(['__metadata__']);
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    if (seen.has(name))
      throw new TypeError(`safetensors: expected a new name, got ${name} twice — rename one`);
    seen.add(name);
    const wanted = shape.reduce((product, size) => product * size, 1);
    if (!(data instanceof DTYPES[dtype]) || data.length !== wanted || !shape.every(isSize)) {
      throw new TypeError(
        `safetensors: ${name}: expected ${wanted} elements ${dtype} for shape [${shape.join(', ')}], got ${data.length} of ` +
          `${data.constructor.name} — check the shape`,
      );
    }
    const end = offset + data.byteLength;
    // Written by hand: an object would put names that look like numbers first.
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  // Padded so that the data section, and with it every float64 at its start, is aligned.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new TypeError(
      `safetensors: expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${headerBytes} — store less in it`,
    );
  }
  const head = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, LENGTH_BYTES);
  return [head, ...tensors.map(bytesOf)];
}

/** The bytes of the data section a file of these tensors has, tensors in the order of the file. */
export function dataSection(tensors: readonly Tensor[]): Uint8Array[] {
  return tensors.map(bytesOf);
}

/**
 * Decodes the bytes of a file; the tensors are copies.
 * @param where what the bytes are called in errors
 * @throws CheckpointError naming `where` and the place
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  return decodeFrom(
    (length, position) => new Uint8Array(bytes.subarray(position, position + length)),
    bytes.length,
    where,
  );
}

/** Some of a file's bytes, in memory of their own. */
export type Read = (length: number, position: number) => Uint8Array<ArrayBuffer>;

/** Decodes a file of `size` bytes that is read piece by piece. @throws CheckpointError naming `where` and the place */
export function decodeFrom(read: Read, size: number, where: string): Safetensors {
  if (size < LENGTH_BYTES) fail(where, 'at least 8 bytes', `${size}`, 'the file is cut short');
  const stated = new DataView(read(LENGTH_BYTES, 0).buffer).getBigUint64(0, true);
  if (stated > BigInt(MAX_HEADER_BYTES)) {
    fail(
      where,
      `a header of at most ${MAX_HEADER_BYTES} bytes`,
      `a stated length of ${stated}`,
      'is it a safetensors file?',
    );
  }
  const headerBytes = Number(stated);
  if (LENGTH_BYTES + headerBytes > size) {
    fail(
      where,
      `a header that ends by byte ${size}`,
      `a stated length of ${headerBytes}`,
      'the file is cut short or damaged',
    );
  }
  const { metadata, entries } = parseHeader(read(headerBytes, LENGTH_BYTES), where);
  // The header is a map, so its order says nothing; the format asks only that the ranges cover the data section.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const what = entry.begin < end ? 'an overlap' : 'a gap';
      fail(
        `${where}: ${show(entry.name)}`,
        `data from offset ${end}`,
        `${what}: ${entry.begin}`,
        'the header is damaged',
      );
    }
    end = entry.end;
  }
  const dataBytes = size - LENGTH_BYTES - headerBytes;
  if (end !== dataBytes) {
    const why = end > dataBytes ? 'the file is cut short' : 'there are bytes after the last tensor';
    fail(where, `${end} bytes of data`, `${dataBytes}`, why);
  }
  const start = LENGTH_BYTES + headerBytes;
  const tensors = entries.map(({ name, dtype, shape, begin, end: stop }): Tensor => {
    const { buffer } = read(stop - begin, start + begin);
    return { name, dtype, shape, data: new DTYPES[dtype](buffer) };
  });
  return { metadata, tensors };
}

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseHeader(
  bytes: Uint8Array,
  where: string,
): { metadata: Record<string, string>; entries: Entry[] } {
  const header = `${where}: header`;
  if (bytes[0] !== 0x7b)
    fail(header, 'a JSON object that starts with {', 'something else', 'is it a safetensors file?');
  const root = parseStrictJson(bytes, MAX_DEPTH, header, CheckpointError);
  if (!isObject(root)) fail(header, 'a JSON object', 'something else', 'is it a safetensors file?');
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') metadata = parseMetadata(value, header);
    else entries.push(parseEntry(name, value, `${where}: ${show(name)}`));
  }
  return { metadata, entries };
}

function parseMetadata(value: unknown, header: string): Record<string, string> {
  if (!isObject(value))
    fail(`${header}: __metadata__`, 'a map of strings', show(value), 'the header is damaged');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      fail(`${header}: __metadata__: ${show(key)}`, 'a string', show(text), 'the header is damaged');
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, where: string): Entry {
  if (!isObject(value)) fail(where, 'dtype, shape and data_offsets', show(value), 'the header is damaged');
  const extra = Object.keys(value).find(
    (key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets',
  );
  if (extra !== undefined)
    fail(where, 'only dtype, shape and data_offsets', show(extra), 'the header is damaged');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPES, dtype)) {
    fail(`${where}: dtype`, Object.keys(DTYPES).join(', '), show(dtype), 'convert it to one of these');
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    fail(`${where}: shape`, 'a list of sizes', show(shape), 'the header is damaged');
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1]) {
    fail(`${where}: data_offsets`, '[begin, end] with begin ≤ end', show(offsets), 'the header is damaged');
  }
  const [begin, end] = offsets as [number, number];
  const wanted = shape.reduce(
    (product: number, size: number) => product * size,
    DTYPES[dtype as Dtype].BYTES_PER_ELEMENT,
  );
  if (wanted !== end - begin) {
    fail(
      where,
      `${wanted} bytes for ${dtype} [${brief(shape.join(', '))}]`,
      `${end - begin}`,
      'the header is damaged',
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : brief(JSON.stringify(value));
}

function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch(where, expected, got, next));
}

/** Bytes of a tensor, not copied unless its memory is shared: hashing and writing then see one moment of it. */
function bytesOf({ data }: Tensor): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  // Not instanceof: where memory cannot be shared there is no such class.
  return Object.prototype.toString.call(data.buffer) === '[object ArrayBuffer]'
    ? bytes
    : new Uint8Array(bytes);
}
