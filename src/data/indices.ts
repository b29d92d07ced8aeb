// Index files: white-space separated integers that choose rows or columns of a table, as UCI splits come.

import type { FileProvenance } from './dataset.ts';
import type { ReadOptions } from './files.ts';
import { contentWhole, openDataFile, provenance } from './files.ts';
import { integerName } from './labels.ts';
import { fail, show } from './message.ts';

export interface IndexFile {
  readonly indices: Int32Array;
  readonly source: FileProvenance;
}

/**
 * Reads an index file; entries may be spelled as floats (`3.000e+00`). With `size`, every index must be below it; `what` is what they count
 * (`row`, `column`).
 * @throws DataError naming file and line of an entry that is no integer, out of bounds or there twice, and for an empty file
 */
export function readIndices(
  path: string,
  what: string,
  size: number | null = null,
  options: ReadOptions = {},
): IndexFile {
  const file = openDataFile(path, options);
  const lines = contentWhole(file)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/);
  const limit = size ?? 2 ** 31;
  const firstLine = new Map<number, number>();
  lines.forEach((text, l) => {
    const at = `${file.where}: line ${l + 1}`;
    for (const token of text.match(/\S+/g) ?? []) {
      const name = integerName(token);
      if (name === null)
        fail(
          at,
          `a ${what} index (an integer)`,
          show(token),
          'one integer after the other, with blanks between',
        );
      const index = Number(name);
      if (index < 0 || index >= limit) {
        const next = `indices count from 0: is this file for another table?`;
        fail(at, `a ${what} index from 0 to ${limit - 1}`, name, next);
      }
      const before = firstLine.get(index);
      if (before !== undefined)
        fail(at, `each ${what} once`, `${name} again (first in line ${before})`, 'remove one of the two');
      firstLine.set(index, l + 1);
    }
  });
  if (firstLine.size === 0)
    fail(file.where, `at least 1 ${what} index`, 'none', 'check how the file was written');
  const indices = Int32Array.from(firstLine.keys());
  return { indices, source: provenance(file, [indices.length]) };
}
