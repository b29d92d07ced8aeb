// The parts of the page that come from the uPlot package, read where it is installed, and the hashes that let only them run.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Chart library as text: script, style, and the license that has to travel with both. */
export interface Assets {
  readonly script: string;
  readonly style: string;
  readonly license: string;
}

/** Reads uPlot's browser build. @throws Error if the package is not installed */
export function uplotAssets(): Assets {
  const require = createRequire(import.meta.url);
  const read = (path: string) =>
    readFileSync(require.resolve(`uplot/${path}`), 'utf8')
      .replaceAll('\r', '')
      .trim();
  return {
    script: read('dist/uPlot.iife.min.js'),
    style: read('dist/uPlot.min.css'),
    license: read('LICENSE'),
  };
}

/** The source expression a Content-Security-Policy allows exactly this inline script by. */
export function scriptSource(script: string): string {
  return `'sha256-${createHash('sha256').update(script, 'utf8').digest('base64')}'`;
}
