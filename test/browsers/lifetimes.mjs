// @ts-check
// What becomes of a page and its trainings over time: browsers killed in mid-training, put to sleep, hidden, and runtimes that come and go.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, posteriorDigest } from '../../dist/index.js';
import { startChromium } from './chromium.mjs';
import { memoryOf, open, resumeAll, serve, suspend } from './support.mjs';
import { longDigest } from './tasks/longTraining.mjs';

/** @typedef {import('./support.mjs').BrowserName} BrowserName */
/** @typedef {(message: string) => void} Fail */

const REPORT_MS = 300_000;
const SLEEP_MS = 4_000;

/**
 * Kills each browser in mid-training; another page on the same profile has to end with the digest of Node.
 * @param {readonly BrowserName[]} browsers
 * @param {Fail} fail
 */
export async function interruptions(browsers, fail) {
  const expected = await longDigest(
    createRuntime({ workers: 2, backend: 'wasm', seed: 'golden', onWarning: () => undefined }),
    posteriorDigest,
  );
  for (const browser of browsers) {
    for (const isolated of [true, false]) {
      for (const store of ['files', 'database']) {
        const what = `${browser}, ${isolated ? 'isolated' : 'not isolated'}, ${store}`;
        const served = await serve({ isolated });
        const profile = mkdtempSync(join(tmpdir(), 'varpool-profile-'));
        /** @param {string} query */
        const ask = async (query) => {
          const page = open(
            browser,
            `${served.url}/test/browsers/page.html?task=interrupted&store=${store}&${query}`,
            { profile },
          );
          try {
            const report = await served.report(REPORT_MS);
            if (report.error !== undefined) throw new Error(`${report.error}\n${report.stack}`);
            return report.value;
          } finally {
            await page.close();
          }
        };
        try {
          const before = await ask('stage=first');
          const { resumed, digest } = await ask('stage=second');
          console.log(
            `${what}: killed after step ${before.step}, resumed at step ${resumed} of ${before.steps}: ${digest === expected ? 'same digest' : 'DIFFERS'}`,
          );
          if (digest !== expected || !(resumed > 0))
            fail(
              `${what}: expected the digest of Node from a saved state, got ${digest} from step ${resumed}`,
            );
        } finally {
          await served.close();
          rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
        }
      }
    }
  }
}

/**
 * Memory of a browser after 40, 80, … of what comes and goes in its page, in MiB.
 * @param {BrowserName} browser
 * @param {boolean} isolated
 * @param {'runtimes' | 'workers'} what
 */
async function sizesOf(browser, isolated, what) {
  const served = await serve({ isolated });
  const page = open(browser, `${served.url}/test/browsers/page.html?task=comings&count=200&what=${what}`);
  try {
    const sizes = [];
    for (;;) {
      const report = await served.report(REPORT_MS);
      if (report.error !== undefined) throw new Error(report.error);
      if (report.after === undefined) return sizes;
      sizes.push(memoryOf(page.pid) / 2 ** 20);
    }
  } finally {
    await page.close();
    await served.close();
  }
}

/** Runtimes that come and go take no more with them than as many empty workers do. @param {readonly BrowserName[]} browsers @param {Fail} fail */
export async function memory(browsers, fail) {
  if (process.platform !== 'linux') return console.log('memory: skipped, it is read from /proc');
  for (const browser of browsers) {
    for (const isolated of [true, false]) {
      const grown = [];
      for (const what of /** @type {const} */ (['runtimes', 'workers'])) {
        const sizes = await sizesOf(browser, isolated, what);
        const shown = sizes.map((size) => size.toFixed(0)).join(', ');
        console.log(
          `${browser}, ${isolated ? 'isolated' : 'not isolated'}: ${shown} MiB after 40, 80, 120, 160, 200 ${what}`,
        );
        // A collection may be due at any of the five moments.
        grown.push(Math.min(sizes[3], sizes[4]) - Math.max(sizes[0], sizes[1]));
      }
      if (grown[0] - Math.max(0, grown[1]) > 60)
        fail(
          `${browser}: expected what empty workers take, ${grown[1].toFixed(0)} MiB, got ${grown[0].toFixed(0)} MiB`,
        );
    }
  }
}

/**
 * The processes of each browser are stopped for some seconds in mid-training, as by a laptop that sleeps, and the page is hidden behind
 * another one: the training has the digest of Node.
 * @param {readonly BrowserName[]} browsers
 * @param {Fail} fail
 */
export async function sleep(browsers, fail) {
  const expected = await longDigest(
    createRuntime({ workers: 2, backend: 'wasm', seed: 'golden', onWarning: () => undefined }),
    posteriorDigest,
  );
  for (const browser of browsers) {
    for (const isolated of [true, false]) {
      const served = await serve({ isolated });
      const page = open(browser, `${served.url}/test/browsers/page.html?task=slept`);
      try {
        const begun = await served.report(REPORT_MS);
        if (begun.error !== undefined) throw new Error(begun.error);
        const stopped = suspend(page.pid);
        await new Promise((resolve) => setTimeout(resolve, SLEEP_MS));
        resumeAll(stopped);
        const { value, error } = await served.report(REPORT_MS);
        if (error !== undefined) throw new Error(error);
        const said = `${browser}, ${isolated ? 'isolated' : 'not isolated'}: ${stopped.length} processes stopped for ${SLEEP_MS / 1000} s after step ${begun.step}`;
        // A page that had ended before was not put to sleep.
        const slept = value.longest > 0.9 * SLEEP_MS;
        console.log(
          `${said}: ${!slept ? 'NOT ASLEEP' : value.digest === expected ? 'same digest' : 'DIFFERS'}`,
        );
        if (!slept || value.digest !== expected)
          fail(`${said}: expected the digest of Node after a sleep, got ${JSON.stringify(value)}`);
      } finally {
        await page.close();
        await served.close();
      }
    }
  }
  if (!browsers.includes('chromium')) return;
  const digest = await hiddenDigest();
  console.log(`chromium, hidden behind another tab: ${digest === expected ? 'same digest' : 'DIFFERS'}`);
  if (digest !== expected) fail(`hidden tab: expected the digest of Node, got ${digest}`);
}

/** A training in Chromium whose tab is hidden once it has begun. */
async function hiddenDigest() {
  const served = await serve();
  const chromium = await startChromium();
  try {
    await chromium.goto(`${served.url}/test/browsers/page.html?task=slept`);
    await served.report(REPORT_MS);
    await chromium.hide();
    const { value, error } = await served.report(REPORT_MS);
    if (error !== undefined) throw new Error(error);
    if (value.visibility !== 'hidden') throw new Error(`expected a hidden page, got ${value.visibility}`);
    return value.digest;
  } finally {
    await chromium.close();
    await served.close();
  }
}
