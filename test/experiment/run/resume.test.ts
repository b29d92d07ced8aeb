// A run directory that resumes: cut short at any epoch it ends as the uninterrupted run, and what no longer belongs together is
// refused before anything is changed.

import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { KERNEL_EPOCH } from '../../../src/backend/kernelEpoch.ts';
import { CheckpointError, ConfigError, DataError } from '../../../src/errors.ts';
import type { Manifest } from '../../../src/experiment/manifest/manifest.ts';
import type { TrainRunOptions } from '../../../src/experiment/run/train.ts';
import { decodeSafetensors } from '../../../src/files/tensors/safetensors.ts';
import { writeSafetensors } from '../../../src/files/tensors/safetensorsFile.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';

type System = typeof import('node:fs');
/** What writing to files throws in place of writing. */
const disk = vi.hoisted(() => ({ fails: null as null | ((path: number | string) => void) }));
vi.mock('node:fs', async (original) => {
  const real = await original<System>();
  const writeSync = (...args: Parameters<System['writeSync']>) => {
    disk.fails?.(args[0]);
    return real.writeSync(...args);
  };
  return { ...real, writeSync };
});
const { parseConfig } = await import('../../../src/experiment/config/config.ts');
const { readCheckpoint } = await import('../../../src/experiment/checkpoint/checkpointFile.ts');
const { configRecord } = await import('../../../src/experiment/manifest/configRecord.ts');
const { openResume } = await import('../../../src/experiment/run/resume.ts');
const { createRun, openRun, RunWriter } = await import('../../../src/experiment/run/directory.ts');
const { prepareRun } = await import('../../../src/experiment/run/data.ts');
const { lockRun } = await import('../../../src/files/lock.ts');
const { trainRun } = await import('../../../src/experiment/run/train.ts');

const scratch = mkdtempSync(join(tmpdir(), 'varpool-resume-'));
const data = join(scratch, 'data.csv');
const rows = Array.from({ length: 50 }, (_, i) => `${i / 10},${(i * 7) % 11},${((i * i) % 23) / 3}\n`);
const CONFIG = `seed: s
data: { kind: csv, path: data.csv, testFraction: 0.2, validation: 5 }
model: { hiddenSizes: [6] }
training: { epochs: 30, batchSize: 8, optimizer: { kind: adam, learningRate: 0.01 }, schedule: { kind: cosine } }
checkpoint: { everySteps: 7 }
prediction: { draws: 8 }
`;
const PER_EPOCH = 5;
let runtime: Runtime;
let whole: { manifest: Manifest; metrics: unknown[] };

beforeAll(async () => {
  runtime = createRuntime({ workers: 1, backend: 'wasm' });
  writeFileSync(data, `a,b,y\n${rows.join('')}`);
  const dir = join(scratch, 'whole');
  const { manifest } = await trainRun(prepared(), runtime, createRun(dir));
  whole = { manifest, metrics: timeless(dir) };
  expect(whole.metrics).toHaveLength(30);
});
afterAll(async () => {
  await runtime.close();
  rmSync(scratch, { recursive: true });
});

let dir: string;
let warnings: string[];
const warn = (message: string) => void warnings.push(message);
beforeEach(() => {
  dir = join(mkdtempSync(join(scratch, 'd-')), 'run');
  warnings = [];
});

const prepared = (text = CONFIG) =>
  prepareRun(parseConfig(text, join(scratch, 'config.yaml')), 'config.yaml');
const timeless = (at: string) =>
  openRun(at)
    .metrics()
    .map(({ seconds: _, ...rest }) => rest);
const path = (name: string) => join(dir, name);
const setManifest = (change: object) => {
  const manifest = JSON.parse(readFileSync(path('manifest.json'), 'utf8'));
  writeFileSync(path('manifest.json'), JSON.stringify({ ...manifest, ...change }));
};

