// The JSON Schemas in the package: there by the names users import, and saying what the schemas of this source say.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { configReference } from '../../../src/experiment/config/reference.ts';
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

test('the reference of the config is that of this source, and has every field with its description', () => {
  const path = createRequire(import.meta.url).resolve('varpool/schema/config.md');
  const reference = readFileSync(path, 'utf8');
  expect(reference).toBe(configReference(configJsonSchema()));
  const described: [name: string, description: string][] = [];
  const visit = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { properties = {} } = schema as { properties?: Record<string, { description?: string }> };
    for (const [name, { description }] of Object.entries(properties))
      if (name !== '$schema' && description !== undefined) described.push([name, description]);
    for (const value of Object.values(schema)) visit(value);
  };
  visit(configJsonSchema());
  expect(described.length).toBeGreaterThan(100);
  for (const [name, description] of described) {
    const row = reference
      .split('\n')
      .find(
        (line) => line.startsWith(`| \`${name}\` |`) && line.includes(description.replaceAll('|', '\\|')),
      );
    expect(row, name).toBeDefined();
  }
  expect(reference).toContain('| `epochs` | a whole number | `10` | Passes over the training rows. |');
});
