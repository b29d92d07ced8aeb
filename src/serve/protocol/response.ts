// The answer to an inference request: JSON alone, or JSON with binary tensors behind it.

import type { OutputTensor } from '../models/outputs.ts';
import { badField } from '../problem.ts';
import { writeTexts } from './datatypes.ts';

export interface Encoded {
  readonly body: Buffer;
  /** Bytes of JSON before the tensors; null where all is JSON. */
  readonly headerLength: number | null;
}

export interface Answer {
  readonly model: string;
  readonly version: string;
  readonly id: string | null;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly outputs: readonly { readonly tensor: OutputTensor; readonly binary: boolean }[];
}

/** @throws RequestProblem for numbers JSON cannot hold */
export function encodeAnswer({ model, version, id, parameters, outputs }: Answer): Encoded {
  const tail: Buffer[] = [];
  const parts = outputs.map(({ tensor, binary }) => {
    const { name, shape, datatype } = tensor;
    const head = `{"name":${JSON.stringify(name)},"shape":[${shape.join(',')}],"datatype":"${datatype}"`;
    if (!binary) return `${head},"data":${jsonData(tensor)}}`;
    const bytes = bytesOf(tensor.values);
    tail.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const json = Buffer.from(
    `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)},` +
      `${id === null ? '' : `"id":${JSON.stringify(id)},`}"parameters":${JSON.stringify(parameters)},"outputs":[${parts.join(',')}]}`,
  );
  if (tail.length === 0) return { body: json, headerLength: null };
  return { body: Buffer.concat([json, ...tail]), headerLength: json.length };
}

/** Row-major and flat; every number reads back as the same float64 (or float32). */
function jsonData({ name, values, shape }: OutputTensor): string {
  if (!ArrayBuffer.isView(values)) return JSON.stringify(values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const row = Math.floor(bad / (values.length / shape[0]));
    const got = `${values[bad]} in row ${row}`;
    throw badField(`outputs: ${name}`, 'finite numbers, as JSON holds', got, 'ask for binary_data');
  }
  return JSON.stringify(Array.from(values));
}

function bytesOf(values: OutputTensor['values']): Buffer {
  if (!ArrayBuffer.isView(values)) return writeTexts(values);
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
