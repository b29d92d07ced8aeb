// Where a run was made: the package's version and the record of the kernel build.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { readKernelBuild, varpoolVersion } from '../../src/experiment/provenance.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-provenance-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const HASH = 'ab'.repeat(32);

describe('provenance', () => {
  it('reads the build of the kernels and says how to make one', () => {
    const path = join(scratch, 'build.json');
    writeFileSync(path, JSON.stringify({ sources: HASH, wasm: HASH, bytes: 3 }));
    expect(readKernelBuild(path)).toEqual({ sources: HASH, wasm: HASH });
    for (const [text, got] of [
      ['{}', 'the record of the kernel build, got something else — run npm run build'],
      [
        `{"sources":"${HASH}","wasm":"short"}`,
        'the record of the kernel build, got something else — run npm run build',
      ],
    ]) {
      writeFileSync(path, text);
      expect(() => readKernelBuild(path)).toThrow(new ConfigError(`${path}: expected ${got}`));
    }
    const none = join(scratch, 'none.json');
    const message = `${none}: expected the record of the kernel build, got no such file — check the path`;
    expect(() => readKernelBuild(none)).toThrow(new ConfigError(message));
  });

  it('knows its own version', () => {
    expect(varpoolVersion()).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
  });
});
