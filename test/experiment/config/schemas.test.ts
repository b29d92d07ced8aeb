// The JSON Schemas in the package: there by the names users import, and saying what the schemas of this source say.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { configJsonSchema } from '../../../src/experiment/config/schema.ts';
import { sweepJsonSchema } from '../../../src/experiment/sweep/schema.ts';

test.each([
  ['config', configJsonSchema],
  ['sweep', sweepJsonSchema],
])('varpool/schema/%s.schema.json is that of this source', (name, schema) => {
  // The package by its own name, through its exports.
  const path = createRequire(import.meta.url).resolve(`varpool/schema/${name}.schema.json`);
  expect(path.replaceAll('\\', '/')).toMatch(new RegExp(`/dist/schema/${name}\\.schema\\.json$`));
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema())));
});
