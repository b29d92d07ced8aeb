// Where things lie: run directories behind symbolic links, data that moved, pipes in the place of files, few files that may be open.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { flowers, jsonOf, MAIN, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const at = (...names: string[]) => join(dir, ...names);
const HERE = at('home', 'project');
const RUN = at('disk', 'far', 'away', 'runs', 'flowers-1');

beforeAll(() => {
  mkdirSync(HERE, { recursive: true });
  mkdirSync(at('disk', 'far', 'away', 'runs'), { recursive: true });
  symlinkSync(at('disk', 'far', 'away', 'runs'), join(HERE, 'runs'));
  writeFileSync(join(HERE, 'flowers.csv'), flowers(60));
  writeFileSync(join(HERE, 'new.csv'), 'width,height\n1,0.5\n');
  const data = '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3 }';
  writeConfig(HERE, 'flowers.yaml', data);
  const ended = varpool(HERE, 'train', 'flowers.yaml', '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
});

describe('a run directory behind a symbolic link', () => {
  test('has its data found from there, from its link and from its real place', () => {
    const { test: metrics } = JSON.parse(readFileSync(join(RUN, 'manifest.json'), 'utf8'));
    for (const [from, run] of [
      [HERE, 'runs/flowers-1'],
      [join(HERE, 'runs', 'flowers-1'), '.'],
      [RUN, '.'],
      ['/', RUN],
    ]) {
      const ended = varpool(from, 'evaluate', run, '--json');
      expect(ended.status, ended.stderr).toBe(0);
      expect(jsonOf(ended)).toMatchObject(metrics);
    }
    rmSync(join(RUN, 'report.html'));
    expect(varpool(join(HERE, 'runs', 'flowers-1'), 'resume', '.')).toMatchObject({
      status: 0,
      stderr: '. was finished but for its report, which is made\n',
    });
  });

  test('whose config an older version wrote by the name of the link opens as before', () => {
    mkdirSync(join(RUN, '..', 'older'));
    for (const name of ['manifest.json', 'posterior.safetensors'])
      copyFileSync(join(RUN, name), join(RUN, '..', 'older', name));
    const text = readFileSync(join(RUN, 'config.yaml'), 'utf8');
    expect(text).toContain('path: ../../../../../home/project/flowers.csv');
    const older = text.replace('../../../../../home/project/flowers.csv', '../../flowers.csv');
    writeFileSync(join(RUN, '..', 'older', 'config.yaml'), older);
    expect(varpool(HERE, 'evaluate', 'runs/older').status).toBe(0);
  });
});

test('a run whose data moved predicts; what needs the data says what to do', () => {
  renameSync(join(HERE, 'flowers.csv'), at('flowers.csv'));
  try {
    const run = 'runs/flowers-1';
    expect(varpool(HERE, 'predict', run, '--data', 'new.csv')).toMatchObject({ status: 0, stderr: '' });
    expect(varpool(HERE, 'evaluate', run, '--data', at('flowers.csv')).status).toBe(0);
    const refused = (next: string, ...words: string[]) => {
      const { status, stderr } = varpool(HERE, ...words);
      expect(stderr).toMatch(
        /^varpool: [^\n]*flowers\.csv \(from [^\n]+\): expected data, got nothing at this path — /,
      );
      expect(stderr).toContain(` — ${next}\n`);
      expect(status).toBe(2);
    };
    const into = `write where it is into data.path of ${run}/config.yaml`;
    refused(`pass --data FILE with rows and targets, or ${into}`, 'evaluate', run);
    refused('put it back, or pass --data with where it is now', 'verify', run);
    refused(`put it there, or correct data.path in ${run}/config.yaml`, 'train', `${run}/config.yaml`);
    refused('put it there, or correct data.path in flowers.yaml', 'train', 'flowers.yaml');
    // Either step is the right one.
    expect(varpool(HERE, 'verify', run, '--data', at('flowers.csv'), '--quiet').status).toBe(0);
    const path = join(RUN, 'config.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/path: .*flowers\.csv/, `path: ${at('flowers.csv')}`));
    expect(varpool(HERE, 'verify', run, '--quiet').status).toBe(0);
    writeFileSync(path, text);
  } finally {
    renameSync(at('flowers.csv'), join(HERE, 'flowers.csv'));
  }
});

test('a run directory is no config, and what can be done with it is said', () => {
  expect(varpool(HERE, 'train', 'runs/flowers-1')).toMatchObject({
    status: 2,
    stderr:
      'varpool: runs/flowers-1: expected a config file, got a run directory — varpool resume runs/flowers-1 resumes it, varpool train runs/flowers-1/config.yaml starts over\n',
  });
});

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('a pipe in the place of a file is refused, not waited for', () => {
    expect(spawnSync('mkfifo', [join(HERE, 'pipe')]).status).toBe(0);
    writeConfig(HERE, 'piped.yaml', '{ kind: csv, path: pipe }');
    for (const words of [
      ['train', 'pipe'],
      ['sweep', 'pipe', '--out', 'swept'],
      ['train', 'piped.yaml'],
      ['predict', 'runs/flowers-1', '--data', 'pipe'],
    ]) {
      const { status, stderr } = varpool(HERE, ...words);
      expect(stderr).toMatch(
        /^varpool: [^\n]*pipe: expected [^\n]*, got a device(, | or )pipe[^\n]* — [^\n]+\n$/,
      );
      expect(status).toBe(2);
    }
  });

  test('too few files that may be open are told in a line', () => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `ulimit -n 40; exec "$0" "$1" demo`, process.execPath, MAIN],
      {
        cwd: HERE,
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe(
      'varpool: ulimit -n: expected at least 512 files that may be open at once, got 40 — raise it: ulimit -n 1024\n',
    );
    expect(status).toBe(2);
  });
});
