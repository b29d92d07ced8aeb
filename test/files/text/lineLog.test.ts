// Files of lines on a disk that runs full: what is there stays readable and can be written on, in metrics and in the results of a sweep.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { CheckpointError } from '../../../src/errors.ts';

type System = typeof import('node:fs');
/** How many bytes there is room for, while set; a call that wants more writes what fits, the next one fails. */
const disk = vi.hoisted(() => ({ room: null as number | null, cuts: true, closes: true }));
vi.mock('node:fs', async (original) => {
  const real = await original<System>();
  const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const writeSync = (fd: number, bytes: Uint8Array, from = 0, length = bytes.length - from) => {
    if (disk.room === null) return real.writeSync(fd, bytes, from, length);
    if (disk.room === 0) throw full();
    const fits = Math.min(length, disk.room);
    disk.room -= fits;
    return real.writeSync(fd, bytes, from, fits);
  };
  const ftruncateSync = (fd: number, size: number) => {
    if (!disk.cuts) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    real.ftruncateSync(fd, size);
  };
  const closeSync = (fd: number) => {
    real.closeSync(fd);
    if (!disk.closes) throw Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' });
  };
  return { ...real, writeSync, ftruncateSync, closeSync };
});
const { keepLines, LineLog, readLines } = await import('../../../src/files/text/lineLog.ts');
const { SweepDirectory, readResults } = await import('../../../src/experiment/sweep/directory.ts');

const dir = mkdtempSync(join(tmpdir(), 'varpool-lines-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => {
  disk.room = null;
  disk.cuts = true;
  disk.closes = true;
});
const FULL =
  /: expected a file that can be written, got no space left on the disk — free some or choose another disk$/;

test('a log that the system cannot close says so, once', () => {
  const log = new LineLog(join(dir, 'unclosed'));
  log.append('first');
  disk.closes = false;
  expect(() => log.close()).toThrow(
    /unclosed: expected a file that can be written, got a system error \(EIO\) — /,
  );
  log.close();
});

describe('a line that does not fit', () => {
  test.each([0, 1, 5])('leaves the file as it was, with room for %i of its bytes', (room) => {
    const path = join(dir, 'log');
    rmSync(path, { force: true });
    using log = new LineLog(path);
    log.append('first');
    disk.room = room;
    expect(() => log.append('second line')).toThrow(FULL);
    expect(readFileSync(path, 'utf8')).toBe('first\n');
    disk.room = null;
    log.append('third');
    expect(readFileSync(path, 'utf8')).toBe('first\nthird\n');
  });

  test('is never followed by another, even where it could not be cut off at once', () => {
    const path = join(dir, 'stuck');
    using log = new LineLog(path);
    log.append('first');
    disk.room = 3;
    disk.cuts = false;
    expect(() => log.append('second')).toThrow(CheckpointError);
    disk.room = null;
    expect(() => log.append('third')).toThrow(CheckpointError);
    disk.cuts = true;
    log.append('fourth');
    expect(readFileSync(path, 'utf8')).toBe('first\nfourth\n');
  });
});

test('damaged lines are left out and reported by number, bytes that are no UTF-8 included', () => {
  const path = join(dir, 'damaged');
  writeFileSync(
    path,
    Buffer.concat(['a\n', 'bad\n', Buffer.of(0xff, 0x0a), 'c\n', 'torn'].map((part) => Buffer.from(part))),
  );
  const parse = (line: Uint8Array, where: string) => {
    const text = Buffer.from(line).toString();
    if (text.length === 1 && text !== '\ufffd') return text;
    throw new CheckpointError(`${where}: no`);
  };
  const told: string[] = [];
  const kept = readLines(path, { expected: 'lines', parse, onDamage: (message) => void told.push(message) });
  expect(kept.map(({ value }) => value)).toEqual(['a', 'c']);
  expect(told).toEqual([`${path}: line 2: no`, `${path}: line 3: no`]);
  expect(() => readLines(path, { expected: 'lines', parse })).toThrow(`${path}: line 2: no`);
  keepLines(path, kept);
  expect(readFileSync(path, 'utf8')).toBe('a\nc\n');
  // The beginning of a file can be kept on a full disk too.
  disk.room = 0;
  keepLines(path, kept.slice(0, 1));
  expect(readFileSync(path, 'utf8')).toBe('a\n');
});

describe('results.jsonl of a sweep', () => {
  const result = (key: string) => ({
    key,
    setting: {},
    seed: 's',
    split: null,
    status: 'finished' as const,
    run: `cells/${key}`,
    posteriorDigest: null,
    validation: null,
    test: null,
    epochs: 1,
    epochKept: 1,
    seconds: 1,
    error: null,
  });
  const manifest = {
    formatVersion: 1 as const,
    varpool: '0',
    status: 'running' as const,
    kernels: null,
    kernelEpoch: 1,
    reproducible: true,
    data: [],
    wallSeconds: 0,
    startedAt: 'now',
    source: 'sweep.yaml',
  };

  test('of lanes that end one after the other on a full disk has whole lines only', () => {
    const at = join(dir, 'sweep');
    const directory = SweepDirectory.open(at);
    directory.writeManifest(manifest);
    directory.append(result('one'));
    disk.room = 20;
    expect(() => directory.append(result('two'))).toThrow(FULL);
    disk.room = null;
    directory.append(result('three'));
    directory.close();
    expect(readResults(join(at, 'results.jsonl')).map(({ key }) => key)).toEqual(['one', 'three']);
  });

  test('unfinished files of a killed start are gone with the next', () => {
    const at = join(dir, 'sweep');
    const left = join(at, '.varpool-0123456789abcdef.tmp');
    writeFileSync(left, 'half a table');
    SweepDirectory.open(at).close();
    expect(existsSync(left)).toBe(false);
  });

  test('and locks of cells that could not be removed', () => {
    const cell = join(dir, 'sweep', 'cells', 'one');
    mkdirSync(cell, { recursive: true });
    const lock = join(cell, '.varpool.lock');
    writeFileSync(lock, JSON.stringify({ pid: 4_194_305, began: null, host: hostname() }));
    SweepDirectory.open(join(dir, 'sweep')).close();
    expect(existsSync(lock)).toBe(false);
  });

  test('with half a line inside, as older versions left it: reported, left out, and gone from the file', () => {
    const at = join(dir, 'older');
    const first = SweepDirectory.open(at);
    first.writeManifest(manifest);
    first.append(result('one'));
    first.close();
    const path = join(at, 'results.jsonl');
    appendFileSync(path, `{"key":"ha${JSON.stringify(result('two'))}\n${JSON.stringify(result('three'))}\n`);
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    using again = SweepDirectory.open(at, { onWarning });
    expect(again.results.map(({ key }) => key)).toEqual(['one', 'three']);
    expect(warnings).toEqual([
      expect.stringMatching(/results\.jsonl: line 2: expected .*; training its cell again$/),
    ]);
    expect(readResults(path).map(({ key }) => key)).toEqual(['one', 'three']);
  });
});
