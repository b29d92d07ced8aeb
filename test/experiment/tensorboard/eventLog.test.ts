// Event files as they grow: what is in them, that a resumed training voids what it repeats, and that TensorBoard itself reads
// them. For the last: VARPOOL_PYTHON=… names a Python that has tensorboard (pip install tensorboard); without one they are skipped.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { diagnosePosterior } from '../../../src/core/diagnostics/diagnosePosterior.ts';
import { EVENT_FILE, EventLog } from '../../../src/experiment/tensorboard/eventLog.ts';
import { frameRecord } from '../../../src/experiment/tensorboard/tfRecord.ts';
import type { TrainingReport } from '../../../src/scheduler/training/reports.ts';

const made: string[] = [];
function directory(): string {
  made.push(mkdtempSync(join(tmpdir(), 'varpool-events-')));
  return made.at(-1) as string;
}
afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

const layer = (mu: number[], rho: number[]) => ({ mu: Float32Array.from(mu), rho: Float32Array.from(rho) });
const found = diagnosePosterior({
  model: {
    inputSize: 3,
    outputSize: 1,
    layers: [{ name: 'output', inputSize: 3, outputSize: 1, activation: 'identity' }],
    prior: { kind: 'gaussian', sigma: 1 },
  },
  likelihood: { kind: 'bernoulli' },
  layers: [{ weight: layer([1, -1, 0.5], [-5, -4, 0]), bias: layer([0.25], [-3]) }],
  noiseScale: null,
  standardization: { features: null, targets: null },
  classNames: null,
  seed: 's',
});

/** An epoch of 10 steps. */
function report(epoch: number, life = 0): TrainingReport {
  return {
    epoch,
    step: 10 * epoch,
    elbo: -epoch - life / 100,
    nll: epoch / 2,
    kl: Number.NaN,
    learningRate: 0.5,
    validation: epoch % 2 === 0 ? { rows: 7, draws: 3, nll: 0.25, error: 0.125 } : null,
    seconds: epoch,
    ...(epoch === 2 ? { diagnostics: { ...found, baselineNll: 1, warnings: [] } } : {}),
  };
}

function write(dir: string, first: number, last: number, life = 0): void {
  const log = new EventLog(dir);
  for (let epoch = first; epoch <= last; epoch++) log.append(report(epoch, life));
  log.close();
}
const filesOf = (dir: string) => readdirSync(dir).sort();

/** The records of a file; each frame has to be the one that frameRecord makes of its data. */
function records(path: string): Uint8Array[] {
  const file = readFileSync(path);
  const all: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(Buffer.from(frameRecord(data)).equals(file.subarray(at, at + 16 + length))).toBe(true);
    all.push(data);
    at += 16 + length;
  }
  return all;
}

/** Fields of a message by number; nested messages and packed lists stay bytes. */
function fields(data: Uint8Array): Map<number, (number | bigint | Uint8Array)[]> {
  const reader = new BinaryReader(data);
  const all = new Map<number, (number | bigint | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === 0
        ? reader.int64()
        : type === 1
          ? reader.double()
          : type === 5
            ? reader.float()
            : reader.bytes();
    all.set(number, [...(all.get(number) ?? []), value as number]);
  }
  return all;
}
const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);

describe('a file', () => {
  const dir = directory();
  write(dir, 1, 2);
  const [name] = filesOf(dir);
  const events = records(join(dir, name)).map(fields);

  test('has the name that TensorBoard looks for and begins with the version of the format', () => {
    expect(name).toMatch(EVENT_FILE);
    expect(name).toContain('tfevents');
    expect(text(events[0].get(3)?.[0])).toBe('brain.Event:2');
    expect(events).toHaveLength(3);
  });

  test('has every number of an epoch under its step, and none that is not finite', () => {
    const scalars = (event: (typeof events)[number]) =>
      fields(event.get(5)?.[0] as Uint8Array)
        .get(1)!
        .map((value) => fields(value as Uint8Array))
        .filter((value) => value.has(2))
        .map((value) => [text(value.get(1)?.[0]), value.get(2)?.[0]]);
    expect(Number(events[1].get(2)?.[0])).toBe(10);
    expect(scalars(events[1])).toEqual([
      ['training/elbo', -1],
      ['training/nll', 0.5],
      ['training/learningRate', 0.5],
      ['training/epoch', 1],
      ['training/seconds', 1],
    ]);
    const second = Object.fromEntries(scalars(events[2]));
    expect(second).toMatchObject({ 'validation/nll': 0.25, 'validation/error': 0.125 });
    expect(second['kl/all']).toBeCloseTo(found.all.kl, 4);
    expect(second['collapsed/layers.0']).toBe(0);
    expect(Object.keys(second).filter((tag) => /klShare|smoothed|rows|draws/.test(tag))).toEqual([]);
  });

  test('has histograms whose buckets hold every weight', () => {
    const values = fields(events[2].get(5)?.[0] as Uint8Array)
      .get(1)!
      .map((value) => fields(value as Uint8Array));
    const snr = values.find((value) => text(value.get(1)?.[0]) === 'snr/all')!;
    const histogram = fields(snr.get(5)?.[0] as Uint8Array);
    const doubles = (field: number) => {
      const bytes = histogram.get(field)?.[0] as Uint8Array;
      return [...new Float64Array(Uint8Array.from(bytes).buffer)];
    };
    const { from, counts } = found.all.snrHistogram;
    expect(doubles(7)).toEqual([0, ...counts]);
    expect(doubles(6)).toEqual([from, ...counts.map((_, i) => from + 2 * (i + 1))]);
    expect([1, 2, 3].map((field) => histogram.get(field)?.[0])).toEqual([from, from + 2 * counts.length, 4]);
  });
});

