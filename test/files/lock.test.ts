// Locks of runs: one process at a time, also where the other is out of sight; what the dead leave behind is taken over once.

import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import {
  checkUnlocked,
  LOCK_NAME,
  lockRun,
  RunLock,
  removeDeadLock,
  STALE_MS,
} from '../../src/files/lock.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-lock-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(scratch, 'd-'));
  path = join(dir, LOCK_NAME);
});
afterEach(() => void vi.useRealTimers());

const own = () => {
  const lock = lockRun(dir);
  const holder = JSON.parse(readFileSync(path, 'utf8'));
  lock.release();
  return holder as { pid: number; began: string | null; host: string; space: string | null };
};
/** A lock that showed life that many milliseconds ago. */
function left(holder: object | string, age = 0): void {
  writeFileSync(path, typeof holder === 'string' ? holder : `${JSON.stringify(holder)}\n`);
  const at = new Date(Date.now() - age);
  utimesSync(path, at, at);
}
const DEAD = 999_999_999;

describe('a lock that is held', () => {
  test('keeps others out, is gone when it is released, and release() is idempotent', () => {
    const lock = lockRun(dir);
    const message = `${dir}: expected a run that is not in use, got one that process ${process.pid} is training — wait for it or end it`;
    expect(() => lockRun(dir)).toThrow(message);
    expect(() => checkUnlocked(dir)).toThrow(message);
    lock.release();
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
    lockRun(dir).release();
  });

  test('is let go of where its file cannot be closed: that loses nothing', () => {
    const fd = openSync(path, 'wx');
    const lock = new RunLock(path, fd);
    closeSync(fd);
    const warnings: string[] = [];
    lock.release((message) => warnings.push(message));
    expect(warnings).toHaveLength(1);
  });

  test('shows life now and then', () => {
    vi.useFakeTimers();
    const lock = lockRun(dir);
    const text = readFileSync(path, 'utf8');
    const long = new Date(Date.now() - 2 * STALE_MS);
    utimesSync(path, long, long);
    vi.advanceTimersByTime(STALE_MS / 2);
    expect(statSync(path).mtimeMs).toBeGreaterThan(long.getTime());
    expect(readFileSync(path, 'utf8')).toBe(text);
    lock.release();
  });

  test('that another process took over is noticed before a state is saved, and left to that one', () => {
    const lock = lockRun(dir);
    lock.check();
    rmSync(path);
    left({ ...own(), pid: 1 });
    expect(() => lock.check()).toThrow(CheckpointError);
    lock.release();
    expect(existsSync(path)).toBe(true);
  });
});

describe('a lock of a process out of sight', () => {
  const elsewhere: [string, (holder: ReturnType<typeof own>) => object][] = [
    ['another machine', (holder) => ({ ...holder, host: 'elsewhere', pid: 7 })],
    ['another machine of the same name', (holder) => ({ ...holder, began: 'other-boot 17', pid: 7 })],
    ['another container', (holder) => ({ ...holder, space: 'pid:[1]', pid: 7 })],
  ];
  test.each(process.platform === 'linux' ? elsewhere : elsewhere.slice(0, 1))(
    'on %s holds while it shows life, and not for ever',
    (_, other) => {
      const holder = other(own());
      left(holder);
      const refusal =
        /got one that process 7 on .* was training \d+ seconds ago — end it there; if it is gone, /;
      expect(() => lockRun(dir)).toThrow(refusal);
      expect(() => checkUnlocked(dir)).toThrow(refusal);
      expect(readdirSync(dir)).toEqual([LOCK_NAME]);
      left(holder, 2 * STALE_MS);
      checkUnlocked(dir);
      lockRun(dir).release();
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test('half a lock holds as long', () => {
    left('{"pid":1');
    expect(() => lockRun(dir)).toThrow(/got one that a process was training \d+ seconds ago/);
    left('{"pid":1', 2 * STALE_MS);
    lockRun(dir).release();
  });
});

describe('a lock of a process of this machine', () => {
  test('that is no more holds nothing, however fresh', () => {
    left({ ...own(), pid: DEAD });
    lockRun(dir).release();
    // As older versions wrote it.
    left({ pid: DEAD, began: null, host: hostname() });
    lockRun(dir).release();
  });

  test('is removed where its process is no more, and left where it is not known', () => {
    left({ ...own(), pid: DEAD });
    removeDeadLock(dir);
    expect(existsSync(path)).toBe(false);
    removeDeadLock(dir);
    for (const holder of [{ ...own(), host: 'elsewhere' }, '{"pid":1'] as const) {
      left(holder);
      removeDeadLock(dir);
      expect(existsSync(path)).toBe(true);
      rmSync(path);
    }
    const lock = lockRun(dir);
    removeDeadLock(dir);
    lock.check();
    lock.release();
  });

  test.runIf(process.platform === 'linux')('that is a zombie holds nothing', async () => {
    // The shell becomes a sleep that never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const pid = Number(await new Promise<Buffer>((next) => parent.stdout.once('data', next)));
      const fields = () => {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      };
      while (fields()[0] !== 'Z') await new Promise((next) => setTimeout(next, 5));
      const holder = own();
      left({ ...holder, pid, began: `${holder.began?.split(' ')[0]} ${fields()[19]}` });
      lockRun(dir).release();
    } finally {
      parent.kill();
    }
  });

  test('is taken over by one process at a time', async () => {
    const program = `
      import { openSync, rmSync, closeSync, writeFileSync } from 'node:fs';
      import { lockRun } from ${JSON.stringify(resolve('dist/files/lock.js'))};
      let taken = 0;
      while (taken < 20) {
        try {
          lockRun(${JSON.stringify(dir)});
        } catch (error) {
          if (!/is not in use/.test(error.message)) throw error;
          continue;
        }
        closeSync(openSync('held', 'wx'));
        rmSync('held');
        taken++;
        // Dies, as it were.
        writeFileSync(${JSON.stringify(path)}, JSON.stringify({ pid: ${DEAD}, began: null, host: ${JSON.stringify(hostname())}, n: process.pid + taken / 1000 }));
      }
      console.log(taken);
      process.exit();`;
    const ends = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: scratch });
        let out = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (out += part));
        const status = await new Promise((next) => child.on('close', next));
        return { status, out };
      }),
    );
    expect(ends).toEqual(ends.map(() => ({ status: 0, out: '20\n' })));
  }, 60_000);
});

test('what is in the way is reported in one line', () => {
  mkdirSync(path);
  expect(() => lockRun(dir)).toThrow(
    new CheckpointError(`${path}: expected a lock file, got a directory — remove it`),
  );
});
