// Directories of temporary files: gone with their process, or with the next one where that was killed.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { LOCK_NAME } from '../../src/files/lock.ts';
import { ScratchDirectory } from '../../src/files/scratchDirectory.ts';

const parent = mkdtempSync(join(tmpdir(), 'varpool-scratch-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
const PREFIX = 'varpool-verify-';
const at = (...names: string[]) => join(parent, ...names);

test('is there until it is removed', () => {
  const scratch = new ScratchDirectory(PREFIX, parent);
  writeFileSync(join(scratch.dir, 'file'), 'x');
  scratch.remove();
  expect(readdirSync(parent)).toEqual([]);
});

test('takes those of dead processes away, and no others', () => {
  const living = new ScratchDirectory(PREFIX, parent);
  mkdirSync(at(`${PREFIX}dead`, 'run'), { recursive: true });
  writeFileSync(at(`${PREFIX}dead`, 'run', 'posterior.safetensors'), 'x');
  const dead = { pid: 999_999_999, began: null, host: hostname() };
  writeFileSync(at(`${PREFIX}dead`, LOCK_NAME), JSON.stringify(dead));
  mkdirSync(at(`${PREFIX}fresh`));
  mkdirSync(at('other'));
  const scratch = new ScratchDirectory(PREFIX, parent);
  expect(existsSync(at(`${PREFIX}dead`))).toBe(false);
  expect(existsSync(living.dir)).toBe(true);
  scratch.remove();
  living.remove();
  expect(readdirSync(parent).sort()).toEqual(['other', `${PREFIX}fresh`]);
});

test('a place where none can be made is reported in one line', () => {
  expect(() => new ScratchDirectory(PREFIX, at('none'))).toThrow(CheckpointError);
});
