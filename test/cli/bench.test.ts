// varpool bench as a user runs it, at sizes that take seconds. No time is asserted, only that what was asked for was measured and said.

import { describe, expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();

interface Row {
  name: string;
  size: string;
  backend: string;
  workers: number;
  ms: { median: number; min: number; max: number; rounds: number };
  gflops: number;
  gbs: number;
  distance: number;
  nsPerElement: number | null;
  step: { pass: number; finish: number; wait: number; team: number } | null;
}

describe('varpool bench', () => {
  test('measures everything on one and two threads', () => {
    const ended = varpool(dir, 'bench', '--tiny', '--json', '--backend', 'wasm', '--workers', '1,2');
    expect(ended.stderr).toMatch(/^warming up\nround 1 of 2\nround 2 of 2\n$/);
    expect(ended.status).toBe(0);
    const { rows, peaks, beside } = jsonOf(ended) as unknown as {
      rows: Row[];
      peaks: { backend: string; workers: number; gflops: number; gbs: number }[];
      beside: { seconds: number };
    };
    expect(new Set(rows.map(({ name }) => name)).size).toBe(7);
    expect(peaks.map(({ backend, workers }) => `${backend} ${workers}`)).toEqual(['wasm 1', 'wasm 2']);
    expect(beside.seconds).toBeGreaterThan(0);
    for (const { ms, gflops, gbs, distance, size, ...row } of rows) {
      expect(ms.rounds, size).toBe(2);
      expect(ms.min).toBeGreaterThan(0);
      expect(ms.min <= ms.median && ms.median <= ms.max).toBe(true);
      expect(gbs).toBeGreaterThan(0);
      expect(gflops > 0 || row.name === 'stream').toBe(true);
      expect(distance).toBeGreaterThan(0);
      expect(row.step === null).toBe(row.name !== 'step');
      expect(row.nsPerElement === null).toBe(['gemm', 'step', 'draw'].includes(row.name));
    }
    // The best product of the sweep is the limit, so none is beyond it.
    // Its distance is a quotient of itself, up to the rounding of either rate.
    for (const { workers } of peaks) {
      const gemms = rows.filter((row) => row.name === 'gemm' && row.workers === workers);
      expect(Math.min(...gemms.map(({ distance }) => distance))).toBeCloseTo(1, 12);
    }
    // A network of a few dozen weights is not worth a second worker.
    expect(rows.filter(({ name }) => name === 'step').map(({ step }) => step!.team)).toEqual([1, 1]);
  });

  test('says it in tables', () => {
    const ended = varpool(dir, 'bench', '--tiny', '--backend', 'wasm', '--workers', '1', '--rounds', '1');
    expect(ended.status).toBe(0);
    for (const title of [
      'limits:',
      'gemm:',
      'normals:',
      'perturb:',
      'optimizer:',
      'stream:',
      'step:',
      'draw:',
    ])
      expect(ended.stdout).toContain(`\n${title}`);
    expect(ended.stdout).toMatch(/load [\d.]+ before, [\d.]+ after/);
  });

  test('measures what is named, of the network that is given', () => {
    const words = ['--tiny', '--json', '--quiet', '--backend', 'auto', '--workers', '1', '--rounds', '1'];
    const ended = varpool(
      dir,
      'bench',
      'step',
      'normals',
      ...words,
      '--sizes',
      '4-8-2',
      '--batch',
      '16',
      '--draws',
      '2',
    );
    expect([ended.stderr, ended.status]).toEqual(['', 0]);
    const { rows } = jsonOf(ended) as unknown as { rows: Row[] };
    expect(rows.map(({ name, size }) => `${name} ${size}`)).toEqual(['step 4-8-2 B=16 S=2', 'normals 64']);
  });

  test.each([
    [['stp'], /^varpool: bench: expected the name of a measurement, got "stp" — did you mean step\?\n$/],
    [['--rounds', '0'], /^varpool: --rounds: expected a whole number from 1 to 10000, got "0" — /],
    [['--workers', '1,x'], /^varpool: --workers: expected a whole number from 1 to 64, got "x" — /],
    [
      ['--sizes', '784'],
      /^varpool: --sizes: expected inputs, hidden layers and outputs such as 13,50,1, got/,
    ],
    [['--batch', '8'], /^varpool: --batch: expected --sizes with it, got none — /],
    [['--backend', 'cuda'], /^varpool: backend: expected auto or one of .*, got cuda — /],
  ])('refuses %j in one line', (words, line) => {
    const ended = varpool(dir, 'bench', ...words);
    expect(ended.stderr).toMatch(line);
    expect(ended.stderr.trimEnd().split('\n').length).toBe(1);
    expect([ended.stdout, ended.status]).toEqual(['', 2]);
  });
});
