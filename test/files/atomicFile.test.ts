// Whole or not at all: the old content survives every failed system call and every kill, and no temporary file stays behind.

import { execFileSync, fork } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError, ConfigError } from '../../src/errors.ts';

type System = typeof import('node:fs');
/** System calls that fail in place of the real ones, by name. */
const faults = vi.hoisted(() => new Map<string, (...args: unknown[]) => unknown>());
vi.mock('node:fs', async (original) => {
  const real = await original<System>();
  const wrapped =
    (name: 'writeSync' | 'fsyncSync' | 'renameSync' | 'openSync' | 'accessSync') =>
    (...args: unknown[]) =>
      (faults.get(name) ?? (real[name] as (...all: unknown[]) => unknown))(...args);
  const names = ['writeSync', 'fsyncSync', 'renameSync', 'openSync', 'accessSync'] as const;
  return { ...real, ...Object.fromEntries(names.map((name) => [name, wrapped(name)])) };
});
const { writeFileAtomic } = await import('../../src/files/atomicFile.ts');

const scratch = fs.mkdtempSync(join(tmpdir(), 'varpool-atomic-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(scratch, 'd-'));
});
afterEach(() => faults.clear());

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code });
};
const text = (path: string) => fs.readFileSync(path, 'utf8');

describe('writing', () => {
  it('makes and replaces files from text, bytes and chunks', () => {
    const path = join(dir, 'a');
    writeFileAtomic(path, 'one');
    expect(text(path)).toBe('one');
    writeFileAtomic(path, new Uint8Array([0, 116, 119, 111, 0]).subarray(1, 4));
    expect(text(path)).toBe('two');
    writeFileAtomic(path, [Buffer.from('th'), new Uint8Array(), Uint16Array.of(0x6572), Buffer.from('e')]);
    expect(text(path)).toBe('three');
    writeFileAtomic(path, new Set(['fo', Buffer.from('ur')]));
    expect(text(path)).toBe('four');
    expect(fs.readdirSync(dir)).toEqual(['a']);
  });

  it('keeps the old file where making the pieces of the new one fails', () => {
    const path = join(dir, 'a');
    writeFileAtomic(path, 'old');
    function* pieces() {
      yield 'new';
      throw new RangeError('no more');
    }
    expect(() => writeFileAtomic(path, pieces())).toThrow(new RangeError('no more'));
    expect([text(path), fs.readdirSync(dir)]).toEqual(['old', ['a']]);
  });

  it('continues after a write that took only a part', async () => {
    const real = (await vi.importActual<System>('node:fs')).writeSync as (...args: unknown[]) => number;
    faults.set('writeSync', (fd, bytes, at, length) => real(fd, bytes, at, Math.min(3, length as number)));
    writeFileAtomic(join(dir, 'a'), 'ten letters');
    expect(text(join(dir, 'a'))).toBe('ten letters');
  });

  it('syncs the file before the rename and the directory after it', async () => {
    const real = await vi.importActual<System>('node:fs');
    const calls: string[] = [];
    faults.set('fsyncSync', (fd) => {
      calls.push(real.fstatSync(fd as number).isDirectory() ? 'sync directory' : 'sync file');
    });
    faults.set('renameSync', (from, to) => {
      calls.push('rename');
      real.renameSync(from as string, to as string);
    });
    writeFileAtomic(join(dir, 'a'), 'x');
    expect(calls).toEqual(['sync file', 'rename', 'sync directory']);
  });

  it('keeps a symbolic link and the mode of the file behind it', () => {
    const [file, link] = [join(dir, 'file'), join(dir, 'link')];
    fs.writeFileSync(file, 'old', { mode: 0o640 });
    fs.symlinkSync('file', link);
    writeFileAtomic(link, 'new');
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(text(file)).toBe('new');
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
  });

  it('writes to a device instead of replacing it', () => {
    writeFileAtomic('/dev/null', 'x');
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

describe('failing', () => {
  const WANTED = 'expected a file that can be written, got';
  it.each([
    ['openSync', 'EACCES', 'permission denied — choose another place or change its permissions'],
    ['openSync', 'EROFS', 'a read-only file system — choose another place'],
    ['writeSync', 'ENOSPC', 'no space left on the disk — free some or choose another disk'],
    ['writeSync', 'EDQUOT', 'no space left on the disk — free some or choose another disk'],
    ['fsyncSync', 'EIO', 'a system error (EIO) — check the disk'],
    ['renameSync', 'EPERM', 'permission denied — choose another place or change its permissions'],
    ['accessSync', 'EACCES', 'permission denied — choose another place or change its permissions'],
  ])('%s %s leaves the old content and nothing else', (call, code, got) => {
    const path = join(dir, 'a');
    fs.writeFileSync(path, 'old');
    faults.set(call, failing(code));
    let error: unknown;
    try {
      writeFileAtomic(path, 'new', CheckpointError);
    } catch (thrown) {
      error = thrown;
    }
    faults.clear();
    expect(error).toEqual(new CheckpointError(`${path}: ${WANTED} ${got}`));
    expect((error as Error).cause).toMatchObject({ code });
    expect(text(path)).toBe('old');
    expect(fs.readdirSync(dir)).toEqual(['a']);
  });

  it.each([
    ['none/a', 'no such directory — create it first'],
    ['file/a', 'a path through a file that is not a directory — check the path'],
    ['.', 'a directory — name a file'],
    ['x'.repeat(300), 'a name that is too long — choose a shorter one'],
  ])('%s', (name, got) => {
    fs.writeFileSync(join(dir, 'file'), 'old');
    const path = join(dir, name);
    expect(() => writeFileAtomic(path, 'new')).toThrow(new ConfigError(`${path}: ${WANTED} ${got}`));
    expect(fs.readdirSync(dir)).toEqual(['file']);
    expect(text(join(dir, 'file'))).toBe('old');
  });
});

it('a kill at any moment leaves one whole content', async () => {
  // Node 20 runs no TypeScript, and packages are found only from inside the project: hence a build beside node_modules.
  const built = fs.mkdtempSync(resolve('node_modules/.varpool-test-'));
  try {
    const options =
      '--module nodenext --target es2023 --rewriteRelativeImportExtensions --types node --skipLibCheck --ignoreConfig';
    execFileSync(process.execPath, [
      resolve('node_modules/typescript/bin/tsc'),
      'src/files/atomicFile.ts',
      '--outDir',
      built,
      '--rootDir',
      'src',
      ...options.split(' '),
    ]);
    fs.writeFileSync(join(built, 'package.json'), '{"type":"module"}');
    const script = join(built, 'loop.mjs');
    fs.writeFileSync(
      script,
      `import { writeFileAtomic } from './files/atomicFile.js';
       for (let n = 0; ; n++) { writeFileAtomic(process.argv[2], 'ab'[n % 2].repeat(2_000_000)); if (n === 1) process.send('going'); }`,
    );
    const path = join(dir, 'a');
    for (let round = 0; round < 8; round++) {
      const child = fork(script, [path], { execArgv: [], stdio: 'inherit' });
      const ended = new Promise((done) => child.once('exit', (_, signal) => done(signal)));
      await new Promise((done, fail) => {
        child.once('message', done);
        child.once('exit', () => fail(new Error('the writer ended by itself')));
      });
      await new Promise((done) => setTimeout(done, 3 + 7 * round));
      child.kill('SIGKILL');
      expect(await ended).toBe('SIGKILL');
      const content = text(path);
      expect(content.length).toBe(2_000_000);
      expect(/^(a+|b+)$/.test(content)).toBe(true);
    }
  } finally {
    fs.rmSync(built, { recursive: true });
  }
});
