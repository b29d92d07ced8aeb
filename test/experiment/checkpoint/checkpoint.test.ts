// Checkpoint files: they come back to the bit, and no damage to any byte of one goes unseen.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { CheckpointError } from '../../../src/errors.ts';
import { decodeCheckpoint } from '../../../src/experiment/checkpoint/checkpoint.ts';
import { readCheckpoint, writeCheckpoint } from '../../../src/experiment/checkpoint/checkpointFile.ts';
import { nodeFileHost } from '../../../src/experiment/fileHost.ts';
import { varpoolVersion } from '../../../src/experiment/provenance.ts';
import { NewerFormatError } from '../../../src/files/tensors/formatVersion.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../src/files/tensors/safetensors.ts';
import { writeSafetensors } from '../../../src/files/tensors/safetensorsFile.ts';
import { madeState } from '../../support/states.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-checkpoint-'));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'checkpoint.safetensors');
const KERNELS = 'ab'.repeat(32);
const ONE_LINE = /^[^\n\r\0\u2028]*expected [^\n\r\0\u2028]+, got [^\n\r\0\u2028]+ — [^\n\r\0\u2028]+$/u;

/** What reading these bytes, or the file as it is, is refused with. */
function refusal(bytes: Uint8Array | null = null): CheckpointError {
  try {
    if (bytes === null) readCheckpoint(path);
    else decodeCheckpoint(decodeSafetensors(bytes, path), path, nodeFileHost);
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(ONE_LINE);
    return error as CheckpointError;
  }
  throw new Error('expected an error, got a checkpoint');
}

function written(): Buffer {
  writeCheckpoint(path, madeState(17), KERNELS);
  return readFileSync(path);
}

test('a state comes back as it was, with where it was made', () => {
  for (const kernels of [KERNELS, null]) {
    const state = { ...madeState(17), epochLoss: -0 };
    writeCheckpoint(path, state, kernels);
    const found = readCheckpoint(path);
    expect(found).toEqual({ state, varpool: varpoolVersion(), kernels });
    expect(Object.is(found.state.epochLoss, -0)).toBe(true);
    expect(found.state.tensors[1].data.map((x) => 1 / x)[1]).toBe(-Infinity);
  }
});

test('any program that reads safetensors reads its tensors by name', () => {
  const { tensors, metadata } = decodeSafetensors(written(), 'c');
  expect(tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ['likelihood.rawScale', 'F64', [1]],
    ['layers.0.weight.mu', 'F32', [2, 1]],
    ['layers.0.weight.rho', 'F32', [2, 1]],
    ['layers.0.bias.mu', 'F32', [1]],
  ]);
  expect(metadata).toMatchObject({ format: 'varpool-checkpoint', formatVersion: '1', step: '17' });
});

test('a bit flipped anywhere, and a file cut anywhere, is seen', () => {
  const whole = written();
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 1 << (at % 8);
    refusal(bytes);
  }
  for (let size = 0; size < whole.length; size += 7) refusal(whole.subarray(0, size));
  refusal(Buffer.concat([whole, Buffer.of(0)]));
  expect(readCheckpoint(path).state).toEqual(madeState(17));
});

test('numbers that were changed with care, in metadata or tensors, do not pass', () => {
  const whole = decodeSafetensors(written(), 'c');
  const metadata = { ...whole.metadata, step: '18' };
  writeSafetensors(path, whole.tensors, metadata);
  expect(refusal().message).toMatch(
    /expected SHA-256 "[0-9a-f]{60}…", got [0-9a-f]{64} — the file is damaged$/,
  );
  whole.tensors[3].data[0] = 0.2;
  writeSafetensors(path, whole.tensors, whole.metadata);
  expect(refusal().message).toContain('expected SHA-256');
});

test('what is no checkpoint, or one of a later version, is refused as such', () => {
  const whole = decodeSafetensors(written(), 'c');
  const other = (change: Record<string, string>) =>
    Buffer.concat(encodeSafetensors(whole.tensors, { ...whole.metadata, ...change }));
  expect(refusal(other({ format: 'varpool-posterior' })).message).toBe(
    `${path}: metadata: format: expected varpool-checkpoint, got "varpool-posterior" — is it a checkpoint?`,
  );
  const newer = refusal(other({ formatVersion: '2' }));
  expect(newer).toBeInstanceOf(NewerFormatError);
  expect(newer.message).toBe(
    `${path}: metadata: formatVersion: expected 1 or older, got 2 — use a newer varpool`,
  );
  expect(newer.code).toBe('VARPOOL_CHECKPOINT');
  expect(refusal(other({ formatVersion: 'x' }))).not.toBeInstanceOf(NewerFormatError);
  expect(refusal(Buffer.from('hello, I am a text file')).message).toMatch(/is it a safetensors file\?$/);
  rmSync(path);
  expect(refusal().message).toBe(`${path}: expected a safetensors file, got no such file — check the path`);
});

test('fuzz: any bytes give a checkpoint or one line', () => {
  const whole = written();
  const edit = fc.record({
    at: fc.nat(whole.length),
    drop: fc.nat(40),
    add: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let bytes: Uint8Array = whole;
      for (const { at, drop, add } of edits)
        bytes = Buffer.concat([bytes.subarray(0, at), add, bytes.subarray(at + drop)]);
      fc.pre(Buffer.compare(bytes, whole) !== 0);
      refusal(bytes);
    }),
    { numRuns: 1000 },
  );
});