/** Trains and stops after an epoch, as an interrupt does. */
async function cutShort(epoch: number, text = CONFIG): Promise<void> {
  const controller = new AbortController();
  const onEpoch = (report: { epoch: number }) =>
    report.epoch === epoch && controller.abort(new Error('stop'));
  const options = { signal: controller.signal, onEpoch } as unknown as TrainRunOptions;
  await expect(trainRun(prepared(text), runtime, createRun(dir), options)).rejects.toThrow('stop');
}

/** Resumes to the end and compares the run with the uninterrupted one. */
async function finish(more: TrainRunOptions = {}) {
  const point = await openResume(dir, warn);
  if ('finished' in point) throw new Error('expected a run to resume, got a finished one');
  const trained = await trainRun(point.prepared, runtime, point.run, {
    onWarning: warn,
    ...more,
    resume: point,
  });
  const { manifest } = openRun(dir);
  expect(manifest).toEqual(trained.manifest);
  expect(manifest.posteriorDigest).toBe(whole.manifest.posteriorDigest);
  expect(manifest).toMatchObject({ status: 'finished', steps: 150, epochs: 30, test: whole.manifest.test });
  expect(timeless(dir)).toEqual(whole.metrics);
  expect(
    trained.reports.map(({ seconds: _, learningRate: __, validation, ...rest }) => ({ ...rest, validation })),
  ).toEqual(whole.metrics);
  return { point, trained, manifest };
}

async function refusal(
  type: typeof CheckpointError | typeof ConfigError | typeof DataError = CheckpointError,
): Promise<string> {
  const names = readdirSync(dir).sort();
  const error = await openResume(dir, warn).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(type);
  expect(readdirSync(dir).sort(), 'nothing is changed').toEqual(names);
  return (error as Error).message;
}

