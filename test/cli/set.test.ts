// --set FIELD=VALUE: in place of what a config says, checked like it and kept in config.yaml.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CURVE, jsonOf, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const config = (run: string) => parse(readFileSync(join(dir, run, 'config.yaml'), 'utf8'));

beforeAll(() => {
  writeConfig(dir, 'curve.yaml', CURVE);
  writeFileSync(
    join(dir, 'sweep.yaml'),
    'base: curve.yaml\nvary: { training.optimizer.learningRate: [0.001, 0.01] }\n',
  );
});

function train(...words: string[]) {
  return varpool(dir, 'train', 'curve.yaml', '--force', '--out', 'run', '--quiet', '--json', ...words);
}

describe('train --set', () => {
  test('is what the file would say: kept in config.yaml, with the digest of a file that says so', () => {
    const set = ['training.epochs=3', 'model.hiddenSizes=[4, 4]', 'training.optimizer.learningRate=0.02'];
    const ended = train(...set.flatMap((one) => ['--set', one]));
    expect(ended.status, ended.stderr).toBe(0);
    expect(config('run')).toMatchObject({
      training: { epochs: 3, batchSize: 16, optimizer: { kind: 'adam', learningRate: 0.02 } },
      model: { hiddenSizes: [4, 4] },
    });
    const text = readFileSync(join(dir, 'curve.yaml'), 'utf8')
      .replace('[8]', '[4, 4]')
      .replace('epochs: 5', 'epochs: 3, optimizer: { kind: adam, learningRate: 0.02 }');
    writeFileSync(join(dir, 'edited.yaml'), text);
    const edited = varpool(dir, 'train', 'edited.yaml', '--out', 'edited', '--quiet', '--json');
    expect(jsonOf(ended).posteriorDigest).toBe(jsonOf(edited).posteriorDigest);
    expect(config('run')).toEqual(config('edited'));
    expect(varpool(dir, 'verify', 'run', '--quiet').status).toBe(0);
  });

  test('completes a file that lacks what is set', () => {
    writeFileSync(join(dir, 'bare.yaml'), 'training: { epochs: 1 }\n');
    const words = ['--set', 'data={ kind: synthetic, rows: 20 }', '--out', 'bare', '--quiet'];
    const ended = varpool(dir, 'train', 'bare.yaml', ...words);
    expect(ended.status, ended.stderr).toBe(0);
  });

  test.each<[RegExp, ...string[]]>([
    [
      /^varpool: curve\.yaml with --set: training\.epocs: expected a known key, got "epocs" — did you mean epochs\?\n$/,
      'training.epocs=5',
    ],
    [/^varpool: curve\.yaml with --set: trainig: .* did you mean training\?\n$/, 'trainig.epochs=5'],
    [/with --set: training\.epochs: expected .*, got "many" — /, 'training.epochs=many'],
    [/with --set: training\.epochs: expected .*, got null — /, 'training.epochs='],
    [
      /--set training\.klWeighting\.epochs: expected a map at .* — set .* as a whole/,
      'training.klWeighting.epochs=5',
    ],
    [/--set: expected a field .*, got "training\.epochs" — write FIELD=VALUE/, 'training.epochs'],
    [/--set: expected a field .*, got "=5" — /, '=5'],
    [/--set: expected a field .*, got "a\.\.b" — /, 'a..b=5'],
    [/--set: expected a field .*, got "__proto__\.x" — /, '__proto__.x=5'],
    [/--set data:1:\d+: expected YAML or JSON/, 'data=[1'],
    [/--set: expected each field once, got "seed"/, 'seed=1', 'seed=2'],
  ])('is refused with %s', (pattern, ...set) => {
    const ended = train(...set.flatMap((one) => ['--set', one]));
    expect(ended.stderr).toMatch(pattern);
    expect(ended).toMatchObject({ status: 2, stdout: '' });
  });

  test('is refused beside an option that says the same', () => {
    expect(train('--set', 'seed=1', '--seed', '2').stderr).toMatch(
      /--set seed: expected no --seed beside it/,
    );
    expect(train('--set', 'prediction.draws=1', '--draws', '2').stderr).toMatch(/no --draws beside it/);
  });
});

describe('sweep --set', () => {
  test('is in every cell, and remembered where the sweep is resumed', () => {
    const ended = varpool(
      dir,
      'sweep',
      'sweep.yaml',
      '--set',
      'training.epochs=2',
      '--out',
      'swept',
      '--json',
    );
    expect(ended.status, ended.stderr).toBe(0);
    const lines = () => readFileSync(join(dir, 'swept/results.jsonl'), 'utf8').trimEnd().split('\n');
    const before = lines();
    for (const line of before) expect(config(join('swept', JSON.parse(line).run)).training.epochs).toBe(2);
    for (const words of [
      ['resume', 'swept'],
      ['sweep', 'swept'],
    ]) {
      expect(varpool(dir, ...words, '--quiet').status).toBe(0);
      expect(lines()).toEqual(before);
    }
    expect(varpool(dir, 'sweep', 'swept', '--set', 'training.epochs=3').stderr).toMatch(
      /^varpool: --set: expected none/,
    );
  });

  test('of a field that varies is refused', () => {
    for (const field of ['training.optimizer.learningRate=1', 'training.optimizer={ kind: sgd }']) {
      const { status, stderr } = varpool(dir, 'sweep', 'sweep.yaml', '--set', field, '--out', 'no');
      expect(stderr).toMatch(/expected a field that sweep\.yaml does not vary/);
      expect(status).toBe(2);
    }
  });
});
