// @ts-check
// The C files of this folder, the one that is made from the table of kernels, and the hash that names them all: what WebAssembly and
// native builds must have in common.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callsSource, readTable } from './calls.mjs';

export const folder = fileURLToPath(new URL('.', import.meta.url));

/** @param {string | Uint8Array} data */
export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** @type {Record<string, string>} */
export const sources = {
  ...Object.fromEntries(
    readdirSync(folder)
      .filter((name) => /\.[ch]$/.test(name))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  ),
  'calls.c': callsSource(readTable(readFileSync(join(folder, '../src/backend/kernels.ts'), 'utf8'))),
};

export const sourcesHash = sha256(JSON.stringify(sources));
