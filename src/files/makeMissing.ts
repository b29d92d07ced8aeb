// Makes a directory and those above it.

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Not by `recursive: true`, which in Node loops forever where a file system answers ENOENT, as /proc does. */
export function makeMissing(dir: string): void {
  const parent = dirname(dir);
  if (parent !== dir && !existsSync(parent)) makeMissing(parent);
  try {
    mkdirSync(dir);
  } catch (cause) {
    const made = (cause as NodeJS.ErrnoException).code === 'EEXIST' && statSync(dir).isDirectory();
    if (!made) throw cause;
  }
}
