// A directory in the system's folder of temporary files, for as long as the process that made it works in it. Those of processes that
// were killed go with the next one that is made.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { fileProblem } from './fileProblems.ts';
import { LOCK_NAME, lockRun } from './lock.ts';

export class ScratchDirectory {
  readonly #top: string;
  readonly #lock: { release(): void };
  /** To work in. */
  readonly dir: string;

  /** @throws CheckpointError if it cannot be made */
  constructor(prefix: string, parent: string = tmpdir()) {
    const start = join(parent, prefix);
    removeLeft(prefix, parent);
    try {
      this.#top = mkdtempSync(start);
      this.#lock = lockRun(this.#top);
      this.dir = join(this.#top, 'run');
      mkdirSync(this.dir);
    } catch (cause) {
      if (cause instanceof CheckpointError) throw cause;
      throw fileProblem(CheckpointError, `${start}…`, 'a directory that can be made', 'write', cause);
    }
  }

  remove(): void {
    this.#lock.release();
    rmSync(this.#top, { recursive: true, force: true });
  }
}

/** Removes what dead processes of this user left. One without a lock is being made, or was never used. */
function removeLeft(prefix: string, parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      const top = join(parent, name);
      if (!name.startsWith(prefix) || !isOwn(top) || !readdirSync(top).includes(LOCK_NAME)) continue;
      removeUnlocked(top);
    }
  } catch {
    // Directories that cannot be inspected here are left alone.
  }
}

function isOwn(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && (process.getuid === undefined || stat.uid === process.getuid());
}

function removeUnlocked(top: string): void {
  try {
    lockRun(top).release();
  } catch (error) {
    if (error instanceof CheckpointError) return; // It is in use.
    throw error;
  }
  rmSync(top, { recursive: true, force: true });
}
