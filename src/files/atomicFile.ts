// Writes a file whole or not at all: temporary name in the same directory, fsync, rename, fsync of the directory.
// A kill at any moment leaves the old file or the new one, never half.

import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { fileProblem } from './fileProblems.ts';
import type { ErrorType } from './text/strictJson.ts';

/** Names of unfinished files; one left behind by a kill may be deleted. */
export const TEMPORARY_NAME = /^\.varpool-[0-9a-f]{16}\.tmp$/;

/** A new name for an unfinished file. */
export function temporaryName(): string {
  return `.varpool-${randomBytes(8).toString('hex')}.tmp`;
}

/**
 * Makes `path` hold `content` (text, bytes, or pieces of either one after the other). A symbolic link keeps pointing at the file that is
 * replaced; a device or pipe is written to directly.
 * @throws `type` (ConfigError unless given), in one line, when that cannot be done; then the old file is as it was
 */
export function writeFileAtomic(
  path: string,
  content: string | ArrayBufferView | Iterable<string | ArrayBufferView>,
  type: ErrorType = ConfigError,
): void {
  const chunks = typeof content === 'string' || ArrayBuffer.isView(content) ? [content] : content;
  try {
    const existing = statSync(path, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    if (existing !== undefined) accessSync(path, constants.W_OK);
    if (existing !== undefined && !existing.isFile()) writeTo(path, 'w', chunks);
    else replace(existing === undefined ? path : realpathSync(path), existing?.mode, chunks);
  } catch (cause) {
    // What makes the pieces may fail too, for reasons that are none of the file's.
    if (cause instanceof Error && !('code' in cause || 'errno' in cause)) throw cause;
    throw fileProblem(type, path, 'a file that can be written', 'write', cause);
  }
}

type Chunks = Iterable<string | ArrayBufferView>;

function replace(path: string, mode: number | undefined, chunks: Chunks): void {
  const directory = dirname(path);
  const temporary = join(directory, temporaryName());
  try {
    writeTo(temporary, 'wx', chunks, mode === undefined ? 0o666 : mode & 0o777);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(directory);
}

function writeTo(path: string, flags: 'w' | 'wx', chunks: Chunks, mode?: number): void {
  const fd = openSync(path, flags, mode);
  try {
    for (const chunk of chunks) {
      const view = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      // One call writes at most 2 GiB, and may write less than asked.
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30));
    }
    // Before the rename, or a power cut could leave the new name with no content. Pipes know no fsync.
    if (flags === 'wx') fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the rename itself durable, where the system lets a directory be opened (not on Windows). */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some network file systems refuse; the file itself is complete either way.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  } finally {
    closeSync(fd);
  }
}
