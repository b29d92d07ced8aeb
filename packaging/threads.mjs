// @ts-check
// Bundles the programs of Node's threads, each into one file without imports: dist/platform/node/worker.js and session.js. A bundler or a
// tracer that copies the file has copied the program. Runs after tsc.

import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../dist/platform/node/', import.meta.url));
const ENTRIES = { 'worker.js': 'workerEntry.js', 'session.js': 'sessionEntry.js' };

/** Workers are sent the compiled kernels: the files are the main thread's to read, and no bundler need look for them beside a worker. */
const withoutKernels = /** @type {import('esbuild').Plugin} */ ({
  name: 'without kernels',
  setup(build) {
    build.onResolve({ filter: /\/(kernelFile|relaxedSimd)\.js$/ }, ({ path }) => ({
      path,
      namespace: 'main thread',
    }));
    build.onLoad({ filter: /./, namespace: 'main thread' }, () => ({
      contents: `const refuse = () => { throw new Error('kernels: expected the main thread to read them, got a worker'); };
export { refuse as readKernelFile, refuse as enableRelaxedSimd };`,
    }));
  },
});

for (const [name, entry] of Object.entries(ENTRIES)) {
  const file = folder + name;
  await build({
    entryPoints: [folder + entry],
    outfile: `${file}.${process.pid}`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // White space stays, and with it the comments that keep bundlers from what only tests import.
    minifySyntax: true,
    legalComments: 'eof',
    logLevel: 'warning',
    plugins: [withoutKernels],
  });
  // Written aside and renamed: a test that runs beside a build sees the old file or the new one.
  renameSync(`${file}.${process.pid}`, file);
}
