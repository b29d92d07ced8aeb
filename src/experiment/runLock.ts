// One process at a time works on a run: a lock file says which. A process that was killed leaves its lock behind, and the next one
// sees that nobody holds it any more.

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { oneLine } from './configProblems.ts';
import { fileProblem } from './fileProblems.ts';

export const LOCK_NAME = '.varpool.lock';

interface Holder {
  readonly pid: number;
  /** When the process began, where the system tells: a process number is used again one day. */
  readonly began: string | null;
  readonly host: string;
}

/** A held lock; letting go twice is nothing. */
export class RunLock {
  #held = true;

  constructor(readonly path: string) {}

  release(): void {
    if (this.#held) rmSync(this.path, { force: true });
    this.#held = false;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Takes the lock of a run directory. One left by a process that is no more, or by another machine (which nobody can ask), is taken over.
 * @throws CheckpointError when another process of this machine works on the run, or the lock cannot be written
 */
export function lockRun(dir: string): RunLock {
  const path = join(dir, LOCK_NAME);
  for (let tries = 0; ; tries++) {
    checkUnlocked(dir);
    if (tries > 0) rmSync(path, { force: true });
    try {
      const fd = openSync(path, 'wx');
      try {
        writeSync(fd, JSON.stringify(self()));
      } finally {
        closeSync(fd);
      }
      return new RunLock(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && tries < 3) continue;
      throw fileProblem(CheckpointError, path, 'a file that can be written', 'write', cause);
    }
  }
}

/** @throws CheckpointError when another process works on the run */
export function checkUnlocked(dir: string): void {
  const holder = readHolder(join(dir, LOCK_NAME));
  if (holder === null || !isAlive(holder)) return;
  throw new CheckpointError(
    oneLine(
      `${dir}: expected a run that nobody works on, got one that process ${holder.pid} is training — wait for it or end it`,
    ),
  );
}

function self(): Holder {
  return { pid: process.pid, began: beginningOf(process.pid), host: hostname() };
}

function readHolder(path: string): Holder | null {
  try {
    const { pid, began, host } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || typeof host !== 'string') return null;
    return { pid: pid as number, began: began ?? null, host };
  } catch {
    return null; // Not there, or torn by the kill that left it: nobody's.
  }
}

function isAlive({ pid, began, host }: Holder): boolean {
  if (host !== hostname() || pid <= 0) return false;
  // In a container every first process has number 1: then the beginning tells this one from the one before.
  if (began !== beginningOf(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Clock ticks from the machine's start to the process's, with the machine's start; null where /proc does not tell. */
function beginningOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks and parentheses of its own.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${ticks}`;
  } catch {
    return null;
  }
}
