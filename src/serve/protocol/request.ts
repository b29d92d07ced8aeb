// An inference request as it comes in: JSON, and the bytes of binary tensors behind it. Checks here need no model;
// infer.ts and models/inputs.ts hold the request to one.

import { describeValue, nearest } from '../../messages.ts';
import { badField } from '../problem.ts';
import { type InferParameters, readParameters } from './parameters.ts';
import {
  checkDatatype,
  checkShape,
  readBytes,
  readJson,
  type ShapeLimits,
  type Tensor,
} from './tensorData.ts';

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
  /** Its place in the request, for messages: `outputs[0]`. */
  readonly at: string;
}

export interface InferRequest {
  readonly id: string | null;
  readonly parameters: InferParameters;
  readonly inputs: readonly Tensor[];
  /** Null where none are named: the model's defaults are meant. */
  readonly outputs: readonly RequestedOutput[] | null;
  /** Whether outputs that do not say so are binary. */
  readonly binary: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * @param headerLength bytes of JSON before the binary tensors; null where all is JSON
 * @throws RequestProblem that names the field
 */
export function parseInfer(body: Buffer, headerLength: number | null, limits: ShapeLimits): InferRequest {
  const json = headerLength === null ? body : body.subarray(0, headerLength);
  const request = objectAt(parseJson(json), 'request');
  refuseUnknown(request, ['id', 'parameters', 'inputs', 'outputs', 'model_name', 'model_version'], '');
  const { id, inputs, outputs } = request;
  if (id !== undefined && id !== null && (typeof id !== 'string' || id.length > 1024))
    throw badField('id', 'a string of at most 1024 characters', describeValue(id), 'leave it out');
  const given = objectAt(request.parameters ?? {}, 'parameters');
  const binary = flag(given.binary_data_output, 'parameters.binary_data_output');
  const tail = new Tail(headerLength === null ? new Uint8Array(0) : body.subarray(headerLength));
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw badField('inputs', 'a list of tensors', describeValue(inputs), 'send input x [rows, columns]');
  const tensors = inputs.map((input, i) => readTensor(input, `inputs[${i}]`, tail, limits));
  tail.end();
  noTwins(tensors, 'inputs');
  return {
    id: typeof id === 'string' ? id : null,
    parameters: readParameters(given),
    inputs: tensors,
    outputs: readOutputs(outputs, binary),
    binary,
  };
}

/** A request whose body is the bytes of one input and nothing else. */
export function rawInfer(body: Buffer, columns: number, limits: ShapeLimits): InferRequest {
  const rowBytes = 4 * columns;
  if (body.length === 0 || body.length % rowBytes !== 0) {
    const expected = `rows of ${columns} FP32 numbers (${rowBytes} bytes each)`;
    throw badField('body', expected, `${body.length} bytes`, 'send JSON to give another shape');
  }
  const shape = [body.length / rowBytes, columns];
  const count = checkShape(shape, 'body', limits);
  const x: Tensor = {
    name: 'x',
    shape,
    datatype: 'FP32',
    ...readBytes(body, 'FP32', count, 'body'),
    at: 'body',
  };
  return { id: null, parameters: readParameters({}), inputs: [x], outputs: null, binary: true };
}

/** Binary tensors follow each other without a gap, and none is left over. */
class Tail {
  #place = 0;
  constructor(readonly bytes: Uint8Array) {}

