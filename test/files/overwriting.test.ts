// A file that is read is known under every name that leads to it; other files of the same directory may be written.

import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { createRun, makeDirectory } from '../../src/experiment/run/directory.ts';
import { refuseOverwriting } from '../../src/files/overwriting.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'varpool-overwriting-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (...names: string[]) => join(dir, ...names);
mkdirSync(at('data'));
mkdirSync(at('idx'));
writeFileSync(at('data', 'a.csv'), 'a\n1\n');
writeFileSync(at('idx', 'train-images-idx3-ubyte'), 'x');
linkSync(at('data', 'a.csv'), at('hard.csv'));
symlinkSync('data/a.csv', at('soft.csv'));
symlinkSync('data', at('other'));
symlinkSync(at('idx', 'train-images-idx3-ubyte'), at('soft.npy'));
symlinkSync(at('data', 'new.csv'), at('dangling.csv'));

const refuse = (out: string, ...reads: string[]) => refuseOverwriting('--out', { files: [out] }, reads);

test.each([
  at('data', 'a.csv'),
  at('data', '..', 'data', 'a.csv'),
  at('other', 'a.csv'),
  at('hard.csv'),
  at('soft.csv'),
  relative(process.cwd(), at('data', 'a.csv')),
])('%s is the file that is read', (out) => {
  expect(() => refuse(out, at('data', 'a.csv'))).toThrow(ConfigError);
  expect(() => refuse(at('data', 'a.csv'), out)).toThrow(
    /^--out: expected a place that holds no file the command reads, got /,
  );
});

test('a file of a directory that is read as IDX is known too', () => {
  expect(() => refuse(at('soft.npy'), at('idx'))).toThrow(ConfigError);
  expect(() => refuse(at('idx', 'predictions.npy'), at('idx'))).not.toThrow();
});

test('other files may be written, new or not; what is not there cannot be lost', () => {
  writeFileSync(at('data', 'out.csv'), '');
  for (const out of [at('data', 'out.csv'), at('data', 'new.csv'), at('none', 'a.csv')])
    expect(() => refuse(out, at('data', 'a.csv'), at('data', 'gone.csv'))).not.toThrow();
});

test('whole trees: a file below one is known under any name', () => {
  const writing = { files: [], trees: [at('other')] };
  expect(() => refuseOverwriting('sweep', writing, [at('soft.csv')])).toThrow(ConfigError);
  expect(() => refuseOverwriting('sweep', writing, [at('idx')])).not.toThrow();
});

test('an empty path is not the working directory', () => {
  expect(() => makeDirectory('')).toThrow(/expected a path, got an empty string — name one$/);
  expect(() => createRun('')).toThrow(ConfigError);
});
