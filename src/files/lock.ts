// One process at a time works on a run: a lock file says which, and a heartbeat shows that it is alive where its process cannot be
// looked up (on another machine, in another container). What a killed process leaves behind is taken over by one process, not by two.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { oneLine } from '../messages.ts';
import { fileProblem } from './fileProblems.ts';
import { type Holder, holderIn, lives, self } from './lockHolder.ts';

export const LOCK_NAME = '.varpool.lock';
/** Names of files that a lock is made or taken away with, for a moment. */
const PASSING = /^\.varpool\.lock\.[0-9a-f]{16}$/;
const BEAT_MS = 5_000;
/** A lock from elsewhere without a heartbeat for this long is stale. Much longer than a beat: disks hang and machines swap. */
export const STALE_MS = 60_000;

/** A held lock; release() is idempotent. */
export class RunLock {
  readonly #fd: number;
  readonly #beat: NodeJS.Timeout;
  #held = true;

  /** @param fd the lock file, open for writing */
  constructor(
    readonly path: string,
    fd: number,
  ) {
    this.#fd = fd;
    this.#beat = setInterval(() => this.#show(), BEAT_MS);
    this.#beat.unref();
  }

  /**
   * Call it before a state is saved.
   * @throws CheckpointError when another process took the run over, which it may where this one stood still for long
   */
  check(): void {
    if (!this.#held || this.#isOurs()) return;
    throw new CheckpointError(
      oneLine(
        `${this.path}: expected the lock of this process, got none or that of another — a second process works on this run: end one of the two`,
      ),
    );
  }

  /** @param warn called when the lock cannot be removed; the next process sees that it is no longer held */
  release(warn: (message: string) => void = () => undefined): void {
    if (!this.#held) return;
    this.#held = false;
    clearInterval(this.#beat);
    try {
      if (this.#isOurs()) rmSync(this.path, { force: true });
    } catch (cause) {
      warn((cause instanceof CheckpointError ? cause : removalProblem(this.path, cause)).message);
    } finally {
      close(this.#fd);
    }
  }

  /** @throws CheckpointError where the system does not say */
  #isOurs(): boolean {
    try {
      return isFile(this.path, this.#fd);
    } catch (cause) {
      throw fileProblem(CheckpointError, this.path, 'a lock that can be read', 'read', cause);
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** Writes the last byte again, for the time of the file: that of the file system, whatever the clocks of machines say. */
  #show(): void {
    try {
      writeSync(this.#fd, '\n', fstatSync(this.#fd).size - 1);
    } catch {
      // If the disk refuses this, the next save fails and reports it.
    }
  }
}

/**
 * Takes the lock of a run directory. One left by a process that has ended is taken over, also one of another machine or container when
 * it has shown no heartbeat for a minute.
 * @throws CheckpointError when another process works on the run, or the lock cannot be written
 */
export function lockRun(dir: string): RunLock {
  const path = join(dir, LOCK_NAME);
  for (;;) {
    const found = readLock(path);
    if (found !== null) {
      refuseLiving(dir, found);
      takeAway(dir, found);
    }
    const lock = tryLock(dir, path);
    if (lock !== null) {
      removePassing(dir, path);
      return lock;
    }
  }
}

/** @throws CheckpointError when another process works on the run */
export function checkUnlocked(dir: string): void {
  const found = readLock(join(dir, LOCK_NAME));
  if (found !== null) refuseLiving(dir, found);
}

/** Removes a lock whose process is known to have ended: one that could not be removed on release. */
export function removeDeadLock(dir: string): void {
  const found = readLock(join(dir, LOCK_NAME));
  if (found?.holder && lives(found.holder) === false) takeAway(dir, found);
}

/** Whether the name is that of a lock, or of a file that a kill left while it was made. */
export function isLockName(name: string): boolean {
  return name === LOCK_NAME || PASSING.test(name);
}

function passingName(): string {
  return `${LOCK_NAME}.${randomBytes(8).toString('hex')}`;
}

/** Removes files that are older than any that another process needs at this moment; what the system keeps is tried again next time. */
function removePassing(dir: string, lock: string): void {
  try {
    const { mtimeMs: now } = statSync(lock);
    for (const name of readdirSync(dir)) {
      if (!PASSING.test(name)) continue;
      const file = statSync(join(dir, name), { throwIfNoEntry: false });
      if (file !== undefined && now - file.mtimeMs > STALE_MS) discard(join(dir, name));
    }
  } catch {
    // They do no harm.
  }
}

/** Removes a passing file; one that stays is removed by a later start. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It holds nothing, and its name is its own.
  }
}

interface FoundLock {
  readonly path: string;
  /** Null where it cannot be read: torn by a power cut, or of a later version. */
  readonly holder: Holder | null;
  readonly text: string;
  readonly modified: number;
}

function readLock(path: string): FoundLock | null {
  try {
    const stat = statSync(path);
    if (stat.isDirectory())
      throw new CheckpointError(oneLine(`${path}: expected a lock file, got a directory — remove it`));
    const { mtimeMs } = stat;
    const text = readFileSync(path, 'utf8');
    return { path, holder: holderIn(text), text, modified: mtimeMs };
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileProblem(CheckpointError, path, 'a lock that can be read', 'read', cause);
  }
}

function refuseLiving(dir: string, { path, holder, modified }: FoundLock): void {
  const known = holder === null ? null : lives(holder);
  if (known === false) return;
  const expected = `${dir}: expected a run that is not in use, got one that`;
  if (known === true) {
    throw new CheckpointError(
      oneLine(`${expected} process ${holder?.pid} is training — wait for it or end it`),
    );
  }
  const age = Math.max(0, now(dir) - modified);
  if (age >= STALE_MS) return;
  const who = holder === null ? 'a process' : `process ${holder.pid} on ${holder.host}`;
  throw new CheckpointError(
    oneLine(
      `${expected} ${who} was training ${Math.round(age / 1000)} seconds ago — end it there; if it is gone, try again in a minute or remove ${path}`,
    ),
  );
}

/** The time by the clock of the file system, which made the times of the lock; else that of this machine. */
function now(dir: string): number {
  const probe = join(dir, passingName());
  try {
    const fd = openSync(probe, 'wx');
    try {
      return fstatSync(fd).mtimeMs;
    } finally {
      closeSync(fd);
      discard(probe);
    }
  } catch {
    return Date.now(); // A read-only directory: no lock is taken here either.
  }
}

/** Takes a dead lock out of the way. Of several processes that try, one gets it; a lock that was taken meanwhile is put back. */
function takeAway(dir: string, { path, text }: FoundLock): void {
  const aside = join(dir, passingName());
  try {
    renameSync(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw removalProblem(path, cause);
  }
  try {
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path);
  } catch {
    // Where it cannot be put back, its holder finds out before it saves (RunLock.check).
  } finally {
    discard(aside);
  }
}

/** Null when another process was quicker. */
function tryLock(dir: string, path: string): RunLock | null {
  const temporary = join(dir, passingName());
  let fd: number | null = null;
  try {
    fd = openSync(temporary, 'wx');
    // The mark tells this lock from an earlier one of the same process.
    writeSync(fd, `${JSON.stringify({ ...self(), mark: randomBytes(8).toString('hex') })}\n`);
    // Whole from the first moment: half a lock would look like one that is not held.
    link(temporary, path);
    return new RunLock(path, fd);
  } catch (cause) {
    if (fd !== null) close(fd);
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw fileProblem(CheckpointError, path, 'a file that can be written', 'write', cause);
  } finally {
    discard(temporary);
  }
}

/** Closes a lock file. An error loses nothing: what the lock says was read while it was held, or never. */
function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The descriptor is gone all the same (POSIX leaves it unspecified, Linux and macOS free it).
  }
}

/** A second name, or where the file system has none, a rename, which replaces a lock that came in between. */
function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw cause;
    if (statSync(to, { throwIfNoEntry: false })) throw Object.assign(new Error(to), { code: 'EEXIST' });
    renameSync(from, to);
  }
}

/** Whether this is the file that is open. */
function isFile(path: string, fd: number): boolean {
  const [there, own] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there !== undefined && there.ino === own.ino && there.dev === own.dev;
}

function removalProblem(path: string, cause: unknown): Error {
  return fileProblem(CheckpointError, path, 'a lock that can be removed', 'write', cause);
}