describe('a run cut short', () => {
  test.each([1, 4, 17, 29])('in epoch %i ends as the uninterrupted run', async (epoch) => {
    await cutShort(epoch);
    const { manifest } = openRun(dir);
    expect(manifest).toMatchObject({ status: 'interrupted', posteriorDigest: null });
    expect(manifest.steps).toBeGreaterThanOrEqual(epoch * PER_EPOCH);
    const { point, trained, manifest: done } = await finish();
    expect(point.points[0].found?.state.step).toBe(manifest.steps);
    expect(warnings).toEqual([]);
    expect(done.resumptions).toEqual([
      {
        at: expect.any(String),
        step: manifest.steps,
        varpool: manifest.varpool,
        backend: 'wasm',
        workers: 1,
        node: process.versions.node,
      },
    ]);
    expect(done.startedAt).toBe(manifest.startedAt);
    expect(done.wallSeconds).toBeGreaterThan(manifest.wallSeconds);
    const seconds = openRun(dir)
      .metrics()
      .map((line) => line.seconds as number);
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
    expect(trained.reports.every(({ learningRate }) => learningRate > 0 && learningRate <= 0.01)).toBe(true);
    expect(trained.reports[0].learningRate).toBeGreaterThan(trained.reports[29].learningRate);
  });

  test('several times resumes several times', async () => {
    await cutShort(3);
    for (const epoch of [9, 20]) {
      const point = await openResume(dir, warn);
      if ('finished' in point) throw new Error('finished');
      const controller = new AbortController();
      const onEpoch = (report: { epoch: number }) =>
        void (report.epoch === epoch && controller.abort(new Error('stop')));
      const options = { signal: controller.signal, onEpoch, resume: point };
      await expect(trainRun(point.prepared, runtime, point.run, options)).rejects.toThrow('stop');
    }
    const { manifest } = await finish();
    expect(manifest.resumptions).toHaveLength(3);
  });

  test('before its first checkpoint begins at step 0', async () => {
    const run = createRun(dir);
    const options = {
      onEpoch: () => {
        throw new Error('killed');
      },
    };
    await expect(trainRun(prepared(), runtime, run, options)).rejects.toThrow('killed');
    setManifest({ status: 'running', endedAt: null });
    // An error saves the state that can be gone on from, a kill does not.
    expect(readCheckpoint(path('checkpoint.safetensors')).state.step).toBe(0);
    rmSync(path('checkpoint.safetensors'));
    expect(openRun(dir).metrics()).toHaveLength(1);
    const { point } = await finish();
    expect(point.points[0].found).toBeNull();
  });

  test('while it was measured is measured only, unless its posterior is damaged', async () => {
    const measure = () => Promise.reject(new Error('killed'));
    await expect(trainRun(prepared(), runtime, createRun(dir), { measure })).rejects.toThrow('killed');
    setManifest({ status: 'running', endedAt: null });
    cpSync(dir, `${dir}-2`, { recursive: true });
    const steps: number[] = [];
    const onProgress = ({ step }: { step: number }) => void steps.push(step);
    const { point } = await finish({ onProgress });
    expect(point.posterior).not.toBeNull();
    expect(steps).toEqual([]);
    dir = `${dir}-2`;
    const bytes = readFileSync(path('posterior.safetensors'));
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path('posterior.safetensors'), bytes);
    const again = await finish({ onProgress });
    expect(again.point.posterior).toBeNull();
    expect(warnings).toHaveLength(1);
    expect(steps.length).toBeGreaterThan(0);
  });

  test('by a kill that left a torn line, an unfinished file and a lock', async () => {
    await cutShort(6);
    setManifest({ status: 'running', endedAt: null });
    appendFileSync(path('metrics.jsonl'), '{"epoch":7,"step":35,"el');
    writeFileSync(path('.varpool-0123456789abcdef.tmp'), 'half');
    const long = new Date(Date.now() - 3_600_000);
    writeFileSync(
      path('.varpool.lock'),
      JSON.stringify({ pid: 2 ** 22 + 1, began: null, host: 'elsewhere' }),
    );
    utimesSync(path('.varpool.lock'), long, long);
    await finish();
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('with whole lines of epochs after the checkpoint: they are done again, not twice told', async () => {
    await cutShort(6);
    const step = openRun(dir).manifest.steps;
    const lines = readFileSync(join(scratch, 'whole/metrics.jsonl'), 'utf8').split('\n');
    writeFileSync(
      path('metrics.jsonl'),
      lines
        .slice(0, 12)
        .map((line) => `${line}\n`)
        .join(''),
    );
    expect(step).toBeLessThan(12 * PER_EPOCH);
    await finish();
    expect(warnings).toEqual([]);
  });

  test('with its metrics deleted: resumes, with a warning of the gap', async () => {
    await cutShort(6);
    rmSync(path('metrics.jsonl'));
    const point = await openResume(dir, warn);
    if ('finished' in point) throw new Error('finished');
    const { posteriorDigest } = await trainRun(point.prepared, runtime, point.run, {
      onWarning: warn,
      resume: point,
    });
    expect(posteriorDigest).toBe(whole.manifest.posteriorDigest);
    expect(warnings).toEqual([
      expect.stringMatching(
        /metrics\.jsonl: expected \d+ epochs before step \d+, got 0 — resuming without the others$/,
      ),
    ]);
    expect(timeless(dir)).toEqual(whole.metrics.slice(-timeless(dir).length));
  });

  test('with a damaged line in its metrics: resumes with the others, and says which is lost', async () => {
    await cutShort(6);
    const bytes = readFileSync(path('metrics.jsonl'));
    // In the second line, a byte that is not UTF-8.
    bytes[bytes.indexOf(0x0a) + 10] = 0xff;
    writeFileSync(path('metrics.jsonl'), bytes);
    const point = await openResume(dir, warn);
    if ('finished' in point) throw new Error('finished');
    const resume = { onWarning: warn, resume: point };
    const { posteriorDigest } = await trainRun(point.prepared, runtime, point.run, resume);
    expect(posteriorDigest).toBe(whole.manifest.posteriorDigest);
    expect(warnings).toEqual([
      expect.stringMatching(
        /metrics\.jsonl: line 2: expected UTF-8 text, got other bytes — .*; its epoch is missing from now on$/,
      ),
      expect.stringMatching(/expected \d+ epochs before step \d+, got \d+ — resuming without the others$/),
    ]);
    expect(timeless(dir)).toEqual(whole.metrics.filter((_, i) => i !== 1));
  });

  test('with its newest checkpoint damaged: from the one before, with a warning', async () => {
    await cutShort(8);
    const bytes = readFileSync(path('checkpoint.safetensors'));
    writeFileSync(path('checkpoint.safetensors'), bytes.subarray(0, bytes.length / 2));
    const { point } = await finish();
    expect(point.points[0].found!.state.step % 7).toBe(0);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /checkpoint\.safetensors: .*; resuming from .*checkpoint-\d{9}\.safetensors$/,
    );
  });
});

