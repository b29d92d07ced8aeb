// docs/tables.md: its program prints what it says, its config is the one of examples/, and no option of tables is left out.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COLUMN_KINDS } from '../../src/columns/index.ts';
import { MISSING_MARKERS } from '../../src/columns/missing.ts';
import { layoutFields, tableFields } from '../../src/experiment/config/tableFields.ts';
import * as fields from '../../src/options/fields.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(`${ROOT}docs/tables.md`, 'utf8');

function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';
}

test('the program prints what the page says', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: ROOT,
    input: block('js'),
    encoding: 'utf8',
  });
  expect({ stdout, stderr }).toEqual({ stdout: block('text'), stderr: '' });
});

test('the config is that of the examples', () => {
  expect(block('yaml')).toBe(readFileSync(`${ROOT}examples/flats.yaml`, 'utf8'));
});

test('every option, kind and marker is on the page', () => {
  const kinds = Object.entries(COLUMN_KINDS).flatMap(([kind, { options }]) => [
    kind,
    ...Object.keys(options(fields)),
  ]);
  const options = [
    ...Object.keys(layoutFields),
    ...Object.keys(tableFields),
    ...kinds,
    ...MISSING_MARKERS.filter(Boolean),
  ];
  expect(options.length).toBeGreaterThan(40);
  const text = page.replace(/^```[\s\S]*?^```$/gm, '');
  const words = [...text.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => [
    code,
    ...code.split(/[^\w./#<>?-]+/),
  ]);
  expect([...new Set(options)].filter((name) => !words.includes(name))).toEqual([]);
});
