// A file of lines that is only appended to: a line is in it whole or not at all, unless a kill or a power cut tears it. A torn
// line is cut off before the next one.

import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { CheckpointError } from '../../errors.ts';
import { oneLine } from '../../messages.ts';
import { writeFileAtomic } from '../atomicFile.ts';
import { fileProblem, readExactly, withFile } from '../fileProblems.ts';

const LIMIT_BYTES = 268_435_456;
const NEWLINE = 0x0a;

/** An open file of lines; every line is handed to the system before `append` returns. */
export class LineLog {
  readonly #fd: number;
  #open = true;

  /** Opens or makes the file; a torn last line is cut off first. @throws CheckpointError if it cannot be written */
  constructor(readonly path: string) {
    try {
      this.#fd = openSync(path, 'a+');
      cutTornLine(this.#fd);
    } catch (cause) {
      throw this.#problem(cause);
    }
  }

  /** Adds a line without its line break. @throws CheckpointError if it cannot be written: the file is then as it was */
  append(text: string): void {
    const line = Buffer.from(`${text}\n`);
    try {
      // Where cutting back failed, or another process left something, no line may follow half a line.
      cutTornLine(this.#fd);
      const { size } = fstatSync(this.#fd);
      try {
        for (let done = 0; done < line.length; ) done += writeSync(this.#fd, line, done);
      } catch (cause) {
        ftruncateSync(this.#fd, size);
        throw cause;
      }
    } catch (cause) {
      throw this.#problem(cause);
    }
  }

  /** Makes the lines so far outlast a power cut, where the system can. @throws CheckpointError if it cannot be written */
  sync(): void {
    try {
      fsyncSync(this.#fd);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EINVAL' || code === 'ENOTSUP') return;
      throw this.#problem(cause);
    }
  }

  /** @throws CheckpointError where the system could not write all of it */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      closeSync(this.#fd);
    } catch (cause) {
      throw this.#problem(cause);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #problem(cause: unknown): Error {
    return fileProblem(CheckpointError, this.path, 'a file that can be written', 'write', cause);
  }
}

/** A line that was read, and what it says. */
export interface ReadLine<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
}

export interface ReadLinesOptions<T> {
  /** What the file is, for errors: `the metrics of a run`. */
  readonly expected: string;
  /** @throws CheckpointError for a line that is damaged */
  readonly parse: (line: Uint8Array, where: string) => T;
  /** Called for each damaged line, which is then left out; without it the first one is an error. */
  readonly onDamage?: ((message: string) => void) | undefined;
}

/** All whole lines of a file; a torn last line is none. @throws CheckpointError naming file and line */
export function readLines<T>(
  path: string,
  { expected, parse, onDamage }: ReadLinesOptions<T>,
): ReadLine<T>[] {
  const all = withFile(path, expected, CheckpointError, (fd, size) => {
    if (size <= LIMIT_BYTES) return readExactly(fd, size, 0, path, CheckpointError);
    const limit = `${expected} of at most ${LIMIT_BYTES} bytes`;
    throw new CheckpointError(oneLine(`${path}: expected ${limit}, got ${size} — is it the right file?`));
  });
  const lines: ReadLine<T>[] = [];
  for (let start = 0, number = 1; ; number++) {
    const end = all.indexOf(NEWLINE, start);
    if (end < 0) return lines;
    const bytes = all.subarray(start, end);
    start = end + 1;
    try {
      lines.push({ bytes, value: parse(bytes, `${path}: line ${number}`) });
    } catch (error) {
      if (!(error instanceof CheckpointError) || onDamage === undefined) throw error;
      onDamage(error.message);
    }
  }
}

/**
 * Makes a file hold these of its lines, in their order, and no others.
 * @throws CheckpointError if it cannot be written: the file is then as it was
 */
export function keepLines(path: string, kept: readonly ReadLine<unknown>[]): void {
  const bytes = Buffer.concat(kept.flatMap((line) => [line.bytes, Uint8Array.of(NEWLINE)]));
  const isStart = withFile(path, 'a file of lines', CheckpointError, (fd, size) =>
    bytes.length <= size ? bytes.equals(readExactly(fd, bytes.length, 0, path, CheckpointError)) : false,
  );
  // Cutting needs no room on a full disk.
  if (!isStart) {
    writeFileAtomic(path, bytes, CheckpointError);
    return;
  }
  try {
    truncateSync(path, bytes.length);
  } catch (cause) {
    throw fileProblem(CheckpointError, path, 'a file that can be written', 'write', cause);
  }
}

/** Cuts off what follows the last line break: a line that was left half written. */
function cutTornLine(fd: number): void {
  const { size: end } = fstatSync(fd);
  const block = new Uint8Array(4096);
  for (let stop = end; stop > 0; ) {
    const start = Math.max(0, stop - block.length);
    // Most often the last byte is a line break, and nothing else need be read.
    const from = stop === end ? end - 1 : start;
    const got = readSync(fd, block, 0, stop - from, from);
    const newline = block.subarray(0, got).lastIndexOf(NEWLINE);
    if (newline >= 0) {
      if (from + newline + 1 < end) ftruncateSync(fd, from + newline + 1);
      return;
    }
    stop = from;
  }
  if (end > 0) ftruncateSync(fd, 0);
}
