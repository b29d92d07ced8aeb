// What the package holds for browsers: two files without imports, in whose text bundlers find the worker and the kernels.

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';

const packed = (name: string) => readFileSync(`dist/browser/${name}`, 'utf8');

test.each(['browser.js', 'browser/workerEntry.js'])('%s leads to nothing of Node', async (entry) => {
  const { metafile, outputFiles } = await build({
    entryPoints: [`dist/${entry}`],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.length).toBeGreaterThan(80);
  expect(inputs.filter((name) => /platform\/node|\.node\.js$|piscina|koffi/.test(name))).toEqual([]);
  const imports = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
  expect(imports).toEqual([]);
  expect(outputFiles[0].text).not.toMatch(/['"]node:|\bprocess\.|\beval\(/);
});

test('the parts are named literally, so that bundlers find them', () => {
  const page = packed('varpool.js').replace(/\s+/g, '');
  expect(page).toContain('newWorker(newURL("./worker.js",import.meta.url),{type:"module"})');
  expect(page).toContain('newURL("../kernels/varpool.wasm",import.meta.url)');
  expect(page).toContain('newURL("../kernels/varpool-emulated.wasm",import.meta.url)');
  for (const name of ['varpool.js', 'worker.js']) expect(packed(name)).not.toMatch(/(^|;)import\s*[{*"']/m);
  // Workers may be turned into scripts of the old kind, which know no such thing.
  expect(packed('worker.js')).not.toMatch(/^await\b/m);
});

test('the version in the code is that of the package', () => {
  expect(VERSION).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
});
