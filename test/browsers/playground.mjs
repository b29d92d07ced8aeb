// @ts-check
// The playground as it is built for a static host, used as a visitor would: by its links, its keys and on a phone.

import { execFileSync } from 'node:child_process';
import { buildSite } from '../../playground/run.mjs';
import { DEFAULTS, fromLink, toLink } from '../../playground/state.mjs';
import { startChromium } from './chromium.mjs';
import { ROOT, serve } from './support.mjs';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'";
const DONE = "(document.querySelector('#digest.done') !== null)";
const DIGEST = "document.querySelector('#digest').textContent";
const POINTS = "Number(/(\\d+) points/.exec(document.querySelector('#view').getAttribute('aria-label'))[1])";

/** What Node says to the command that the page shows. @param {string} command */
function proved(command) {
  const [, link] = /'(#.*)'$/.exec(command) ?? [];
  return execFileSync(process.execPath, [`${ROOT}playground/prove.mjs`, `${link}`], {
    encoding: 'utf8',
  }).trim();
}

/** @param {unknown} condition @param {string} message */
function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** @returns {Promise<{ name: string, error: string | null }[]>} */
export async function tryPlayground() {
  const root = await buildSite();
  const served = await serve({ root, policy: POLICY });
  const plain = await serve({ root, policy: POLICY, isolated: false });
  const chromium = await startChromium();
  const { evaluate, until, send } = chromium;
  /** @param {string} link */
  const visit = async (link, url = served.url) => {
    await chromium.goto('about:blank');
    await chromium.goto(`${url}/${link}`);
    await until(DONE);
  };
  /** @param {string} key @param {string} [text] */
  const press = async (key, text) => {
    await send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...(text === undefined ? {} : { text }) });
    await send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  };
  /** @type {Record<string, () => Promise<void>>} */
  const checks = {};
  for (const task of /** @type {const} */ (['curve', 'spirals', 'digits'])) {
    checks[`${task}: the digest of the page is that of its command on Node`] = async () => {
      await visit(toLink({ ...DEFAULTS[task], steps: 1500 }));
      const [digest, expected] = [
        await evaluate(DIGEST),
        proved(await evaluate("document.querySelector('#command').textContent")),
      ];
      expect(/^[0-9a-f]{64}$/.test(digest) && digest === expected, `expected ${expected}, got ${digest}`);
      expect(await evaluate('crossOriginIsolated'), 'expected an isolated page, got one that is not');
    };
  }
  checks['a host without headers: a service worker isolates the page'] = async () => {
    await chromium.goto(`${plain.url}/${toLink({ ...DEFAULTS.curve, steps: 300 })}`);
    await until(`crossOriginIsolated && ${DONE}`);
  };
  checks['keys add and erase a point, and the link follows'] = async () => {
    await visit(toLink({ ...DEFAULTS.curve, steps: 300 }));
    const before = await evaluate(POINTS);
    await evaluate("document.querySelector('#view').focus()");
    for (let n = 0; n < 5; n++) await press('ArrowUp');
    await press('Enter', '\r');
    expect((await evaluate(POINTS)) === before + 1, 'expected one more point');
    await until(`!${DONE}`);
    await until(DONE);
    const [link, digest] = [await evaluate('location.hash'), await evaluate(DIGEST)];
    await visit(link);
    expect((await evaluate(DIGEST)) === digest, 'expected the digest again from the link');
    await evaluate("document.querySelector('#view').focus()");
    for (let n = 0; n < 5; n++) await press('ArrowUp');
    await press('Delete');
    expect((await evaluate(POINTS)) === before, 'expected the point to be gone');
  };
  checks['a digit is drawn by pointer and by keys, and what is none is called unknown'] = async () => {
    await visit(toLink(DEFAULTS.digits));
    const verdict = "document.querySelector('#verdict').textContent";
    const said = async () => {
      await until(DONE);
      return evaluate(verdict);
    };
    const strokes = async () => fromLink(await evaluate('location.hash')).strokes;
    expect((await said()) === 'This is a 3.', `expected a 3, got ${await said()}`);
    await evaluate("document.querySelector('#example').click()");
    await until(`${verdict}.startsWith('I have not seen anything like this')`);
    await evaluate("document.querySelector('#clear').click()");
    await until("document.querySelector('#status').textContent === 'Draw a digit.'");
    // A seven, by the mouse.
    const box = await evaluate(
      "(({ left, top, width }) => ({ left, top, width }))(document.querySelector('#pad').getBoundingClientRect())",
    );
    const mouse = (/** @type {string} */ type, /** @type {number} */ x, /** @type {number} */ y) =>
      send('Input.dispatchMouseEvent', {
        type,
        button: 'left',
        buttons: type === 'mouseReleased' ? 0 : 1,
        clickCount: 1,
        x: box.left + (x / 255) * box.width,
        y: box.top + (y / 255) * box.width,
      });
    await mouse('mousePressed', 75, 60);
    for (let i = 1; i <= 10; i++) await mouse('mouseMoved', 75 + 10.3 * i, 60 - 0.4 * i);
    for (let i = 1; i <= 10; i++) await mouse('mouseMoved', 178 - 6 * i, 56 + 15.4 * i);
    await mouse('mouseReleased', 118, 210);
    await until(`${verdict} === 'This is a 7.'`);
    expect((await strokes()).length === 1, 'expected one stroke in the link');
    // A line by keys, then back again.
    await evaluate("document.querySelector('#pad').focus()");
    await press('Enter', '\r');
    for (let n = 0; n < 4; n++) await press('ArrowRight');
    await press('Enter', '\r');
    const drawn = await strokes();
    expect(`${drawn[1]}` === '128,128,134,128,140,128,146,128,152,128', `expected a line, got ${drawn[1]}`);
    await press('Delete');
    expect((await strokes()).length === 1, 'expected the line to be gone');
    await until(DONE);
  };
  checks['pasted points are used, and a line that does not fit is named'] = async () => {
    await visit(toLink({ ...DEFAULTS.curve, steps: 300 }));
    const paste = (/** @type {string} */ text) =>
      evaluate(`document.querySelector('#paste').click(); document.querySelector('textarea').value = ${JSON.stringify(text)};
        document.querySelector('button[value=take]').click(); document.querySelector('#pasting .error').textContent`);
    expect(
      (await paste('x,y\n1,2\n3,abc')).startsWith('line 3: expected 2 numbers'),
      'expected line 3 to be named',
    );
    await evaluate("document.querySelector('#pasting').close()");
    expect((await paste('x,y\n100,2000\n200;2100\n300 1900\n')) === '', 'expected the points to be taken');
    expect((await evaluate(POINTS)) === 3, `expected 3 points, got ${await evaluate(POINTS)}`);
  };
  checks['a link that is damaged is named, and nothing trains'] = async () => {
    await chromium.goto('about:blank');
    await chromium.goto(`${served.url}/#damaged`);
    await until("document.querySelector('#status').textContent !== ''");
    const status = await evaluate("document.querySelector('#status').textContent");
    expect(status.startsWith('playground: expected a link'), `expected the link to be named, got ${status}`);
    const button = await evaluate("document.querySelector('#train').textContent");
    expect(button === 'Train', `expected no training, got the button ${button}`);
  };
  checks['on a phone nothing is wider than the screen'] = async () => {
    for (const task of /** @type {const} */ (['curve', 'spirals', 'digits'])) {
      await chromium.resize({ width: 360, height: 740, mobile: true });
      await visit(toLink({ ...DEFAULTS[task], steps: 300 }));
      const width = await evaluate('document.documentElement.scrollWidth');
      expect(width <= 360, `${task}: expected at most 360 pixels, got ${width}`);
    }
  };
  checks['no error in the console, nothing against a strict policy'] = async () =>
    expect(chromium.errors.length === 0, `expected none, got ${chromium.errors.join('; ')}`);

  const results = [];
  try {
    for (const [name, check] of Object.entries(checks)) {
      try {
        await check();
        results.push({ name, error: null });
      } catch (error) {
        results.push({ name, error: `${/** @type {Error} */ (error).message}` });
      }
    }
  } finally {
    await chromium.close();
    await served.close();
    await plain.close();
  }
  return results;
}
