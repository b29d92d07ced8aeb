// The parts of the page that come from the uPlot package, read where it is installed, and the hashes that let only them run.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
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

/** What a page needs to predict by itself: the program as a script, and the kernels, gzip in base64. @throws CheckpointError */
export function predictionAssets(): { readonly script: string; readonly kernels: string } {
  // dist/, seen from dist/report/page/ or, under a test runner that loads the sources, from src/report/page/.
  const dist = new URL(import.meta.url.endsWith('.ts') ? '../../../dist/' : '../../', import.meta.url);
  const read = (path: string) => {
    try {
      return readFileSync(new URL(path, dist));
    } catch (cause) {
      const { code = 'an error' } = cause as NodeJS.ErrnoException;
      throw new CheckpointError(
        mismatch('report', `dist/${path} of varpool`, code, 'run npm run build, or install varpool again'),
        { cause },
      );
    }
  };
  return {
    script: read('browser/inPage.js').toString('utf8').replaceAll('</script', '<\\/script').trim(),
    kernels: packed(read('kernels/varpool.wasm')),
  };
}

/** Bytes for the text of a page: gzip in base64. */
export function packed(bytes: Uint8Array): string {
  return gzipSync(bytes, { level: 9 }).toString('base64');
}

/** The source expression a Content-Security-Policy allows exactly this inline script by. */
export function scriptSource(script: string): string {
  return `'sha256-${createHash('sha256').update(script, 'utf8').digest('base64')}'`;
}
