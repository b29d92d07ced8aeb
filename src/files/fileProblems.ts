// Reading a small file whole, and the one line that says why the system would not read or write one.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { mismatch, oneLine } from '../messages.ts';
import type { ErrorType } from './text/strictJson.ts';

/** Linux's number. */
const EDQUOT = 122;

/** System error codes → what was got and what to do, for `verb` read or write. */
function reason(
  code: string | undefined,
  errno: number | undefined,
  verb: 'read' | 'write',
): [got: string, next: string] {
  switch (code) {
    case 'ENOENT':
      return verb === 'read' ? ['no such file', 'check the path'] : ['no such directory', 'create it first'];
    case 'ENOTDIR':
      return ['a path through a file that is not a directory', 'check the path'];
    case 'EISDIR':
      return ['a directory', verb === 'read' ? 'name a file in it' : 'name a file'];
    case 'EACCES':
    case 'EPERM':
      return [
        'permission denied',
        verb === 'read' ? 'make it readable' : 'choose another place or change its permissions',
      ];
    case 'EROFS':
      return ['a read-only file system', 'choose another place'];
    case 'ENOSPC':
    case 'EDQUOT':
      return ['no space left on the disk', 'free some or choose another disk'];
    case 'EFBIG':
      return ['a file too large for this file system', 'choose another disk'];
    case 'ENAMETOOLONG':
      return ['a name that is too long', 'choose a shorter one'];
    case 'ELOOP':
      return ['a circle of symbolic links', 'check the path'];
    case 'EMFILE':
    case 'ENFILE':
      return ['too many open files', 'close some or raise the limit'];
    default:
      // Node has no name for some numbers, as for a quota that is used up on Linux.
      return errno === -EDQUOT
        ? ['no space left in the disk quota', 'free some or choose another disk']
        : [`a system error (${code ?? 'unknown'})`, 'check the disk'];
  }
}

/** The error for a failed system call on `path`; the system's own error is its cause. */
export function fileProblem(
  type: ErrorType,
  path: string,
  expected: string,
  verb: 'read' | 'write',
  cause: unknown,
): Error {
  const { code, errno } = (cause ?? {}) as NodeJS.ErrnoException;
  const [got, next] = reason(code, errno, verb);
  return new type(mismatch(path, expected, got, next), { cause });
}

/**
 * UTF-8 text of a regular file of at most `limit` bytes.
 * @throws `type`, in one line, when there is none, it is larger, or it is not UTF-8
 */
export function readTextFile(path: string, expected: string, limit: number, type: ErrorType): string {
  const bytes = withFile(path, expected, type, (fd, size) => {
    if (size > limit) {
      throw new type(
        oneLine(
          `${path}: expected ${expected} of at most ${limit} bytes, got ${size} — is it the right file?`,
        ),
      );
    }
    return readExactly(fd, size, 0, path, type);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new type(
      oneLine(`${path}: expected ${expected}, got bytes that are not UTF-8 text — is it the right file?`),
      { cause },
    );
  }
}

/** Runs `use` on an open regular file and closes it. */
export function withFile<T>(
  path: string,
  expected: string,
  type: ErrorType,
  use: (fd: number, size: number) => T,
): T {
  let fd: number;
  try {
    // Opening a pipe blocks until it has a writer.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw fileProblem(type, path, expected, 'read', cause);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw fileProblem(type, path, expected, 'read', { code: 'EISDIR' });
    if (!stat.isFile())
      throw new type(oneLine(`${path}: expected ${expected}, got a device or pipe — name a regular file`));
    return use(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

/** `size` bytes from `position`; a file that ends before is an error, not zeros. */
export function readExactly(
  fd: number,
  size: number,
  position: number,
  path: string,
  type: ErrorType,
): Uint8Array<ArrayBuffer> {
  const out = allocate(size, path, type);
  let done = 0;
  while (done < size) {
    let got: number;
    try {
      got = readSync(fd, out, done, Math.min(size - done, 1 << 30), position + done);
    } catch (cause) {
      throw fileProblem(type, path, 'readable bytes', 'read', cause);
    }
    if (got === 0) {
      throw new type(
        oneLine(
          `${path}: expected ${position + size} bytes, got ${position + done} — it was cut short while being read`,
        ),
      );
    }
    done += got;
  }
  return out;
}

function allocate(size: number, path: string, type: ErrorType): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new type(
      oneLine(`${path}: expected a file that fits in memory, got ${size} bytes — is it the right file?`),
      { cause },
    );
  }
}
