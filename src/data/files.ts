// Getting bytes from disk within limits: size guard, gzip by its magic bytes, hashes. What the bytes mean is the readers' business.

import { createHash } from 'node:crypto';
import { readFileSync, readSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { constants, gunzipSync } from 'node:zlib';
import type { FileProvenance } from './dataset.ts';
import { fail, showPath } from './message.ts';

/** Limits of reading, for callers who want tighter ones. */
export interface ReadOptions {
  /** Refuse files, inflated contents and tables above this size; default a quarter of the memory, at most 2 GiB − 1. */
  readonly maxBytes?: number | undefined;
}

/** A file in memory as it is on disk. */
export interface DataFile {
  readonly path: string;
  /** The path as it starts a message. */
  readonly where: string;
  readonly raw: Buffer;
  readonly gzip: boolean;
  readonly sha256: string;
  readonly maxBytes: number;
}

// What Node can read into one Buffer at once on every supported version.
const LARGEST_READ = 2 ** 31 - 1;

// Deflate cannot do better: one 258-byte match in two bits. A header that promises more is a lie, found before any allocation.
const DEFLATE_MAX_RATIO = 1032;

/** What stands for standard input in place of a path. */
export const STDIN = '-';

/** Standard input can be read once only. */
let standardInput: Buffer | null = null;

/** @throws DataError where nothing can be read from it */
function readStandardInput(maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let size = 0; standardInput === null; ) {
    const chunk = Buffer.allocUnsafe(2 ** 20);
    try {
      const read = readSync(0, chunk);
      size += read;
      checkSize('stdin', size, maxBytes, 'input of');
      if (read === 0) standardInput = Buffer.concat(chunks);
      else chunks.push(chunk.subarray(0, read));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EOF') standardInput = Buffer.concat(chunks);
      // A pipe whose writer has nothing yet.
      else if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      else throw error;
    }
  }
  return standardInput;
}

/**
 * Reads a regular file whole, or standard input for `-`, and notes its hash and whether it is gzip.
 * @throws DataError if it is not there, not readable, not a file, empty or too large
 */
export function openDataFile(path: string, options: ReadOptions = {}): DataFile {
  const where = path === STDIN ? 'stdin' : showPath(path);
  const maxBytes = options.maxBytes ?? defaultMaxBytes();
  let raw: Buffer;
  try {
    if (path === STDIN) raw = readStandardInput(maxBytes);
    else {
      const stat = statSync(path);
      if (!stat.isFile()) {
        const got = stat.isDirectory() ? 'a directory' : 'a device, pipe or socket';
        fail(where, 'a file', got, 'give the path of one data file, or - for standard input');
      }
      checkSize(where, stat.size, maxBytes, 'a file of');
      raw = readFileSync(path);
    }
  } catch (error) {
    if (isSystemError(error))
      fail(where, 'a readable file', systemReason(error), 'check the path and its permissions');
    throw error;
  }
  if (raw.length === 0) fail(where, 'a file with data', 'an empty file', 'check how it was written');
  const gzip = raw.length >= 2 && raw[0] === 0x1f && raw[1] === 0x8b;
  const sha256 = createHash('sha256').update(raw).digest('hex');
  return { path, where, raw, gzip, sha256, maxBytes };
}

/** The record of this file, holding an array of this shape. */
export function provenance(file: DataFile, shape: readonly number[]): FileProvenance {
  return { path: file.path, bytes: file.raw.length, sha256: file.sha256, shape };
}

/** The first `n` bytes of the content (fewer if it ends before), inflating no more of a gzip than it takes. @throws DataError */
export function contentHead(file: DataFile, n: number): Buffer {
  if (!file.gzip) return file.raw.subarray(0, n);
  for (let prefix = 1024; ; prefix *= 4) {
    const compressed = file.raw.subarray(0, prefix);
    const head = inflate(file, compressed, compressed.length * DEFLATE_MAX_RATIO, constants.Z_SYNC_FLUSH);
    if (head === null || head.length >= n || prefix >= file.raw.length)
      return (head ?? Buffer.alloc(0)).subarray(0, n);
  }
}

