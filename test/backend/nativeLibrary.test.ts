// Where the library of native kernels is looked for, in which order, and what is said of each place that has none to call.

import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  findNativeLibrary,
  hereAndNow,
  type NativeLibrary,
  nativePackage,
  PACKAGED,
  type SearchPlaces,
} from '../../src/backend/nativeLibrary.node.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'varpool-library-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const MACHINE = 'linux-x64';
let root: string;
let count = 0;

function write(path: string, content: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** A package or checkout of version 1.2.3, and nothing native. */
beforeEach(() => {
  root = join(folder, String(count++));
  write('package.json', '{ "version": "1.2.3" }');
  write('dist/kernels/build.json', JSON.stringify({ sources: 'a'.repeat(64) }));
});

function find(more: Partial<SearchPlaces> = {}): NativeLibrary {
  const from = join(root, 'dist/backend/native.node.js');
  return findNativeLibrary({ named: undefined, machine: MACHINE, root, from, ...more });
}

function reason(more: Partial<SearchPlaces> = {}): string {
  const found = find(more);
  if (found.ok) throw new Error(`expected no library, got ${found.path}`);
  expect(found.reason).not.toContain('\n');
  return found.reason;
}

function installPackage(version: string, library: string | null): void {
  write(`node_modules/${nativePackage(MACHINE)}/package.json`, JSON.stringify({ version }));
  if (library !== null) write(`node_modules/${nativePackage(MACHINE)}/varpool.so`, library);
}
const makeCheckout = () => write('kernels/build-native.mjs', '');

describe('an installed varpool', () => {
  test('names the package that is missing, of its own version', () => {
    expect(reason()).toMatch(/^the optional package @varpool\/native-linux-x64@1\.2\.3 is not installed — /);
  });

  test('says for which machines there are packages where there is none for this one', () => {
    expect(reason({ machine: 'freebsd-riscv64' })).toBe(
      `no package of native kernels is made for freebsd-riscv64, only for ${PACKAGED.join(', ')} — WebAssembly serves here`,
    );
  });

  test.each(['1.2.2', '1.2.3-beta.1', '2.0.0'])('refuses a package of version %s', (version) => {
    installPackage(version, 'of no matter');
    expect(reason()).toBe(
      `@varpool/native-linux-x64: expected version 1.2.3, got ${version} — npm install @varpool/native-linux-x64@1.2.3`,
    );
  });

  test('refuses a package that is damaged: no manifest to read, no library, or one that does not load', () => {
    installPackage('1.2.3', null);
    expect(reason()).toMatch(
      /^@varpool\/native-linux-x64: expected a library, got none at .*varpool\.so — install/,
    );
    installPackage('1.2.3', 'not a library');
    expect(reason()).toMatch(/varpool\.so: ./);
    write(`node_modules/${nativePackage(MACHINE)}/package.json`, '{');
    expect(reason()).toMatch(/expected version 1\.2\.3, got none/);
  });
});

describe('a checkout', () => {
  beforeEach(makeCheckout);

  test('says how to build a library, and mentions no package that is not expected there', () => {
    expect(reason()).toBe(
      `no library at ${join(root, 'dist/native/linux-x64/varpool.so')} — with a C compiler, npm run build:native makes it`,
    );
  });

  test('tells of a package that was passed over as well', () => {
    installPackage('0.1.0', 'of no matter');
    expect(reason()).toMatch(/expected version 1\.2\.3, got 0\.1\.0.*; no library at /);
  });
});

describe('VARPOOL_NATIVE_LIBRARY', () => {
  test('is taken at its word: nothing else is tried', () => {
    installPackage('1.2.3', 'not a library');
    makeCheckout();
    expect(reason({ named: join(root, 'nowhere.so') })).toBe(
      `VARPOOL_NATIVE_LIBRARY: expected a file, got none at ${join(root, 'nowhere.so')} — mend the path or unset it`,
    );
    const named = write('elsewhere/varpool.so', 'not a library');
    expect(reason({ named })).toMatch(RegExp(`^${named}: [^;]+$`));
  });
});

// Optional, and of no use once the sources have changed; where there is a compiler, CI builds one before this and says so.
const built = resolve(`dist/native/${process.platform}-${process.arch}`);
const usable = findNativeLibrary({ ...hereAndNow(), named: undefined }).ok;
describe.runIf(usable || process.env.VARPOOL_EXPECT_NATIVE === '1')('the library built here', () => {
  const { machine, root: own } = hereAndNow();
  const name = `varpool.${{ linux: 'so', darwin: 'dylib', win32: 'dll' }[process.platform as string]}`;
  const library = join(built, name);
  const place = (path: string) => {
    const file = write(path, '');
    copyFileSync(library, file);
    return file;
  };

  test('is found in this checkout, with its variants', () => {
    expect(findNativeLibrary({ ...hereAndNow(), named: undefined })).toMatchObject({
      ok: true,
      path: join(own, 'dist/native', machine, name),
      origin: 'checkout',
      variants: expect.arrayContaining([process.arch === 'x64' ? 'sse2' : 'neon']),
      passedOver: [],
    });
  });

  test('is refused where WebAssembly was built from other sources', () => {
    const named = place('varpool.so');
    expect(reason({ named })).toMatch(
      /was built from other kernel sources, \w{12} where this varpool has a{12} — /,
    );
    rmSync(join(root, 'dist/kernels/build.json'));
    expect(reason({ named })).toBe(
      'no dist/kernels/build.json to compare a library with — run npm run build',
    );
  });

  test('is taken from the environment, then a package, then the checkout', () => {
    copyFileSync(resolve('dist/kernels/build.json'), join(root, 'dist/kernels/build.json'));
    makeCheckout();
    const checkout = place(`dist/native/${machine}/${name}`);
    expect(find({ machine })).toMatchObject({
      ok: true,
      path: checkout,
      origin: 'checkout',
      passedOver: [],
    });
    const manifest = `node_modules/${nativePackage(machine)}/package.json`;
    write(manifest, '{ "version": "1.2.2" }');
    const installed = place(`node_modules/${nativePackage(machine)}/${name}`);
    expect(find({ machine })).toMatchObject({
      path: checkout,
      passedOver: [expect.stringMatching(/expected version 1\.2\.3, got 1\.2\.2/)],
    });
    write(manifest, '{ "version": "1.2.3" }');
    expect(find({ machine })).toMatchObject({ path: installed, origin: 'package', passedOver: [] });
    const named = place('elsewhere.so');
    expect(find({ machine, named })).toMatchObject({ path: named, origin: 'environment', passedOver: [] });
  });
});

test('packages are looked for on the machines they are made for', async () => {
  // A module of the build, without types.
  const toolchain = '../../kernels/toolchain.mjs';
  const { PACKAGED: made, targetName } = (await import(toolchain)) as {
    PACKAGED: object[];
    targetName: (target: object) => string;
  };
  expect(PACKAGED).toEqual(made.map(targetName));
});
