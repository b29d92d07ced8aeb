// Shared by the tests of src/data: a directory that goes away, IDX bytes, and what every data error must look like.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { DataError } from '../../src/errors.ts';

/** A new directory for the files of one test file. */
export function scratch(): { dir: string; put: (name: string, content: string | Uint8Array) => string } {
  const dir = mkdtempSync(join(tmpdir(), 'varpool-data-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const put = (name: string, content: string | Uint8Array): string => {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  return { dir, put };
}

/** The message of the DataError that `run` throws, checked for the form all of them have; anything else fails the test. */
export function messageOf(run: () => unknown): string {
  let error: unknown = null;
  let result: unknown;
  try {
    result = run();
  } catch (caught) {
    error = caught;
  }
  if (error === null) expect.fail(`expected a DataError, got ${JSON.stringify(result)?.slice(0, 200)}`);
  assertDataError(error);
  return error.message;
}

/** Asserts a DataError of one line in the form `<where>: expected <what>, got <what> — <next step>`. */
export function assertDataError(error: unknown): asserts error is DataError {
  if (!(error instanceof DataError)) throw error;
  expect(error.code).toBe('VARPOOL_DATA');
  expect(error.message).toMatch(/^[^\p{Cc}\p{Cs}\u2028\u2029]+: expected .+, got .+ — .+$/u);
  expect(error.message.length).toBeLessThan(700);
}

/** messageOf without the directory of the file, which differs from run to run. */
export function messageIn(dir: string, run: () => unknown): string {
  return messageOf(run).replaceAll(`${dir}/`, '');
}

const WRITERS = {
  8: [1, (b: Buffer, v: number, at: number) => b.writeUInt8(v, at)],
  9: [1, (b: Buffer, v: number, at: number) => b.writeInt8(v, at)],
  11: [2, (b: Buffer, v: number, at: number) => b.writeInt16BE(v, at)],
  12: [4, (b: Buffer, v: number, at: number) => b.writeInt32BE(v, at)],
  13: [4, (b: Buffer, v: number, at: number) => b.writeFloatBE(v, at)],
  14: [8, (b: Buffer, v: number, at: number) => b.writeDoubleBE(v, at)],
} as const;

export type IdxTypeCode = keyof typeof WRITERS;

/** An IDX file, written down independently of the reader. */
export function idxBytes(type: IdxTypeCode, shape: readonly number[], values: ArrayLike<number>): Buffer {
  const [size, write] = WRITERS[type];
  const head = 4 + 4 * shape.length;
  const bytes = Buffer.alloc(head + size * values.length);
  bytes.set([0, 0, type, shape.length]);
  shape.forEach((n, d) => {
    bytes.writeUInt32BE(n, 4 + 4 * d);
  });
  for (let i = 0; i < values.length; i++) write(bytes, values[i], head + size * i);
  return bytes;
}
