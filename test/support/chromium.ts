// A browser for pages: Chromium without a window, where there is one. Tests that need it are skipped where there is none, and say so in
// their title; where VARPOOL_EXPECT_BROWSER is set they fail instead.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

function findChromium(): string | null {
  const named = process.env.VARPOOL_CHROMIUM;
  const candidates = named ? [named] : NAMES;
  return candidates.find((name) => spawnSync(name, ['--version'], { timeout: 20_000 }).status === 0) ?? null;
}

const chromium = findChromium();
const expected = Boolean(process.env.VARPOOL_EXPECT_BROWSER);

/** A test that takes a browser; the title says so, and whether there is one. */
export function testInChromium(title: string, body: () => void | Promise<void>): void {
  const why = chromium === null ? ', which is not here: set VARPOOL_CHROMIUM' : '';
  test.skipIf(chromium === null && !expected)(`${title} [in Chromium${why}]`, body, 120_000);
}

export interface Look {
  readonly width: number;
  readonly dark?: boolean;
}

/**
 * Opens a page, runs `script` in it once it is drawn, and returns what that resolves to, which must be JSON. The page's own policy, which
 * lets no other script run, is taken out of the copy that is opened.
 */
export function inPage(html: string, script: string, { width, dark = false }: Look): unknown {
  if (chromium === null) throw new Error('inPage: expected Chromium, got none — set VARPOOL_CHROMIUM to it');
  const dir = mkdtempSync(join(tmpdir(), 'varpool-page-'));
  try {
    // That sizes settle a frame later is a notice, which browsers send as an error.
    const probe = `window.addEventListener('error', ({ message }) => {
      if (!message.startsWith('ResizeObserver loop')) window.failed = message;
    });`;
    const run = `setTimeout(async () => {
      const told = document.createElement('pre');
      told.id = 'told';
      try { told.textContent = JSON.stringify({ value: await (async () => { ${script} })(), failed: window.failed ?? null }); }
      catch (error) { told.textContent = JSON.stringify({ failed: String(error.stack ?? error) }); }
      document.body.append(told);
    }, 300);`;
    const page = html
      .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, `<script>${probe}</script>`)
      .replaceAll('(prefers-color-scheme: dark)', dark ? 'all' : 'not all')
      // A function: what the scripts say of dollar signs is theirs.
      .replace('</body>', () => `<script>${run}</script></body>`);
    const path = join(dir, 'page.html');
    writeFileSync(path, page);
    const { stdout, stderr, status } = spawnSync(
      chromium,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        `--user-data-dir=${join(dir, 'profile')}`,
        `--window-size=${width},1200`,
        '--virtual-time-budget=20000',
        '--dump-dom',
        pathToFileURL(path).href,
      ],
      { encoding: 'utf8', timeout: 90_000, maxBuffer: 2 ** 26 },
    );
    const told = /<pre id="told">([\s\S]*?)<\/pre>/.exec(stdout)?.[1];
    if (told === undefined)
      throw new Error(
        `inPage: expected an answer of the page, got none (status ${status}): ${stderr.slice(-500)}`,
      );
    const text = told.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const { value, failed } = JSON.parse(text) as { value: unknown; failed: string | null };
    if (failed !== null) throw new Error(`inPage: expected no error in the page, got ${failed}`);
    return value;
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
