// --json, on every command that has it: one JSON object on stdout and nothing else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { CURVE, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();

beforeAll(() => {
  writeConfig(dir, 'curve.yaml', CURVE);
  writeFileSync(join(dir, 'x.csv'), 'x\n0.1\n0.2\n');
  writeFileSync(join(dir, 'sweep.yaml'), 'base: curve.yaml\nvary: { training.epochs: [1, 2] }\n');
  for (const out of ['run', 'other'])
    expect(varpool(dir, 'train', 'curve.yaml', '--out', out, '--quiet').status).toBe(0);
});

/** Words after the command, by command. */
const WORDS: Record<string, string[]> = {
  demo: ['--set', 'training.epochs=2', '--set', 'data.rows=50', '--set', 'training.batchSize=50'],
  init: ['strength', '--out', 'made.yaml'],
  train: ['curve.yaml'],
  resume: ['run'],
  predict: ['run', '--data', 'x.csv'],
  evaluate: ['run'],
  verify: ['run'],
  rows: ['run'],
  bench: ['normals', '--tiny', '--rounds', '1', '--workers', '1'],
  sweep: ['sweep.yaml'],
  compare: ['run', 'other'],
  doctor: [],
};

const { commands } = await createProgram();

describe('--json', () => {
  // serve prints its line and runs until a signal: test/serve/lifecycle.test.ts.
  const withJson = commands.filter(
    (command) => command.options.some(({ long }) => long === '--json') && command.name() !== 'serve',
  );

  test('every command that takes it is here', () => {
    expect(withJson.map((command) => command.name()).sort()).toEqual(
      expect.arrayContaining(Object.keys(WORDS).sort()),
    );
    expect(Object.keys(WORDS)).toEqual(expect.arrayContaining(withJson.map((command) => command.name())));
  });

  test.each(Object.entries(WORDS))('%s prints one object in one line, and nothing else', (name, words) => {
    const { status, stdout, stderr } = varpool(dir, name, ...words, '--json');
    expect(status, stderr).toBe(0);
    expect(stdout.indexOf('\n')).toBe(stdout.length - 1);
    expect(JSON.parse(stdout)).toEqual(expect.any(Object));
  });

  test('what fails leaves stdout empty', () => {
    expect(varpool(dir, 'train', 'missing.yaml', '--json')).toMatchObject({ status: 2, stdout: '' });
  });
});

test('train and resume say where the report is', () => {
  const ended = varpool(dir, 'train', 'curve.yaml', '--out', 'told', '--quiet');
  const report = `report +${join('told', 'report.html').replace('\\', '\\\\')}`;
  expect(ended.stdout).toMatch(new RegExp(`^${report}$`, 'm'));
  expect(varpool(dir, 'resume', 'told', '--quiet').stdout).toMatch(new RegExp(`^${report}$`, 'm'));
});
