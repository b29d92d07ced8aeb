// @ts-check
// Bundles what a browser loads, each into one file without imports: dist/browser/varpool.js, which `varpool/browser` names, and
// dist/browser/worker.js, which it starts. Runs after tsc. The kernels stay files of their own.

import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const ENTRIES = { 'varpool.js': 'browser.js', 'worker.js': 'browser/workerEntry.js' };

for (const [name, entry] of Object.entries(ENTRIES)) {
  const file = `${dist}browser/${name}`;
  // Anything of Node's in the graph is an error here: the platform has none of its modules.
  await build({
    entryPoints: [dist + entry],
    outfile: `${file}.${process.pid}`,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    // Names stay: errors are distinguished by them, and a stack shows them.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'eof',
    logLevel: 'warning',
  });
  // Written aside and renamed: a test that runs beside a build sees the old file or the new one.
  renameSync(`${file}.${process.pid}`, file);
}

// What report.html takes along to predict by itself: a script of the old kind, as small as can be, for it is in every such file.
const inPage = `${dist}browser/inPage.js`;
await build({
  entryPoints: [`${dist}browser/inPageEntry.js`],
  outfile: `${inPage}.${process.pid}`,
  bundle: true,
  platform: 'browser',
  format: 'iife',
  target: 'es2022',
  minify: true,
  legalComments: 'inline',
  logLevel: 'warning',
});
renameSync(`${inPage}.${process.pid}`, inPage);
