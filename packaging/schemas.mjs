// @ts-check
// Writes the JSON Schemas of what users write, a config and a sweep, to dist/schema/ for editors and other programs. Runs after tsc.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configJsonSchema } from '../dist/experiment/config/schema.js';
import { sweepJsonSchema } from '../dist/experiment/sweep/schema.js';

const out = fileURLToPath(new URL('../dist/schema/', import.meta.url));

mkdirSync(out, { recursive: true });
for (const [name, schema] of Object.entries({ config: configJsonSchema(), sweep: sweepJsonSchema() })) {
  const file = `${out}${name}.schema.json`;
  // Written aside and renamed: a test that runs beside a build sees the old file or the new one.
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(schema, null, 2)}\n`);
  renameSync(`${file}.${process.pid}`, file);
}
