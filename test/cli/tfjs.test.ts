// --backend tfjs on the command line: what was found is said, that its digest promises nothing too, and what to do without it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { CURVE, jsonOf, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
writeConfig(dir, 'curve.yaml', CURVE);
afterEach(() => vi.unstubAllEnvs());

const manifest = (run: string) => JSON.parse(readFileSync(join(dir, run, 'manifest.json'), 'utf8'));

test('train: the manifest and the table say what multiplied and that the digest is not promised', () => {
  const ended = varpool(
    dir,
    'train',
    'curve.yaml',
    '--backend',
    'tfjs',
    '--workers',
    '2',
    '--quiet',
    '--out',
    'a',
    '--json',
  );
  expect(ended.status, ended.stderr).toBe(0);
  const result = jsonOf(ended);
  expect(result).toMatchObject({ backend: 'tfjs', reproducible: false });
  expect(manifest('a')).toMatchObject({
    status: 'finished',
    backend: 'tfjs',
    backendNote: expect.stringMatching(/^@tensorflow\/tfjs/),
    reproducible: false,
    kernels: { wasm: expect.stringMatching(/^[0-9a-f]{64}$/) },
    posteriorDigest: result.posteriorDigest,
  });
  const said = varpool(dir, 'train', 'curve.yaml', '--backend', 'tfjs', '--quiet', '--out', 'said');
  expect(said.stdout).toMatch(/^backend +tfjs: @tensorflow\/tfjs/m);
  expect(said.stdout).toMatch(/[0-9a-f]{64} \(not reproducible\)/);
  // TensorFlow.js neither greets nor warns; varpool tells that so short a training covers too few rows.
  expect(ended.stderr).toMatch(/^(varpool: warning: a: the (NLL|90 % intervals) [^\n]+\n)*$/);
  const predicted = varpool(dir, 'evaluate', 'a', '--backend', 'tfjs', '--json');
  expect(predicted.status, predicted.stderr).toBe(0);
});

test('train with wasm: a manifest that promises its digest', () => {
  const ended = varpool(dir, 'train', 'curve.yaml', '--backend', 'wasm', '--out', 'b', '--json');
  expect(ended.status, ended.stderr).toBe(0);
  expect(jsonOf(ended)).toMatchObject({ reproducible: true });
  expect(manifest('b')).toMatchObject({ backend: 'wasm', reproducible: true });
  expect(manifest('b').backendNote).toBeUndefined();
  expect(ended.stdout).not.toContain('not reproducible');
});

test('doctor: which package was found, and that auto does not pick it', () => {
  const ended = varpool(dir, 'doctor', '--json');
  expect(ended.status, ended.stderr).toBe(0);
  const { backends, auto } = jsonOf(ended) as { backends: Array<{ name: string }>; auto: string };
  const note = expect.stringMatching(
    /^@tensorflow\/tfjs.+ \(.+\); not reproducible, so auto never picks it$/,
  );
  expect(backends).toContainEqual({ name: 'tfjs', ok: true, reason: null, note });
  expect(auto).not.toBe('tfjs');
  expect(varpool(dir, 'doctor').stdout).toMatch(
    /^backend tfjs +available: @tensorflow\/tfjs.+ not reproducible/m,
  );
});

test('without a package: status 2 and one line, and doctor gives the reason', () => {
  vi.stubEnv('VARPOOL_TFJS', '@tensorflow/none');
  const ended = varpool(dir, 'train', 'curve.yaml', '--backend', 'tfjs', '--out', 'c');
  expect(ended).toMatchObject({ status: 2, stdout: '' });
  expect(ended.stderr).toMatch(/^.*backend: expected tfjs to be available, got tfjs: no package at .+\n$/);
  const told = jsonOf(varpool(dir, 'doctor', '--json')) as { backends: unknown };
  expect(told.backends).toContainEqual({
    name: 'tfjs',
    ok: false,
    reason: expect.stringContaining('no package at VARPOOL_TFJS=@tensorflow/none'),
  });
});