/** The whole content, inflated if need be. @throws DataError if the gzip is damaged or inflates beyond the limit */
export function contentWhole(file: DataFile): Buffer {
  if (!file.gzip) return file.raw;
  const content = inflate(file, file.raw, file.maxBytes, constants.Z_FINISH);
  if (content === null) {
    fail(
      file.where,
      `at most ${file.maxBytes} bytes when inflated`,
      'more',
      'split the file or use a larger machine',
    );
  }
  return content;
}

/**
 * The whole content of a file whose header promised exactly `total` bytes, of which `promise` says how they come about.
 * Never inflates or allocates more than that.
 * @throws DataError if there are fewer or more
 */
export function contentExactly(file: DataFile, total: number, promise: string): Buffer {
  const expected = `${total} bytes (${promise})`;
  if (!file.gzip) {
    if (file.raw.length !== total) wrongLength(file, expected, total, file.raw.length);
    return file.raw;
  }
  checkSize(file.where, total, file.maxBytes, 'content of');
  const possible = file.raw.length * DEFLATE_MAX_RATIO;
  if (total > possible) {
    const got = `a gzip of ${file.raw.length} bytes, which can hold at most ${possible}`;
    fail(`${file.where}: header`, expected, got, 'the header lies or the file is truncated: get it again');
  }
  const content = inflate(file, file.raw, total, constants.Z_FINISH);
  if (content === null) wrongLength(file, expected, total, Number.POSITIVE_INFINITY);
  if (content.length !== total) wrongLength(file, expected, total, content.length);
  return content;
}

/** Refuses a table of float32 that would not fit, before it is allocated. @throws DataError */
export function checkTableSize(where: string, rows: number, columns: number, maxBytes: number): void {
  checkSize(where, rows * columns * 4, Math.max(maxBytes, 0), `a table of ${rows} × ${columns} float32,`);
}

function checkSize(where: string, bytes: number, maxBytes: number, what: string): void {
  if (bytes <= maxBytes) return;
  const next = 'use fewer rows or columns, split the file, or use a machine with more memory';
  fail(where, `at most ${maxBytes} bytes (the limit of this machine)`, `${what} ${bytes} bytes`, next);
}

function wrongLength(file: DataFile, expected: string, total: number, got: number): never {
  const inflated = file.gzip ? ' after inflating' : '';
  if (got < total) {
    fail(
      `${file.where}: byte ${got}`,
      expected,
      `the end of the file${inflated}`,
      'the file is truncated: get it again',
    );
  }
  const size = Number.isFinite(got) ? `${got} bytes` : 'more';
  fail(
    `${file.where}: byte ${total}`,
    expected,
    `${size}${inflated}`,
    'the header does not fit the file: get it again',
  );
}

/** Null if the output would be larger than `limit`. */
function inflate(file: DataFile, input: Buffer, limit: number, finishFlush: number): Buffer | null {
  // One output chunk where the size is known keeps the peak at the content itself instead of twice that.
  const chunkSize = Math.min(Math.max(limit + 1, 1024), input.length * 8 + 1024, 2 ** 26);
  try {
    return gunzipSync(input, { finishFlush, maxOutputLength: Math.max(limit, 1), chunkSize });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
    fail(
      `${file.where}: gzip`,
      'an intact gzip stream',
      `"${(error as Error).message}"`,
      'the file is damaged: get it again',
    );
  }
}

/** A quarter of the memory there is, or of what a container may use: inflating and a float32 table need a multiple of it. */
export function defaultMaxBytes(): number {
  // Missing in Node's types for some versions and 0 or astronomically large where there is no limit.
  const constrained =
    (process as { constrainedMemory?: () => number | undefined }).constrainedMemory?.() || Infinity;
  return Math.min(LARGEST_READ, Math.floor(Math.min(totalmem(), constrained) / 4));
}

/** An error of the operating system (or of Node's check of a path), as opposed to one of ours. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && !isOurs(error)
  );
}

/** What a system error means, in words. */
export function systemReason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'nothing at this path';
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'no permission to read it';
  if (error.code === 'ENOTDIR') return 'a path through something that is not a directory';
  return `the error ${error.code}`;
}

function isOurs(error: Error): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('VARPOOL_');
}
