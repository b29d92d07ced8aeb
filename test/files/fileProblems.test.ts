// What is said of a failed system call: the place, what was expected, what the system said and what to do.

import { expect, test } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { fileProblem } from '../../src/files/fileProblems.ts';

test.each([
  [{ code: 'ENOSPC', errno: -28 }, 'no space left on the disk — free some or choose another disk'],
  // As Node 20 throws it on Linux.
  [{ code: 'UNKNOWN', errno: -122 }, 'no space left in the disk quota — free some or choose another disk'],
  [{ code: 'EIO', errno: -5 }, 'a system error (EIO) — check the disk'],
  [null, 'a system error (unknown) — check the disk'],
])('%j', (cause, words) => {
  const error = fileProblem(CheckpointError, 'runs/a/x', 'a file that can be written', 'write', cause);
  expect(error).toBeInstanceOf(CheckpointError);
  expect(error.message).toBe(`runs/a/x: expected a file that can be written, got ${words}`);
  expect(error.cause).toBe(cause);
});