describe('is not gone on with', () => {
  test('a finished run, which is handed back', async () => {
    dir = join(scratch, 'whole');
    const point = await openResume(dir, warn);
    expect('finished' in point && point.finished.manifest.posteriorDigest).toBe(
      whole.manifest.posteriorDigest,
    );
  });

  test('a run that diverged', async () => {
    await cutShort(2);
    setManifest({ status: 'diverged' });
    expect(await refusal()).toBe(
      `${dir}: expected a run that was cut short, got one that diverged — it would diverge again: train another with a lower learning rate`,
    );
  });

  test('a run that a living process works on', async () => {
    await cutShort(2);
    using _lock = lockRun(dir);
    const busy = `${dir}: expected a run that is not in use, got one that process ${process.pid} is training — wait for it or end it`;
    expect(await refusal()).toBe(busy);
    expect(() => createRun(dir, { force: true })).toThrow(busy);
    await expect(trainRun(prepared(), runtime, new RunWriter(dir))).rejects.toThrow(busy);
  });

  test('with data that changed', async () => {
    await cutShort(2);
    try {
      writeFileSync(data, `a,b,y\n${rows.join('').replace('4.9', '4.8')}`);
      expect(await refusal(DataError)).toMatch(
        /data\.csv: expected the file of the run \(835 bytes, \[50, 3\], sha256 [0-9a-f]{16}…\), got another content \(.+\) — put the old file back, or train a run on the new one$/,
      );
    } finally {
      writeFileSync(data, `a,b,y\n${rows.join('')}`);
    }
    await finish();
  });

  test.each([
    ['batchSize: 8', 'batchSize: 9', 'training.batchSize: expected 8 as in manifest.json, got 9'],
    [
      'hiddenSizes: \\[6\\]',
      'hiddenSizes: [7]',
      'model.hiddenSizes[0]: expected 6 as in manifest.json, got 7',
    ],
    ['seed: s', 'seed: t', 'seed: expected "s" as in manifest.json, got "t"'],
    ['epochs: 30', 'epochs: 40', 'training.epochs: expected 30 as in manifest.json, got 40'],
    ['validation: 5', 'validation: 6', 'data.validation: expected 5 as in manifest.json, got 6'],
  ])('with a config in which %s became %s', async (was, is, message) => {
    await cutShort(2);
    const before = readFileSync(path('config.yaml'), 'utf8');
    const edited = before.replace(new RegExp(was), is);
    expect(edited).not.toBe(before);
    writeFileSync(path('config.yaml'), edited);
    const metrics = readFileSync(path('metrics.jsonl'));
    expect(await refusal(ConfigError)).toBe(
      `${path('config.yaml')}: ${message} — restore it, or train the edited config as a run of its own`,
    );
    expect(readFileSync(path('metrics.jsonl'))).toEqual(metrics);
    writeFileSync(path('config.yaml'), before);
    await finish();
  });

  test('with a state that its config could not have led to', async () => {
    await cutShort(2);
    const before = readFileSync(path('config.yaml'), 'utf8');
    writeFileSync(path('config.yaml'), before.replace('batchSize: 8', 'batchSize: 9'));
    setManifest({ config: configRecord(readFileSync(path('config.yaml'), 'utf8')) });
    const point = await openResume(dir, warn);
    if ('finished' in point) throw new Error('finished');
    const kept = readFileSync(path('checkpoint.safetensors'));
    await expect(trainRun(point.prepared, runtime, point.run, { resume: point })).rejects.toThrow(
      /^resume: expected a state with batchSize 9, got 8/,
    );
    expect(readFileSync(path('checkpoint.safetensors'))).toEqual(kept);
  });

  test('with kernels of another epoch', async () => {
    await cutShort(2);
    setManifest({ kernelEpoch: 1 });
    expect(await refusal()).toMatch(
      /manifest\.json: kernelEpoch: expected \d+ \(this varpool's\), got 1 — digests differ between epochs: resume with varpool .+, or train its config\.yaml again$/,
    );
    setManifest({ kernelEpoch: KERNEL_EPOCH });
    await finish();
  });

  test('with a checkpoint of a later format, or only damaged ones', async () => {
    await cutShort(2);
    const whole = readFileSync(path('checkpoint.safetensors'));
    const { tensors, metadata } = decodeSafetensors(whole, 'c');
    writeSafetensors(path('checkpoint.safetensors'), tensors, { ...metadata, formatVersion: '9' });
    expect(await refusal()).toMatch(/formatVersion: expected 1 or older, got 9 — use a newer varpool$/);
    for (const name of readdirSync(dir)) if (name.startsWith('checkpoint')) writeFileSync(path(name), 'no');
    expect(await refusal()).toMatch(/: delete the checkpoints to begin at the first step$/);
  });

  test('what is no run', async () => {
    await expect(openResume(join(dir, 'none'), warn)).rejects.toThrow(
      'expected a run directory, got nothing there',
    );
  });
});

describe('is gone on with, and a warning,', () => {
  test('with other kernels of the same epoch, in the manifest or in the checkpoint', async () => {
    await cutShort(2);
    const { kernels } = openRun(dir).manifest;
    setManifest({ kernels: { ...kernels, sources: '0'.repeat(64) } });
    await finish();
    expect(warnings).toEqual([
      expect.stringMatching(
        /: begun with other sources of the kernels, 0{16}…, resuming with [0-9a-f]{16}… of the same kernel epoch, \d+$/,
      ),
    ]);
  });

  test('with a config edited in what decides no bit', async () => {
    await cutShort(2);
    const before = readFileSync(path('config.yaml'), 'utf8');
    const edited = before.replace('everySteps: 7', 'everySteps: 9');
    expect(edited).not.toBe(before);
    writeFileSync(path('config.yaml'), edited);
    await finish();
    expect(warnings).toEqual([`${path('config.yaml')}: edited since the run, in nothing that decides a bit`]);
  });
});

describe('a full disk', () => {
  const full = () => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };

  test('while a checkpoint is saved: one line, the checkpoint before is kept, and with room again the run resumes', async () => {
    let saves = 0;
    const onCheckpoint = () => {
      if (++saves === 3) disk.fails = full;
    };
    try {
      await expect(trainRun(prepared(), runtime, createRun(dir), { onCheckpoint })).rejects.toThrow(
        /^.*: expected a file that can be written, got no space left on the disk — free some or choose another disk$/,
      );
    } finally {
      disk.fails = null;
    }
    expect(openRun(dir).manifest.status).toBe('running');
    const { point } = await finish();
    expect(point.points[0].found?.state.step).toBe(21);
  });

  test('at an interrupt is reported instead of the interrupt, for nothing was saved', async () => {
    const controller = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => {
      if (epoch !== 4) return;
      controller.abort(new Error('stop'));
      disk.fails = full;
    };
    const interrupted = trainRun(prepared(), runtime, createRun(dir), {
      signal: controller.signal,
      onEpoch,
    } as never);
    await expect(interrupted.finally(() => (disk.fails = null))).rejects.toBeInstanceOf(CheckpointError);
    const { point } = await finish();
    expect(point.points[0].found?.state.step).toBe(14);
  });
});

test('a run made anew in the place of another keeps none of its checkpoints', async () => {
  await cutShort(8);
  expect(readdirSync(dir).filter((name) => name.startsWith('checkpoint'))).toHaveLength(2);
  createRun(dir, { force: true });
  expect(readdirSync(dir)).toEqual([]);
});
