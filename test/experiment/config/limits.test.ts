// Sizes that cannot work end in one line, before anything is read, made or trained.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MAX_DRAWS, MAX_LAYERS, MAX_MEMBERS, MAX_PARAMETERS, MAX_UNITS } from '../../../src/core/limits.ts';
import { ConfigError } from '../../../src/errors.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { prepareRun } from '../../../src/experiment/run/data.ts';
import { readSweep } from '../../../src/experiment/sweep/cells.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-limits-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const parse = (text: string) => parseConfig(`data: { kind: synthetic, rows: 64 }\n${text}`, 'c.yaml');
const prepare = (text: string) => prepareRun(parse(text), 'c.yaml');

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('expected a ConfigError, got none');
}

test.each([
  [
    'model: { hiddenSizes: [2000000, 2000000] }',
    `model.hiddenSizes: expected at most ${MAX_PARAMETERS} weights and biases, got `,
  ],
  [
    'model: { hiddenSizes: [1000000000] }',
    `model.hiddenSizes[0]: expected at most ${MAX_UNITS}, got 1000000000`,
  ],
  [
    `model: { hiddenSizes: [${'1,'.repeat(MAX_LAYERS)}] }`,
    `model.hiddenSizes: expected at most ${MAX_LAYERS} layers, got ${MAX_LAYERS + 1}`,
  ],
  ['ensemble: { members: 1000000000 }', `ensemble.members: expected at most ${MAX_MEMBERS}, got 1000000000`],
  ['prediction: { draws: 1.0e12 }', `prediction.draws: expected at most ${MAX_DRAWS}, got 1.0e12`],
  ['training: { draws: 1.0e12 }', `training.draws: expected at most ${MAX_DRAWS}, got 1.0e12`],
  ['training: { epochs: 1.0e12 }', 'training.epochs: expected at most 2147483647, got 1000000000000'],
])('%s is refused as it is read', (text, message) => {
  expect(refusal(() => parse(text))).toContain(`c.yaml: ${message}`);
});

test('rows of made data that no table can have are refused as they are read', () => {
  const text = 'data: { kind: synthetic, rows: 1.0e12 }';
  expect(refusal(() => parseConfig(text, 'c.yaml'))).toContain(
    'c.yaml: data.rows: expected at most 2147483647',
  );
});

test.each([
  [
    'training: { epochs: 2000000000, batchSize: 16 }',
    /^c\.yaml: training\.epochs: expected at most 536870911 of 4 steps each, got 2000000000 — /,
  ],
  [
    'training: { draws: 10000000 }',
    /^c\.yaml: expected a training of at most 4096 MiB, got \d+ MiB — lower training\.batchSize, /,
  ],
  [
    'model: { hiddenSizes: [2000000] }\ntraining: { draws: 100 }',
    /^c\.yaml: expected a training of at most 4096 MiB, got \d+ MiB — /,
  ],
])('%s is refused before anything is made', (text, message) => {
  expect(refusal(() => prepare(text))).toMatch(message);
});

test('large sizes that work are let pass', () => {
  expect(prepare('model: { hiddenSizes: [2000000] }').model.layers[0].outputSize).toBe(2_000_000);
  expect(parse(`prediction: { draws: ${MAX_DRAWS} }`).prediction.draws).toBe(MAX_DRAWS);
});

test.each([
  ['repeat: { seeds: 1000000000 }', /repeat: expected at most 100000 cells, got 1000000000 — /],
  ['repeat: { splits: 1000000000 }', /repeat\.splits: expected at most 100000, got 1000000000 — /],
])('a sweep with %s is refused', (text, message) => {
  const file = join(dir, 'sweep.yaml');
  writeFileSync(file, `config: { data: { kind: synthetic } }\n${text}\n`);
  expect(refusal(() => readSweep(file))).toMatch(message);
});