describe('a training that resumes', () => {
  test('starts a file that comes after the others and voids what they hold from its first step on', () => {
    const dir = directory();
    write(dir, 1, 3);
    write(dir, 3, 4);
    write(dir, 4, 5);
    const names = filesOf(dir);
    expect(names).toHaveLength(3);
    expect([...names].sort()).toEqual(names);
    const starts = names.map((name) =>
      records(join(dir, name))
        .map(fields)
        .filter((event) => event.has(7)),
    );
    expect(starts.map((found) => found.map((event) => Number(event.get(2)?.[0])))).toEqual([[], [30], [40]]);
    expect(Number(fields(starts[1][0].get(7)?.[0] as Uint8Array).get(1)?.[0])).toBe(1);
  });

  test('comes after the others even when the clock was set back', () => {
    const dir = directory();
    write(dir, 1, 1);
    const [before] = filesOf(dir);
    vi.useFakeTimers({ now: Date.UTC(2001, 1, 3), toFake: ['Date'] });
    write(dir, 2, 2);
    vi.useRealTimers();
    expect(filesOf(dir)[0]).toBe(before);
    expect(filesOf(dir)).toHaveLength(2);
  });

  test('a directory that cannot be written is an error that names it', () => {
    const dir = join(directory(), 'gone');
    expect(() => new EventLog(dir).append(report(1))).toThrow(
      /gone: expected a file that can be written, got/,
    );
  });
});

const PYTHON = process.env.VARPOOL_PYTHON ?? 'python3';
const reader = spawnSync(PYTHON, ['-c', 'import tensorboard'], { encoding: 'utf8' });

describe.skipIf(reader.status !== 0)('TensorBoard itself', () => {
  const SCRIPT = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'histograms': 0})
a.Reload()
tags = a.Tags()
print(json.dumps({
  'scalars': {t: [[e.step, e.value] for e in a.Scalars(t)] for t in tags['scalars']},
  'histograms': {t: [[e.step, list(e.histogram_value.bucket_limit), list(e.histogram_value.bucket)] for e in a.Histograms(t)] for t in tags['histograms']},
}))`;
  const read = (dir: string) => {
    const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', SCRIPT, dir], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as {
      scalars: Record<string, [number, number][]>;
      histograms: Record<string, [number, number[], number[]][]>;
    };
  };

  test('reads every scalar and histogram', () => {
    const dir = directory();
    write(dir, 1, 4);
    const { scalars, histograms } = read(dir);
    expect(scalars['training/elbo']).toEqual([
      [10, -1],
      [20, -2],
      [30, -3],
      [40, -4],
    ]);
    expect(scalars['validation/error']).toEqual([
      [20, 0.125],
      [40, 0.125],
    ]);
    expect(scalars['training/kl']).toBeUndefined();
    const { from, counts } = found.all.snrHistogram;
    expect(histograms['snr/all']).toEqual([
      [20, [from, ...counts.map((_, i) => from + 2 * (i + 1))], [0, ...counts]],
    ]);
    expect(Object.keys(histograms).sort()).toEqual([
      'sigma/all',
      'sigma/layers.0',
      'snr/all',
      'snr/layers.0',
    ]);
  });

  test('passes over a torn record, and forgets what a resumed training does again', () => {
    const dir = directory();
    write(dir, 1, 5);
    const path = join(dir, filesOf(dir)[0]);
    truncateSync(path, readFileSync(path).length - 3);
    write(dir, 3, 6, 1);
    const steps = read(dir).scalars['training/elbo'];
    const wanted = [-1, -2, -3.01, -4.01, -5.01, -6.01];
    expect(steps.map(([step]) => step)).toEqual([10, 20, 30, 40, 50, 60]);
    for (const [i, [, value]] of steps.entries()) expect(value).toBeCloseTo(wanted[i], 5);
  });

  test('would see a flipped bit: the checksums are the ones it computes', () => {
    const dir = directory();
    write(dir, 1, 2);
    const path = join(dir, filesOf(dir)[0]);
    const file = readFileSync(path);
    const first = Number(file.readBigUInt64LE(0)) + 16;
    file[first + 14] ^= 4;
    writeFileSync(path, file);
    expect(read(dir).scalars).toEqual({});
  });
});
