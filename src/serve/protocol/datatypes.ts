// Datatypes of the Open Inference Protocol: their size in bytes, which numbers they hold, and how they lie in binary tensors
// (little-endian). Everything that is read becomes float64, in which all of them but 64-bit integers are exact.

import { describeValue } from '../../messages.ts';
import { badField } from '../problem.ts';

export interface NumberType {
  readonly bytes: number;
  read(view: DataView, at: number): number | bigint;
  /** Smallest and largest integer; null for floating point. */
  readonly range: readonly [number, number] | null;
  /** The number of this type that is written as `value` in JSON. */
  readonly round: (value: number) => number;
}

const same = (value: number) => value;

function integer(bytes: number, low: number, high: number, read: NumberType['read']): NumberType {
  return { bytes, read, range: [low, high], round: same };
}

/** Integers beyond 2^53 have no exact float64. */
const SAFE = Number.MAX_SAFE_INTEGER;

export const NUMBER_TYPES: Readonly<Record<string, NumberType>> = {
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true), range: null, round: Math.fround },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true), range: null, round: same },
  INT8: integer(1, -128, 127, (view, at) => view.getInt8(at)),
  INT16: integer(2, -32_768, 32_767, (view, at) => view.getInt16(at, true)),
  INT32: integer(4, -2_147_483_648, 2_147_483_647, (view, at) => view.getInt32(at, true)),
  INT64: integer(8, -SAFE, SAFE, (view, at) => view.getBigInt64(at, true)),
  UINT8: integer(1, 0, 255, (view, at) => view.getUint8(at)),
  UINT16: integer(2, 0, 65_535, (view, at) => view.getUint16(at, true)),
  UINT32: integer(4, 0, 4_294_967_295, (view, at) => view.getUint32(at, true)),
  UINT64: integer(8, 0, SAFE, (view, at) => view.getBigUint64(at, true)),
};

/** Texts, such as the names of categories. */
export const BYTES = 'BYTES';

export const DATATYPES = [...Object.keys(NUMBER_TYPES), BYTES];

/** The numbers of a binary tensor. @param at the field, for messages */
export function readNumbers(datatype: string, bytes: Uint8Array, at: string): Float64Array {
  const type = NUMBER_TYPES[datatype];
  const count = bytes.byteLength / type.bytes;
  const aligned = bytes.byteOffset % type.bytes === 0;
  // The machines this runs on are little-endian.
  if (datatype === 'FP32' && aligned)
    return Float64Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, count));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = type.read(view, i * type.bytes);
    values[i] = Number(value);
    if (typeof value === 'bigint' && !Number.isSafeInteger(values[i])) {
      throw badField(`${at}.data[${i}]`, 'an integer of at most 2^53', `${value}`, 'send it as FP64');
    }
  }
  return values;
}

/** Numbers of JSON as this type holds them, null as NaN. @param at the place of the list, for messages */
export function checkNumbers(
  out: Float64Array,
  first: number,
  datatype: string,
  list: readonly unknown[],
  at: string,
): void {
  const { range, round } = NUMBER_TYPES[datatype];
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (value === null) out[first + i] = Number.NaN;
    else if (range === null && typeof value === 'number') out[first + i] = round(value);
    else out[first + i] = checkNumber(datatype, value, () => `${at}[${i}]`);
  }
}

/** One number of JSON as this type holds it. */
function checkNumber(datatype: string, value: unknown, at: () => string): number {
  const { range, round } = NUMBER_TYPES[datatype];
  if (typeof value !== 'number')
    throw badField(at(), `a number of type ${datatype}`, describeValue(value), 'send numbers');
  if (range === null) return round(value);
  if (Number.isInteger(value) && value >= range[0] && value <= range[1]) return value;
  throw badField(
    at(),
    `an integer from ${range[0]} to ${range[1]} (${datatype})`,
    describeValue(value),
    'send it as FP64',
  );
}

/** The texts of a binary tensor: each with its length in four bytes before it. */
export function readTexts(bytes: Uint8Array, count: number, at: string): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const texts: string[] = [];
  let place = 0;
  for (let i = 0; i < count; i++) {
    const length = place + 4 <= bytes.byteLength ? view.getUint32(place, true) : -1;
    if (length < 0 || place + 4 + length > bytes.byteLength) {
      const got = `${bytes.byteLength - place} bytes`;
      throw badField(`${at}.data[${i}]`, 'a text after its length', got, 'check binary_data_size');
    }
    try {
      texts.push(decoder.decode(bytes.subarray(place + 4, place + 4 + length)));
    } catch {
      throw badField(`${at}.data[${i}]`, 'UTF-8 text', 'other bytes', 'encode it as UTF-8');
    }
    place += 4 + length;
  }
  if (place !== bytes.byteLength) {
    const got = `${bytes.byteLength} bytes`;
    throw badField(`${at}.parameters.binary_data_size`, `${place} bytes of texts`, got, 'count the bytes');
  }
  return texts;
}

/** Texts as they lie in a binary tensor. */
export function writeTexts(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
