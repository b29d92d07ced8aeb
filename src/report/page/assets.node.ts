// The parts of the page that come from the uPlot package, read where it is installed, and the hashes that let only them run.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { CheckpointError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';

/** Chart library as text: script, style, and the license that has to travel with both. */
export interface Assets {
  readonly script: string;
  readonly style: string;
  readonly license: string;
}

/** Reads uPlot's browser build. @throws CheckpointError if it cannot be read */
export function uplotAssets(): Assets {
  const require = createRequire(import.meta.url);
  const read = (path: string) => {
    try {
      return readFileSync(require.resolve(`uplot/${path}`), 'utf8')
        .replaceAll('\r', '')
        .trim();
    } catch (cause) {
      const { code = 'an error' } = cause as NodeJS.ErrnoException;
      throw new CheckpointError(
        mismatch('report', `uplot/${path}, which is installed with varpool`, code, 'install varpool again'),
        { cause },
      );
    }
  };
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
