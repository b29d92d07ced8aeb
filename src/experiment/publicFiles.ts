// Saving and loading as a program calls them: what it hands over is checked before a file is touched.

import { checkPosterior } from '../core/arguments.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { checkStateShape, type TrainingState } from '../core/training/trainingState.ts';
import { decodeSafetensors } from '../files/tensors/safetensors.ts';
import { describeValue } from '../messages.ts';
import { readable } from '../options/readable.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { readCheckpoint as read, writeCheckpoint as write } from './checkpoint/checkpointFile.ts';
import { nodeFileHost } from './fileHost.ts';
import { decodeAnyPosterior } from './posterior/ensembleFile.ts';
import { anyPosteriorDigest, loadAnyPosterior, saveAnyPosterior } from './posterior/saved.ts';

/** Longer paths no system takes. */
const MAX_PATH = 4096;

/**
 * Writes a posterior or an ensemble, whole or not at all.
 * @returns its posteriorDigest
 * @throws TypeError or RangeError for what is no posterior, CheckpointError if the file cannot be written
 */
export function save(path: string, posterior: AnyPosterior): string {
  checkPath('save', path);
  return saveAnyPosterior(path, checked('save', posterior));
}

/**
 * Reads a posterior or an ensemble from a path, or from the bytes of a file, and checks every shape and number of it.
 * @throws CheckpointError, in one line, naming the file and the tensor or field
 */
export function load(source: string | Uint8Array): AnyPosterior {
  const bytes = readable('load', () => (source instanceof Uint8Array ? Uint8Array.from(source) : null));
  if (bytes !== null) return decodeAnyPosterior(decodeSafetensors(bytes, 'load'), 'load', nodeFileHost);
  checkPath('load', source);
  return loadAnyPosterior(source);
}

/** SHA-256, in hex, of the data section of the file it is saved as: of an ensemble, the bytes of its members in their order. */
export function posteriorDigest(posterior: AnyPosterior): string {
  return anyPosteriorDigest(checked('posteriorDigest', posterior));
}

/**
 * Reads a checkpoint and holds every byte of it to its checksum. Whether it fits a training, `runtime.train` says when it is resumed.
 * @throws CheckpointError, in one line, naming the file and what is wrong
 */
export function readCheckpoint(path: string): Checkpoint {
  checkPath('readCheckpoint', path);
  return read(path);
}

/**
 * Writes a checkpoint whole or not at all.
 * @param kernels see Checkpoint; null where they need not be the same when it is read
 * @throws CheckpointError if it cannot be written; the file that was there is then as it was
 */
export function writeCheckpoint(path: string, state: TrainingState, kernels: string | null = null): void {
  checkPath('writeCheckpoint', path);
  const copy = readable('writeCheckpoint', () => {
    checkStateShape('writeCheckpoint', state);
    return structuredClone(state);
  });
  if (kernels !== null && typeof kernels !== 'string') {
    throw new TypeError(
      `writeCheckpoint: kernels: expected a SHA-256 or null, got ${describeValue(kernels)} — leave it out`,
    );
  }
  write(path, copy, kernels);
}

function checked(where: string, posterior: unknown): AnyPosterior {
  return readable(where, () => checkPosterior(where, posterior));
}

function checkPath(where: string, path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '' && path.length <= MAX_PATH && !path.includes('\0')) return;
  const next = describeValue(path) === 'a promise' ? 'await it first' : 'write it as a string';
  throw new TypeError(`${where}: expected the path of a file, got ${describeValue(path)} — ${next}`);
}
