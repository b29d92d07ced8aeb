// An ensemble in a file: the same members come back, the digest is that of their bytes in a row, damage is reported in one line.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ensemble } from '../../../src/core/posterior.ts';
import { ensembleOf } from '../../../src/core/posteriors/ensembleOf.ts';
import { CheckpointError } from '../../../src/errors.ts';
import {
  anyPosteriorDigest,
  loadAnyPosterior,
  loadPosterior,
  posteriorDigest,
  saveAnyPosterior,
  savePosterior,
} from '../../../src/experiment/posterior/saved.ts';
import type { Tensor } from '../../../src/files/tensors/safetensors.ts';
import { readSafetensors, writeSafetensors } from '../../../src/files/tensors/safetensorsFile.ts';
import { createRuntime } from '../../../src/node.ts';
import { smallProblem } from '../../support/problems.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-ensemble-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, 'posterior.safetensors');
let ensemble: Ensemble;
let digest: string;
beforeAll(async () => {
  await using runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'file' });
  const { model, data, options } = smallProblem('gaussian', 2);
  const two = await runtime.trainEnsemble(model, data, { ...options, epochs: 2, members: 2 });
  const other = smallProblem('gaussian', 2);
  const plain = await runtime.train(other.model, other.data, { epochs: 1, standardize: 'none', seed: 'x' });
  ensemble = ensembleOf([two, plain]);
  digest = saveAnyPosterior(path, ensemble);
});

test('members come back as they were, to the bit, units and seeds included', () => {
  expect(loadAnyPosterior(path)).toEqual(ensemble);
});

test('the digest is that of the data section, which is that of the members one after the other', () => {
  const bytes = readFileSync(path);
  const header = Number(bytes.readBigUInt64LE(0));
  expect(digest).toBe(
    createHash('sha256')
      .update(bytes.subarray(8 + header))
      .digest('hex'),
  );
  expect(anyPosteriorDigest(ensemble)).toBe(digest);
  const joined = createHash('sha256');
  for (const [m, member] of ensemble.members.entries()) {
    const own = join(dir, `member${m}.safetensors`);
    expect(savePosterior(own, member)).toBe(posteriorDigest(member));
    const file = readFileSync(own);
    joined.update(file.subarray(8 + Number(file.readBigUInt64LE(0))));
  }
  expect(joined.digest('hex')).toBe(digest);
});

test('the checksum covers the metadata of every member', () => {
  const damaged = join(dir, 'damaged');
  const whole = readFileSync(path);
  const header = 8 + Number(whole.readBigUInt64LE(0));
  const digits = [...whole.subarray(0, header).entries()].filter(([, byte]) => byte >= 0x30 && byte <= 0x39);
  expect(digits.length).toBeGreaterThan(100);
  for (const [at] of digits) {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 1;
    writeFileSync(damaged, bytes);
    expect(() => loadAnyPosterior(damaged), `byte ${at}`).toThrow(CheckpointError);
  }
});

test('a single posterior is written and read as ever', () => {
  const [member] = ensemble.members;
  const [a, b] = [join(dir, 'a'), join(dir, 'b')];
  expect(saveAnyPosterior(a, member)).toBe(savePosterior(b, member));
  expect(readFileSync(a)).toEqual(readFileSync(b));
  expect(loadAnyPosterior(a)).toEqual(member);
  expect(anyPosteriorDigest(member)).toBe(posteriorDigest(member));
});

test('a reader of one posterior names what it got; readers without ensembles stop at the version', () => {
  expect(() => loadPosterior(path)).toThrow(
    /expected one posterior, got an ensemble of 3 — load it as an ensemble$/,
  );
  expect(readSafetensors(path).metadata.formatVersion).toBe('2');
});

describe('damage', () => {
  const damaged = (
    change: (file: { metadata: Record<string, string>; tensors: Tensor[] }) => void,
  ): (() => unknown) => {
    const { metadata, tensors } = readSafetensors(path);
    const file = { metadata: { ...metadata }, tensors: [...tensors] };
    change(file);
    const other = join(dir, 'damaged');
    writeSafetensors(other, file.tensors, file.metadata);
    return () => loadAnyPosterior(other);
  };

  test.each<[string, (file: { metadata: Record<string, string>; tensors: Tensor[] }) => void, RegExp]>([
    [
      'a later version',
      ({ metadata }) => void (metadata.formatVersion = '3'),
      /formatVersion: expected 2 or older, got 3 — use a newer varpool$/,
    ],
    [
      'a count that is none',
      ({ metadata }) => void (metadata.members = '-1'),
      /members: expected a count, got "-1"/,
    ],
    [
      'fewer members',
      ({ metadata }) => void (metadata.members = '2'),
      /tensors of 2 members in their order, got an extra tensor "members\.2\./,
    ],
    [
      'more members',
      ({ metadata }) => void (metadata.members = '4'),
      /members\.3: metadata: seed: expected a value, got nothing/,
    ],
    [
      'members out of order',
      ({ tensors }) => void tensors.reverse(),
      /members in their order, got "members\.1\..+" out of order/,
    ],
    [
      'a tensor of none',
      ({ tensors }) => void tensors.push({ ...tensors[0], name: 'layers.0.weight.mu' }),
      /got an extra tensor "layers\.0\.weight\.mu"/,
    ],
    [
      'a missing tensor',
      ({ tensors }) => void tensors.splice(2, 1),
      /members\.0: layers\.0\.bias\.mu: expected a tensor, got nothing/,
    ],
    [
      'a missing field',
      ({ metadata }) => void delete metadata['members.1.model'],
      /members\.1: metadata: model: expected a value, got nothing/,
    ],
    [
      'members that do not go together',
      ({ metadata, tensors }) => {
        metadata['members.2.likelihood'] = '{"kind":"bernoulli"}';
        tensors.splice(
          tensors.findIndex(({ name }) => name === 'members.2.likelihood.scale'),
          1,
        );
      },
      /ensembleOf: expected likelihood gaussian as in member 0, got bernoulli in member 2/,
    ],
    [
      'a number that is none',
      ({ tensors }) => {
        tensors[3] = { ...tensors[3], data: (tensors[3].data as Float32Array).map(() => Number.NaN) };
      },
      /members\.0: layers\.0\.bias\.rho\[0\]: expected a finite number, got NaN/,
    ],
  ])('%s', (_, change, message) => {
    const load = damaged(change);
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(message);
    expect(load).toThrow(/^[^\n]+ — [^\n]+$/);
  });

  test('a file cut short', () => {
    const cut = join(dir, 'cut');
    writeFileSync(cut, readFileSync(path).subarray(0, -4));
    expect(() => loadAnyPosterior(cut)).toThrow(CheckpointError);
  });

  test('members that do not go together are not written', () => {
    const [a, b] = ensemble.members;
    const broken = { ...ensemble, members: [a, { ...b, classNames: ['x'] }] };
    expect(() => saveAnyPosterior(join(dir, 'no'), broken)).toThrow(/classNames/);
  });
});
