// Where a run was made: the package's version and the record of the kernel build.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { cpuFeatures } from '../../src/experiment/cpuFeatures.ts';
import {
  currentPlatform,
  packageVersions,
  readKernelBuild,
  varpoolVersion,
} from '../../src/experiment/provenance.ts';

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

  it('knows the versions of what it runs with', () => {
    const versions = packageVersions();
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(Object.keys(versions)).toEqual(expect.arrayContaining(['v8', ...Object.keys(dependencies)]));
    const installed = readFileSync('node_modules/seedrandom/package.json', 'utf8');
    expect(versions.seedrandom).toBe(JSON.parse(installed).version);
    expect(versions.v8).toBe(process.versions.v8);
  });

  it('reads the vector instructions of x86 and arm64, and none where nothing tells them', () => {
    const x86 =
      'processor\t: 0\nmodel name\t: Any\nflags\t\t: fpu sse2 avx2 fma erms avx512f\n\nprocessor\t: 1\nflags\t: sse2\n';
    expect(cpuFeatures(x86)).toEqual(['sse2', 'avx2', 'fma', 'avx512f']);
    expect(cpuFeatures('Features\t: fp asimd evtstrm sve crc32\n')).toEqual(['asimd', 'sve']);
    expect(cpuFeatures('')).toEqual([]);
    expect(currentPlatform().features).toEqual(cpuFeatures());
  });
});
