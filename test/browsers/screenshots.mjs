// @ts-check
// Pictures of the playground to be looked at: every task, wide and narrow, light and dark, from headless Chromium.
//   npm run build && node test/browsers/screenshots.mjs DIRECTORY

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXAMPLES } from '../../playground/digit.mjs';
import { buildSite } from '../../playground/run.mjs';
import { DEFAULTS, toLink } from '../../playground/state.mjs';
import { startChromium } from './chromium.mjs';
import { serve } from './support.mjs';

const [directory] = process.argv.slice(2);
if (directory === undefined)
  throw new TypeError(
    'screenshots: expected a directory, got none — node test/browsers/screenshots.mjs DIRECTORY',
  );
mkdirSync(directory, { recursive: true });
const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844, mobile: true } };
const STATES = {
  ...DEFAULTS,
  unknown: { ...DEFAULTS.digits, strokes: EXAMPLES[3].map((stroke) => [...stroke]) },
};
const served = await serve({ root: await buildSite(), policy: null });
const chromium = await startChromium();
try {
  for (const [task, state] of Object.entries(STATES)) {
    for (const [name, size] of Object.entries(SIZES)) {
      for (const dark of [false, true]) {
        await chromium.resize({ ...size, dark });
        await chromium.goto('about:blank');
        await chromium.goto(`${served.url}/${toLink(state)}`);
        await chromium.until("document.querySelector('#digest.done') !== null");
        const file = join(directory, `${task}-${name}-${dark ? 'dark' : 'light'}.png`);
        writeFileSync(file, await chromium.screenshot());
        console.log(file);
      }
    }
  }
  if (chromium.errors.length > 0)
    throw new Error(`screenshots: expected no errors, got ${chromium.errors.join('; ')}`);
} finally {
  await chromium.close();
  await served.close();
}
