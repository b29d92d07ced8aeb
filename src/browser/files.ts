// Posteriors and checkpoints as a browser has them: bytes, a file the user chose or dropped, a download, a file of the origin's own
// file system (OPFS).

import { checkPosterior } from '../core/arguments.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { checkStateShape, type TrainingState } from '../core/training/trainingState.ts';
import { CheckpointError } from '../errors.ts';
import { type Checkpoint, checkpointRecord, decodeCheckpoint } from '../experiment/checkpoint/checkpoint.ts';
import { decodeAnyPosterior, digestOf, encodeAnyPosterior } from '../experiment/posterior/ensembleFile.ts';
import { decodeSafetensors, encodeSafetensors } from '../files/tensors/safetensors.ts';
import { describeValue } from '../messages.ts';
import { readable } from '../options/readable.ts';
import { browserFileHost } from './fileHost.ts';

/** A FileSystemFileHandle, of the origin's own file system or from a picker, as far as it is used. */
export interface FileHandle {
  readonly name: string;
  getFile(): Promise<Blob>;
  createWritable(): Promise<{
    write(data: Uint8Array<ArrayBuffer>): Promise<void>;
    close(): Promise<void>;
    abort(): Promise<void>;
  }>;
}

/** What a file's bytes can be read from: a File or Blob, a Response of fetch, a handle, or a URL to fetch. */
export type FileSource = Blob | Response | FileHandle | URL;

/**
 * Reads a posterior or an ensemble and checks every shape and number of it: at once from bytes, as a promise from all else.
 * @throws CheckpointError, in one line, naming the file and the tensor or field
 */
export function load(bytes: Uint8Array | ArrayBuffer): AnyPosterior;
export function load(source: FileSource): Promise<AnyPosterior>;
export function load(source: Uint8Array | ArrayBuffer | FileSource): AnyPosterior | Promise<AnyPosterior> {
  const decode = (bytes: Uint8Array, where: string) =>
    decodeAnyPosterior(decodeSafetensors(bytes, where), where, browserFileHost);
  const given = readable('load', () => ownBytes(source));
  return given === null ? bytesOf(source as FileSource, 'load', decode) : decode(given, 'load');
}

/**
 * The bytes of a posterior's or ensemble's file, as `save` writes them on Node.
 * @throws TypeError or RangeError for what is no posterior, CheckpointError for a number that is not finite
 */
export function posteriorBytes(posterior: AnyPosterior): Uint8Array<ArrayBuffer> {
  return bytesFor('posteriorBytes', checked('posteriorBytes', posterior));
}

/**
 * Writes a posterior or an ensemble to a file, whole or not at all.
 * @returns its posteriorDigest
 * @throws TypeError or RangeError for what is no posterior, CheckpointError if the file cannot be written
 */
export async function save(file: FileHandle, posterior: AnyPosterior): Promise<string> {
  const whole = checked('save', posterior);
  const digest = digestOf(whole, browserFileHost);
  await write('save', file, bytesFor('save', whole));
  return digest;
}

/** SHA-256, in hex, of the data section of the file it is saved as: of an ensemble, the bytes of its members in their order. */
export function posteriorDigest(posterior: AnyPosterior): string {
  return digestOf(checked('posteriorDigest', posterior), browserFileHost);
}

/**
 * Reads a checkpoint and holds every byte of it to its checksum. Whether it fits a training, `runtime.train` says when it is resumed.
 * @throws CheckpointError, in one line, naming the file and what is wrong
 */
export function readCheckpoint(source: FileSource): Promise<Checkpoint> {
  return bytesOf(source, 'readCheckpoint', checkpointFrom);
}

/**
 * Writes a checkpoint whole or not at all.
 * @throws CheckpointError if it cannot be written
 */
export async function writeCheckpoint(file: FileHandle, state: TrainingState): Promise<void> {
  await write('writeCheckpoint', file, checkpointBytes(state));
}

/** @internal the bytes of a checkpoint's file */
export function checkpointBytes(state: TrainingState): Uint8Array<ArrayBuffer> {
  readable('writeCheckpoint', () => checkStateShape('writeCheckpoint', state));
  const { tensors, metadata } = checkpointRecord(state, null, browserFileHost);
  return joined(encodeSafetensors(tensors, metadata));
}

/** @internal the checkpoint in the bytes of a file */
export function checkpointFrom(bytes: Uint8Array, where: string): Checkpoint {
  return decodeCheckpoint(decodeSafetensors(bytes, where), where, browserFileHost);
}

function checked(where: string, posterior: unknown): AnyPosterior {
  return readable(where, () => checkPosterior(where, posterior));
}

function bytesFor(where: string, posterior: AnyPosterior): Uint8Array<ArrayBuffer> {
  return joined(encodeAnyPosterior(posterior, where, browserFileHost));
}

function ownBytes(source: unknown): Uint8Array<ArrayBuffer> | null {
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  return source instanceof Uint8Array ? Uint8Array.from(source) : null;
}

async function bytesOf<T>(
  source: FileSource,
  where: string,
  decode: (bytes: Uint8Array, where: string) => T,
): Promise<T> {
  const [read, name] = reader(source, where);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await read());
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(
      `${name}: expected a readable file, got ${messageOf(cause)} — check that it is there`,
      { cause },
    );
  }
  return decode(bytes, name);
}

/** How to read a source, and what it is called in errors. */
function reader(source: FileSource, where: string): [read: () => Promise<ArrayBuffer>, name: string] {
  if (source instanceof URL)
    return [() => fetch(source).then((got) => answered(got, source.href)), source.href];
  if (source instanceof Response) return [() => answered(source, source.url || where), source.url || where];
  if (source instanceof Blob)
    return [() => source.arrayBuffer(), (source as { name?: string }).name ?? where];
  if (isHandle(source)) return [() => source.getFile().then((file) => file.arrayBuffer()), source.name];
  throw new TypeError(
    `${where}: expected a File, Blob, Response, URL or file handle, got ${describeValue(source)} — pass one of these`,
  );
}

function answered(response: Response, where: string): Promise<ArrayBuffer> {
  if (response.ok) return response.arrayBuffer();
  throw new CheckpointError(`${where}: expected the file, got status ${response.status} — check the address`);
}

function isHandle(source: unknown): source is FileHandle {
  return typeof (source as FileHandle | null)?.getFile === 'function';
}

async function write(where: string, file: FileHandle, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (typeof (file as FileHandle | null)?.createWritable !== 'function') {
    throw new TypeError(
      `${where}: expected a file handle that can be written, got ${describeValue(file)} — take one of navigator.storage.getDirectory(), or keep the bytes`,
    );
  }
  try {
    const writable = await file.createWritable();
    try {
      await writable.write(bytes);
    } catch (cause) {
      await writable.abort().catch(() => undefined);
      throw cause;
    }
    await writable.close();
  } catch (cause) {
    throw new CheckpointError(
      `${file.name}: expected a file that can be written, got ${messageOf(cause)} — free some space or allow the page to write it`,
      { cause },
    );
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
