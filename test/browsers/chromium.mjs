// @ts-check
// Chromium driven over a pipe by its own protocol: for what takes a key, a click or a screenshot. Needs no package.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBrowser } from './support.mjs';

/** A headless Chromium with one page. */
export async function startChromium() {
  const found = findBrowser('chromium');
  if (found === null)
    throw new Error('expected chromium to be installed, got none — apt-get install chromium');
  const profile = mkdtempSync(join(tmpdir(), 'varpool-chromium-'));
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    '--remote-debugging-pipe',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(found.program, args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const [input, output] = [
    /** @type {import('node:stream').Writable} */ (child.stdio[3]),
    /** @type {import('node:stream').Readable} */ (child.stdio[4]),
  ];
  let last = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  /** @type {string[]} */
  const errors = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (chunk) => {
    const messages = (rest + chunk).split('\0');
    rest = messages.pop() ?? '';
    for (const text of messages) {
      const { id, result, error, method, params } = JSON.parse(text);
      if (method === 'Runtime.exceptionThrown')
        errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Log.entryAdded' && params.entry.level === 'error') errors.push(params.entry.text);
      const call = waiting.get(id);
      waiting.delete(id);
      if (error !== undefined) call?.reject(new Error(`${error.message}`));
      else call?.resolve(result);
    }
  });
  /** @type {string | undefined} */
  let sessionId;
  /** @param {string} method @param {object} [params] @returns {Promise<any>} */
  const send = (method, params = {}) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      input.write(
        `${JSON.stringify({ id: last, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
      );
    });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  ({ sessionId } = await send('Target.attachToTarget', { targetId, flatten: true }));
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  /** @param {string} expression @returns {Promise<any>} */
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  return {
    send,
    evaluate,
    /** Uncaught errors and errors on the console. */
    errors,
    /** @param {string} url */
    goto: (url) => send('Page.navigate', { url }),
    /** Opens another tab in front, so that the page is hidden. */
    async hide() {
      const own = sessionId;
      sessionId = undefined;
      await send('Target.createTarget', { url: 'about:blank' });
      sessionId = own;
    },
    /** Waits until an expression is true. @param {string} expression */
    async until(expression, ms = 60_000) {
      for (
        const end = Date.now() + ms;
        Date.now() < end;
        await new Promise((resolve) => setTimeout(resolve, 100))
      ) {
        if (await evaluate(expression).catch(() => false)) return;
      }
      throw new Error(`expected ${expression} within ${ms / 1000} s, got none`);
    },
    /** @param {{ width: number, height: number, dark?: boolean, mobile?: boolean }} size */
    async resize({ width, height, dark = false, mobile = false }) {
      await send('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor: mobile ? 2 : 1,
        mobile,
      });
      await send('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
      });
    },
    /** A PNG of the whole page. */
    async screenshot() {
      const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: true, format: 'png' });
      return Buffer.from(data, 'base64');
    },
    async close() {
      try {
        process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
      await new Promise((resolve) =>
        child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(null),
      );
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
