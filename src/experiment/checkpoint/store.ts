// The checkpoints of one training in a directory: NAME.safetensors is the newest, NAME-000000123.safetensors an older one by its
// step. At every instant of a save NAME.safetensors is there and whole; what a kill leaves behind is cleaned up by the next process.

import { copyFileSync, existsSync, linkSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { CheckpointError } from '../../errors.ts';
import { TEMPORARY_NAME } from '../../files/atomicFile.ts';
import { fileProblem } from '../../files/fileProblems.ts';
import { NewerFormatError } from '../../files/tensors/formatVersion.ts';
import { oneLine } from '../../messages.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readCheckpoint, writeCheckpoint } from './checkpointFile.ts';

/** Digits of a step in a file's name, so that names sort as steps do. */
const STEP_DIGITS = 9;
export const KEEP_CHECKPOINTS = 2;

export interface CheckpointStoreOptions {
  /** Files kept, the newest included; default 2. */
  readonly keep?: number;
  /** First part of the files' names; default `checkpoint`. */
  readonly name?: string;
}

/** A checkpoint that was found, and where. */
export interface FoundCheckpoint extends Checkpoint {
  readonly path: string;
}

export class CheckpointStore {
  readonly #keep: number;
  readonly #name: string;
  /** Step of the file called newest, while that is known to be good. */
  #newestStep: number | null = null;

  constructor(
    readonly dir: string,
    { keep = KEEP_CHECKPOINTS, name = 'checkpoint' }: CheckpointStoreOptions = {},
  ) {
    this.#keep = keep;
    this.#name = name;
  }

  /** Where the newest checkpoint is kept. */
  get path(): string {
    return join(this.dir, `${this.#name}.safetensors`);
  }

  /**
   * Makes a state the newest checkpoint; the one before becomes an older one, and the oldest beyond `keep` go.
   * @throws CheckpointError if it cannot be written: all checkpoints are then as they were
   */
  save(state: TrainingState, kernels: string | null): void {
    const before = this.#newestStep;
    if (before !== null && before !== state.step && this.#keep > 1) keepCopy(this.path, this.#pathOf(before));
    writeCheckpoint(this.path, state, kernels);
    this.#newestStep = state.step;
    this.#prune(state.step);
  }

  /**
   * The newest checkpoint that is whole, or null where there is none at all. `warn` is called for each newer one that is damaged.
   * @throws CheckpointError when all there are are damaged, or the newest is of a later format
   */
  newest(warn: (message: string) => void): FoundCheckpoint | null {
    const damaged: CheckpointError[] = [];
    for (const path of this.paths()) {
      try {
        const found = { ...readCheckpoint(path), path };
        for (const { message } of damaged) warn(`${message}; resuming from ${path}`);
        if (path === this.path) this.#newestStep = found.state.step;
        return found;
      } catch (error) {
        if (!(error instanceof CheckpointError) || error instanceof NewerFormatError) throw error;
        damaged.push(error);
      }
    }
    if (damaged.length === 0) return null;
    const others = damaged.length === 1 ? 'there is no older one' : 'no older one can be read either';
    const next = 'delete the checkpoints to begin at the first step';
    throw new CheckpointError(oneLine(`${damaged[0].message}; ${others}: ${next}`), { cause: damaged[0] });
  }

  /** Files of checkpoints, newest first, whole or not. */
  paths(): string[] {
    const names = list(this.dir);
    const older = names.filter((name) => this.#stepOf(name) !== null);
    older.sort((a, b) => (this.#stepOf(b) as number) - (this.#stepOf(a) as number));
    const newest = `${this.#name}.safetensors`;
    return [...(names.includes(newest) ? [newest] : []), ...older].map((name) => join(this.dir, name));
  }

  /** Removes all checkpoints. */
  clear(): void {
    for (const path of this.paths().reverse()) remove(path);
  }

  #pathOf(step: number): string {
    return join(this.dir, `${this.#name}-${String(step).padStart(STEP_DIGITS, '0')}.safetensors`);
  }

  /** The step in an older checkpoint's name; null for other names. */
  #stepOf(name: string): number | null {
    if (!name.startsWith(`${this.#name}-`) || !name.endsWith('.safetensors')) return null;
    const digits = name.slice(this.#name.length + 1, -'.safetensors'.length);
    return /^\d{9,15}$/.test(digits) ? Number(digits) : null;
  }

  /** Steps from `newest` on are of an earlier attempt whose newest files were damaged: these steps have been done again. */
  #prune(newest: number): void {
    const older = this.paths().filter((path) => path !== this.path);
    const step = (path: string) => this.#stepOf(basename(path)) as number;
    const valid = older.filter((path) => step(path) < newest);
    const kept = new Set(valid.slice(0, this.#keep - 1));
    for (const path of older) if (!kept.has(path)) remove(path);
  }
}

/** Deletes what a kill left of unfinished files. */
export function removeTemporaries(dir: string): void {
  for (const name of list(dir)) if (TEMPORARY_NAME.test(name)) remove(join(dir, name));
}

/** A second name for a file that is about to be replaced, or a copy where the file system knows no second names. */
function keepCopy(path: string, other: string): void {
  // A file of that name is one a kill left before it was needed, or one of the same step.
  remove(other);
  // It was deleted: there is nothing to keep.
  if (!existsSync(path)) return;
  try {
    linkSync(path, other);
  } catch {
    try {
      copyFileSync(path, other);
    } catch (cause) {
      remove(other);
      throw fileProblem(CheckpointError, other, 'a file that can be written', 'write', cause);
    }
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw fileProblem(CheckpointError, path, 'a file that can be removed', 'write', cause);
  }
}

function list(dir: string): string[] {
  try {
    if (!statSync(dir).isDirectory()) throw Object.assign(new Error(dir), { code: 'ENOTDIR' });
    return readdirSync(dir);
  } catch (cause) {
    throw fileProblem(CheckpointError, dir, 'a directory of checkpoints', 'read', cause);
  }
}
