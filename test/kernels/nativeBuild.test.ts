// The native build that is part of every build: it may find no compiler, or one that fails, and must neither end the build nor repeat
// itself; asked for by name, it must fail.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nativeState } from '../../src/backend/native.node.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varpool-native-build-'));
  symlinkSync(process.execPath, join(folder, 'node'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the build with a PATH on which there is nothing but node. */
function build(CC: string | undefined, ...words: string[]) {
  const { CC: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ['kernels/build-native.mjs', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...env, PATH: folder, ...(CC === undefined ? {} : { CC }) },
  });
  return { status: run.status, lines: (run.stdout + run.stderr).trimEnd().split('\n').filter(Boolean) };
}

describe.skipIf(process.platform === 'win32')('where no library can be made', () => {
  test('without a compiler it is skipped with one line, once', () => {
    const out = join(folder, 'none');
    const first = build(undefined, '--if-possible', '--out', out);
    expect(first.status).toBe(0);
    expect(first.lines).toEqual([
      expect.stringMatching(
        /^native: not built, so WebAssembly computes: expected a C compiler for .+, got none — install one/,
      ),
    ]);
    expect(readdirSync(out)).toEqual(['build.json']);
    expect(build(undefined, '--if-possible', '--out', out)).toEqual({ status: 0, lines: [] });
  });

  test('a compiler that fails does not end the build, and is tried again when it is another', () => {
    const out = join(folder, 'failing');
    const compiler = join(folder, 'failing-cc');
    writeFileSync(
      compiler,
      '#!/bin/sh\n[ "$1" = --version ] && echo cc 1.0 && exit 0\necho wrong >&2\nexit 1\n',
    );
    chmodSync(compiler, 0o755);
    const failed = build(compiler, '--if-possible', '--out', out);
    expect(failed.status).toBe(0);
    expect(failed.lines).toEqual([
      expect.stringMatching(
        /expected .+failing-cc to succeed, got exit status 1 — npm run build:native shows its message$/,
      ),
    ]);
    expect(build(compiler, '--if-possible', '--out', out).lines.length).toBe(1);
    expect(build(undefined, '--if-possible', '--out', out).lines.length).toBe(1);
  });

  test('asked for by name it fails and shows what the compiler said', () => {
    const out = join(folder, 'asked');
    const none = build(undefined, '--out', out);
    expect(none).toEqual({
      status: 2,
      lines: [expect.stringMatching(/^build:native: expected a C compiler/)],
    });
    const failed = build(join(folder, 'failing-cc'), '--out', out);
    expect(failed.status).toBe(2);
    expect(failed.lines).toContain('wrong');
    expect(existsSync(join(out, 'build.json'))).toBe(false);
  });
});

const { library } = nativeState();

test.skipIf(!library.ok || library.origin !== 'checkout')(
  'a library of these sources is left as it is',
  () => {
    const { path } = library as { path: string };
    const before = statSync(path).mtimeMs;
    expect(build(undefined, '--if-possible')).toEqual({ status: 0, lines: [] });
    expect(statSync(path).mtimeMs).toBe(before);
  },
);