  take(size: number, at: string): Uint8Array {
    const left = this.bytes.length - this.#place;
    if (size > left) throw badField(at, `at most the ${left} bytes left`, `${size}`, 'count the bytes');
    this.#place += size;
    return this.bytes.subarray(this.#place - size, this.#place);
  }

  end(): void {
    const left = this.bytes.length - this.#place;
    if (left > 0)
      throw badField(
        'body',
        'no bytes after the tensors',
        `${left} more`,
        'check binary_data_size of the inputs',
      );
  }
}

function readTensor(input: unknown, at: string, tail: Tail, limits: ShapeLimits): Tensor {
  const fields = objectAt(input, at);
  refuseUnknown(fields, ['name', 'shape', 'datatype', 'parameters', 'data'], at);
  const { name, shape, datatype, data } = fields;
  checkName(name, `${at}.name`);
  const count = checkShape(shape, `${at}.shape`, limits);
  checkDatatype(datatype, `${at}.datatype`);
  const parameters = objectAt(fields.parameters ?? {}, `${at}.parameters`);
  refuseUnknown(parameters, ['binary_data_size'], `${at}.parameters`);
  const size = parameters.binary_data_size;
  if (size === undefined) {
    const read = readJson(data, datatype, shape as number[], count, `${at}.data`);
    return { name, shape: shape as number[], datatype, ...read, at };
  }
  const place = `${at}.parameters.binary_data_size`;
  if (data !== undefined)
    throw badField(`${at}.data`, 'no data beside binary_data_size', describeValue(data), 'send one of them');
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw badField(place, 'a number of bytes', describeValue(size), 'count the bytes');
  const read = readBytes(tail.take(size as number, place), datatype, count, at);
  return { name, shape: shape as number[], datatype, ...read, at };
}

function readOutputs(outputs: unknown, binary: boolean): RequestedOutput[] | null {
  if (outputs === undefined || outputs === null) return null;
  if (!Array.isArray(outputs) || outputs.length > 64)
    throw badField('outputs', 'a list of at most 64 outputs', describeValue(outputs), 'leave it out');
  if (outputs.length === 0) return null;
  const read = outputs.map((output, i) => {
    const at = `outputs[${i}]`;
    const fields = objectAt(output, at);
    refuseUnknown(fields, ['name', 'parameters'], at);
    checkName(fields.name, `${at}.name`);
    const parameters = objectAt(fields.parameters ?? {}, `${at}.parameters`);
    refuseUnknown(parameters, ['binary_data'], `${at}.parameters`);
    const own = parameters.binary_data;
    const wanted = own === undefined ? binary : flag(own, `${at}.parameters.binary_data`);
    return { name: fields.name as string, binary: wanted, at };
  });
  noTwins(read, 'outputs');
  return read;
}

function noTwins(items: readonly { readonly name: string }[], field: string): void {
  const seen = new Set<string>();
  for (const [i, { name }] of items.entries()) {
    if (seen.has(name))
      throw badField(`${field}[${i}].name`, 'each name once', describeValue(name), 'leave one out');
    seen.add(name);
  }
}

function checkName(name: unknown, at: string): asserts name is string {
  if (typeof name === 'string' && name !== '' && name.length <= 1024) return;
  throw badField(at, 'a name', describeValue(name), 'see the metadata of the model');
}

function flag(value: unknown, at: string): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw badField(at, 'true or false', describeValue(value), 'leave it out for JSON');
}

function objectAt(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw badField(at, 'a map', describeValue(value), 'see /openapi.json');
}

function refuseUnknown(fields: Fields, known: readonly string[], at: string): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const next = near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
    throw badField(at === '' ? 'request' : at, 'known fields', describeValue(name), next);
  }
}

/** The value of JSON in UTF-8. However deep it nests: V8 parses without recursion, and nothing here descends further than a shape. @throws RequestProblem */
export function parseJson(bytes: Uint8Array, field = 'body'): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badField(field, 'JSON in UTF-8', 'other bytes', 'is Inference-Header-Content-Length missing?');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const next = /\b(?:NaN|Infinity)\b/.test(text)
      ? 'JSON has no NaN or Infinity: send the tensor binary, or clean the data'
      : 'check the syntax';
    const why = text.trim() === '' ? 'nothing' : `a syntax error (${(cause as Error).message.slice(0, 120)})`;
    throw badField(field, 'JSON', why, next);
  }
}
