// Files in a browser: the bytes and the digest of Node, whole or not at all, and errors that name the call.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FileHandle, load, posteriorBytes, save } from '../../src/browser/files.ts';
import { CheckpointError } from '../../src/errors.ts';
import * as node from '../../src/index.ts';
import { smallProblem } from '../support/problems.ts';

const { model, data, options } = smallProblem('gaussian', 2);
await using runtime = node.createRuntime({ workers: 1, backend: 'wasm', seed: 'file' });
const posterior = await runtime.train(model, data, { ...options, epochs: 1 });

/** A file handle whose content is what was closed last. */
class FakeHandle implements FileHandle {
  readonly name = 'kept.safetensors';
  content = new Uint8Array(0);

  constructor(readonly refusal: Error | null = null) {}

  async getFile(): Promise<Blob> {
    return new Blob([this.content]);
  }

  async createWritable() {
    let written = new Uint8Array(0);
    return {
      write: async (data: Uint8Array<ArrayBuffer>) => {
        if (this.refusal !== null) throw this.refusal;
        written = data;
      },
      close: async () => void (this.content = written),
      abort: async () => undefined,
    };
  }
}

test('a file has the bytes and the digest of Node, and comes back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'varpool-browser-files-'));
  try {
    const path = join(dir, 'posterior.safetensors');
    const digest = node.save(path, posterior);
    const handle = new FakeHandle();
    expect(await save(handle, posterior)).toBe(digest);
    expect(Buffer.from(handle.content).equals(readFileSync(path))).toBe(true);
    expect(Buffer.from(posteriorBytes(posterior)).equals(readFileSync(path))).toBe(true);
    expect(await load(handle)).toEqual(posterior);
    expect(load(handle.content)).toEqual(posterior);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a file that cannot be written is named and stays as it was', async () => {
  const handle = new FakeHandle(new Error('the disk is full'));
  const error = await save(handle, posterior).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CheckpointError);
  expect(String(error)).toContain(
    'kept.safetensors: expected a file that can be written, got Error: the disk is full',
  );
  expect(handle.content).toHaveLength(0);
});

test('a posterior that is none is refused by the call it was given to', async () => {
  const none = {} as never;
  await expect(save(new FakeHandle(), none)).rejects.toThrow(/^save: /);
  expect(() => posteriorBytes(none)).toThrow(/^posteriorBytes: /);
});
