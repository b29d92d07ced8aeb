// The data of one input tensor: nested or flat lists of JSON, or bytes behind the JSON, which must fit the tensor's shape.

import { describeValue } from '../../messages.ts';
import { badField, tooLarge } from '../problem.ts';
import { BYTES, checkNumbers, DATATYPES, NUMBER_TYPES, readNumbers, readTexts } from './datatypes.ts';

/** An input tensor, row-major. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  /** A missing number is NaN, a missing text null. */
  readonly values: Float64Array | readonly (string | null)[];
  /** The place of the first null in JSON, for messages: `inputs[0].data[3]`; null where there is none. */
  readonly firstNull: string | null;
  /** Its place in the request, for messages: `inputs[0]`. */
  readonly at: string;
}

type TensorData = Pick<Tensor, 'values' | 'firstNull'>;

/** What a shape may be. */
export interface ShapeLimits {
  readonly rows: number;
  readonly elements: number;
}

/** Sizes of at least one, whose product is within the limits. @returns their product */
export function checkShape(shape: unknown, at: string, limits: ShapeLimits): number {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > 8)
    throw badField(at, 'a list of 1 to 8 sizes', describeValue(shape), 'write [rows, columns]');
  let product = 1;
  for (const [d, size] of shape.entries()) {
    if (!Number.isSafeInteger(size) || size < 1)
      throw badField(`${at}[${d}]`, 'a whole number of at least 1', describeValue(size), 'correct the shape');
    product *= size;
    if (d === 0 && size > limits.rows)
      throw tooLarge(`${at}[0]`, `at most ${limits.rows} rows`, `${size}`, 'send them in several requests');
    if (product > limits.elements) {
      const got = `a shape of more`;
      throw tooLarge(at, `at most ${limits.elements} elements`, got, 'send fewer rows in a request');
    }
  }
  return product;
}

export function checkDatatype(datatype: unknown, at: string): asserts datatype is string {
  if (typeof datatype === 'string' && DATATYPES.includes(datatype)) return;
  throw badField(
    at,
    `one of ${DATATYPES.join(', ')}`,
    describeValue(datatype),
    'FP64 or FP32 takes any number',
  );
}

/** The values in `data`, a flat list or lists nested as the shape says. Null is a missing value; the model decides whether it may be. */
export function readJson(
  data: unknown,
  datatype: string,
  shape: readonly number[],
  count: number,
  at: string,
): TensorData {
  if (!Array.isArray(data))
    throw badField(at, `a list of ${count} values`, describeValue(data), 'send the data of the tensor');
  const texts: (string | null)[] = [];
  const numbers = new Float64Array(datatype === BYTES ? 0 : count);
  const nested = Array.isArray(data[0]);
  let n = 0;
  let firstNull: string | null = null;
  const take = (list: readonly unknown[], place: string) => {
    const none = firstNull === null ? list.indexOf(null) : -1;
    if (none >= 0) firstNull = `${place}[${none}]`;
    if (datatype !== BYTES) {
      checkNumbers(numbers, n, datatype, list, place);
      n += list.length;
      return;
    }
    for (const [i, value] of list.entries()) {
      if (typeof value !== 'string' && value !== null)
        throw badField(`${place}[${i}]`, 'a text', describeValue(value), 'send BYTES as strings');
      texts.push(value);
    }
  };
  const walk = (list: readonly unknown[], depth: number, place: string) => {
    if (list.length !== shape[depth]) {
      const expected = `${shape[depth]} items as in the shape`;
      throw badField(place, expected, `${list.length}`, 'make shape and data agree');
    }
    if (depth === shape.length - 1) return take(list, place);
    for (const [i, inner] of list.entries()) {
      if (!Array.isArray(inner)) {
        const next = 'nest all of the data or none of it';
        throw badField(`${place}[${i}]`, `a list of ${shape[depth + 1]}`, describeValue(inner), next);
      }
      walk(inner, depth + 1, `${place}[${i}]`);
    }
  };
  if (nested && shape.length > 1) walk(data, 0, at);
  else if (data.length !== count)
    throw badField(at, `${count} values as in the shape`, `${data.length}`, 'make shape and data agree');
  else take(data, at);
  return { values: datatype === BYTES ? texts : numbers, firstNull };
}

/** The values in a tensor's own bytes. @param at of the tensor */
export function readBytes(bytes: Uint8Array, datatype: string, count: number, at: string): TensorData {
  if (datatype === BYTES) return { values: readTexts(bytes, count, at), firstNull: null };
  const expected = count * NUMBER_TYPES[datatype].bytes;
  if (bytes.byteLength !== expected) {
    throw badField(
      `${at}.parameters.binary_data_size`,
      `${expected} bytes for the shape`,
      `${bytes.byteLength}`,
      'make shape and size agree',
    );
  }
  return { values: readNumbers(datatype, bytes, at), firstNull: null };
}
