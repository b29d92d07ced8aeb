// @ts-check
// Writes the JSON Schemas of what users write, a config and a sweep, to dist/schema/ for editors and other programs, and the reference
// of the config for people. Runs after tsc.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configReference } from '../dist/experiment/config/reference.js';
import { configJsonSchema } from '../dist/experiment/config/schema.js';
import { sweepJsonSchema } from '../dist/experiment/sweep/schema.js';

const out = fileURLToPath(new URL('../dist/schema/', import.meta.url));

mkdirSync(out, { recursive: true });
const texts = {
  'config.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
  'sweep.schema.json': `${JSON.stringify(sweepJsonSchema(), null, 2)}\n`,
  'config.md': configReference(configJsonSchema()),
};
for (const [name, text] of Object.entries(texts)) {
  const file = `${out}${name}`;
  // Written aside and renamed: a test that runs beside a build sees the old file or the new one.
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}
