// --data of a run whose data moved: verify, resume and rows take the same file from anywhere, and no other.

import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { flowers, jsonOf, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const at = (...parts: string[]) => join(dir, ...parts);
let digest: unknown;

beforeAll(() => {
  mkdirSync(at('here/splits'), { recursive: true });
  mkdirSync(at('there/splits'), { recursive: true });
  writeFileSync(at('here/flowers.csv'), flowers(60));
  writeFileSync(at('here/splits/test.txt'), '0\n1\n2\n3\n');
  const data = 'kind: csv, path: here/flowers.csv, target: kind, task: classification';
  writeConfig(dir, 'split.yaml', `{ ${data}, testIndices: here/splits/test.txt }`);
  writeConfig(dir, 'plain.yaml', `{ ${data}, testFraction: 0.3 }`);
  const trained = varpool(dir, 'train', 'split.yaml', '--out', 'split', '--quiet', '--json');
  expect(trained.status, trained.stderr).toBe(0);
  digest = jsonOf(trained).posteriorDigest;
  expect(varpool(dir, 'train', 'plain.yaml', '--out', 'plain', '--quiet').status).toBe(0);
  copyFileSync(at('here/flowers.csv'), at('copy.csv'));
  renameSync(at('here/flowers.csv'), at('there/flowers.csv'));
  renameSync(at('here/splits/test.txt'), at('there/splits/test.txt'));
  writeFileSync(at('there/other.csv'), flowers(58));
});

function refused(pattern: RegExp, ...words: string[]): void {
  const { status, stdout, stderr } = varpool(dir, ...words);
  expect(stderr).toMatch(/^varpool: [^\n]+: expected .+, got .+ — .+\n$/);
  expect(stderr).toMatch(pattern);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
}

describe('verify --data', () => {
  test.each([[['there/flowers.csv', 'there/splits/test.txt']], [['there']], [['there/splits', 'copy.csv']]])(
    '%j',
    (places) => {
      const ended = varpool(
        dir,
        'verify',
        'split',
        '--json',
        '--quiet',
        ...places.flatMap((one) => ['--data', one]),
      );
      expect(ended.status, ended.stderr).toBe(0);
      expect(jsonOf(ended)).toMatchObject({ same: true, posteriorDigest: digest });
    },
  );

  test('of another name, where only one file is missing', () => {
    expect(varpool(dir, 'verify', 'plain', '--data', 'copy.csv', '--quiet').status).toBe(0);
  });

  test('refuses another content, what is not there and what is none of the files', () => {
    refused(
      /other\.csv: expected the file of the run .*got another content/,
      'verify',
      'plain',
      '--data',
      'there/other.csv',
    );
    refused(
      /--data nowhere: expected a file or a directory, got nothing there/,
      'verify',
      'plain',
      '--data',
      'nowhere',
    );
    refused(
      /--data copy\.csv: expected flowers\.csv or test\.txt, got none of them/,
      'verify',
      'split',
      '--data',
      'copy.csv',
    );
    refused(
      /--data plain: expected a directory with flowers\.csv, got none of them/,
      'verify',
      'plain',
      '--data',
      'plain',
    );
    refused(
      /test\.txt .*expected data, got nothing at this path — put it back, or pass --data/,
      'verify',
      'split',
      '--data',
      'there/flowers.csv',
    );
  });
});

test('rows --data', () => {
  const ended = varpool(dir, 'rows', 'split', '--part', 'test', '--data', 'there', '--quiet');
  expect(ended).toMatchObject({ status: 0, stdout: '0\n1\n2\n3\n' });
});

test('resume --data makes what a finished run lacks', () => {
  rmSync(at('split/report.html'));
  const ended = varpool(dir, 'resume', 'split', '--data', 'there', '--json', '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).not.toContain('no report');
  expect(jsonOf(ended)).toMatchObject({ report: join('split', 'report.html'), posteriorDigest: digest });
});
