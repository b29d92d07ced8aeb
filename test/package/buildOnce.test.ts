// When a checkout is built again: after a change of what a build is made from, and not otherwise.

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isStale } from '../../packaging/buildOnce.mjs';

const root = mkdtempSync(join(tmpdir(), 'varpool-build-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Writes a file dated that many seconds after the first. */
function write(path: string, at: number): void {
  const whole = join(root, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, '');
  utimesSync(whole, 1_000_000 + at, 1_000_000 + at);
  for (let dir = join(whole, '..'); dir !== root; dir = join(dir, '..'))
    utimesSync(dir, 1_000_000 + at, 1_000_000 + at);
}

test('is stale until it is built, and again after a change anywhere below', () => {
  write('src/deep/er/file.ts', 1);
  write('package.json', 1);
  expect(isStale(root)).toBe(true);
  write('dist/cli/main.js', 2);
  expect(isStale(root)).toBe(true);
  write('dist/.built', 3);
  expect(isStale(root)).toBe(false);
  for (const path of ['src/deep/er/file.ts', 'kernels/new.c', 'node_modules/.package-lock.json']) {
    write('dist/.built', 3);
    write(path, 10);
    expect(isStale(root), path).toBe(true);
    write('dist/.built', 11);
    write(path, 1);
    expect(isStale(root), path).toBe(false);
  }
});

test('a file that is gone is a change', () => {
  write('src/deep/er/gone.ts', 1);
  write('src/deep/er/file.ts', 1);
  write('dist/.built', 11);
  expect(isStale(root)).toBe(false);
  rmSync(join(root, 'src/deep/er/gone.ts'));
  expect(isStale(root)).toBe(true);
});
