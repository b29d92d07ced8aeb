// @ts-check
// The library in real browsers, headless: npm run test:browsers -- [--browsers chromium,firefox,webkit] [--only digests,behavior]
// Prints the digests of the golden set in Node, Deno, Bun and each browser as one table; anything else than the golden digests fails.
// A browser that is not installed is named and skipped; with VARPOOL_EXPECT_BROWSERS=1 it is a failure.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KERNEL_EPOCH } from '../../dist/backend/kernelEpoch.js';
import { createRuntime, posteriorDigest } from '../../dist/index.js';
import { goldenDigests } from '../golden/digests.mjs';
import { tryBundlers } from './bundlers.mjs';
import { startChromium } from './chromium.mjs';
import { digestsIn } from './otherRuntimes.mjs';
import { tryPlayground } from './playground.mjs';
import { measureSpeed } from './speed.mjs';
import {
  findBrowser,
  memoryOf,
  open,
  PACKAGES,
  ROOT,
  resumeAll,
  STRICT_POLICY,
  serve,
  suspend,
} from './support.mjs';
import { longDigest } from './tasks/longTraining.mjs';

/** @typedef {import('./support.mjs').BrowserName} BrowserName */
/** @typedef {Record<string, { posterior: string, predictions: string }>} Digests */

const REPORT_MS = 300_000;
const WORKERS = [1, 2];
const SLEEP_MS = 4_000;
let failures = 0;

/** @param {string} message */
function fail(message) {
  failures++;
  console.log(`FAILED: ${message}`);
}

/**
 * What a page finds out for a task.
 * @param {BrowserName} browser
 * @param {boolean} isolated
 * @param {string} query
 * @param {Partial<import('./support.mjs').Site>} [site]
 */
async function ask(browser, isolated, query, site = {}) {
  const served = await serve({ isolated, ...site });
  const page = open(browser, `${served.url}/test/browsers/page.html?${query}`);
  try {
    const report = await served.report(REPORT_MS);
    if (report.error !== undefined) throw new Error(`${report.error}\n${report.stack}`);
    if (report.isolated !== isolated)
      throw new Error(`expected isolation ${isolated}, got ${report.isolated}`);
    if (report.violations.length > 0)
      throw new Error(`expected no violation of the policy, got ${report.violations.join('; ')}`);
    return report.value;
  } finally {
    await page.close();
    await served.close();
  }
}

/** @type {{ kernelEpoch: number, digests: Digests }} */
const golden = JSON.parse(readFileSync(`${ROOT}test/golden/digests.json`, 'utf8'));
const names = Object.keys(golden.digests);

/** @param {readonly string[]} cells */
function row(cells) {
  const widths = [16, 9, 12, 7, ...names.map(() => 21)];
  console.log(
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** @param {Digests} digests */
function shown(digests) {
  return names.map(
    (name) => `${digests[name]?.posterior.slice(0, 10)}/${digests[name]?.predictions.slice(0, 10)}`,
  );
}

/**
 * @param {readonly string[]} head engine, isolation, workers asked for and had
 * @param {Digests} digests
 */
function compare(head, digests) {
  const wrong = names.filter(
    (name) =>
      digests[name]?.posterior !== golden.digests[name].posterior ||
      digests[name]?.predictions !== golden.digests[name].predictions,
  );
  row([...head, ...shown(digests), wrong.length === 0 ? 'same' : `DIFFERS: ${wrong.join(', ')}`]);
  if (wrong.length > 0)
    fail(`${head.join(' ')}: expected the golden digests, got others for ${wrong.join(', ')}`);
}

/** @param {readonly BrowserName[]} browsers */
async function digestTable(browsers) {
  if (golden.kernelEpoch !== KERNEL_EPOCH)
    throw new Error('digests.json: expected those of this kernel epoch');
  console.log(`kernel epoch ${KERNEL_EPOCH}; posteriorDigest/predictions, the first ten digits of each\n`);
  row(['engine', '', 'isolated', 'workers', ...names]);
  row(['golden', '', '', '', ...shown(golden.digests)]);
  for (const workers of WORKERS)
    compare(['Node', process.versions.node, '–', `${workers}`], await goldenDigests('wasm', workers));
  for (const runtime of /** @type {const} */ (['deno', 'bun'])) {
    const found = digestsIn(runtime, WORKERS);
    if ('missing' in found) console.log(`${runtime}: skipped (${found.missing})`);
    else
      for (const { workers, digests } of found.results)
        compare([runtime, found.version, '–', `${workers}`], digests);
  }
  for (const browser of browsers) {
    const { version } = /** @type {{ version: string }} */ (findBrowser(browser));
    for (const isolated of [true, false]) {
      for (const result of await ask(browser, isolated, `task=digests&workers=${WORKERS}`)) {
        const { asked, workers, digests, warnings } = result;
        const had = workers === asked ? `${asked}` : `${asked} → ${workers}`;
        compare([browser, version.split('.').slice(0, 2).join('.'), isolated ? 'yes' : 'no', had], digests);
        const expected =
          isolated || asked === 1
            ? []
            : [/Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp$/];
        if (warnings.length !== expected.length || !expected.every((text, i) => text.test(warnings[i])))
          fail(`${browser}: expected ${expected.length} warnings, got ${JSON.stringify(warnings)}`);
      }
    }
  }
}

/** The playground by its links, keys and sizes, in Chromium. @param {readonly BrowserName[]} browsers */
async function playgroundStep(browsers) {
  if (!browsers.includes('chromium')) return console.log('playground: skipped without chromium');
  for (const { name, error } of await tryPlayground()) {
    console.log(`${name}: ${error ?? 'ok'}`);
    if (error !== null) fail(`playground: ${name}: ${error}`);
  }
}

/** Projects from scratch with each build tool. @param {readonly BrowserName[]} browsers */
async function bundlersStep(browsers) {
  await tryBundlers(browsers, golden.digests.values.posterior, (line, error) => {
    console.log(`${line}: ${error ?? 'golden digest'}`);
    if (error !== null) fail(`bundlers: ${line}`);
  });
}

/** Everything else a page relies on, each check by its name. @param {readonly BrowserName[]} browsers */
async function behavior(browsers) {
  for (const browser of browsers) {
    for (const isolated of [true, false]) {
      const checks = await ask(browser, isolated, 'task=behavior');
      for (const { name, error, note } of checks) {
        console.log(
          `${browser}, ${isolated ? 'isolated' : 'not isolated'}: ${name}: ${error ?? 'ok'}${note === undefined ? '' : ` (${note})`}`,
        );
        if (error !== null) fail(`${browser}: ${name}: ${error}`);
      }
    }
    const policy = STRICT_POLICY.replace(" 'wasm-unsafe-eval'", '');
    const refused = await ask(browser, true, 'task=digests', { policy }).catch((error) => error.message);
    const helps = /^BackendUnavailableError: .*allow 'wasm-unsafe-eval'/.test(refused);
    console.log(`${browser}: a policy without 'wasm-unsafe-eval' is named: ${helps ? 'ok' : refused}`);
    if (!helps) fail(`${browser}: expected advice on the policy, got ${refused}`);
  }
}

/**
 * Kills each browser in mid-training; another page on the same profile has to end with the digest of Node.
 * @param {readonly BrowserName[]} browsers
 */
async function interruptions(browsers) {
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

/** Runtimes that come and go take no more with them than as many empty workers do. @param {readonly BrowserName[]} browsers */
async function memory(browsers) {
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
 */
async function sleep(browsers) {
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

/** Against Node's WebAssembly, TensorFlow.js and jax-js. @param {readonly BrowserName[]} browsers */
async function speed(browsers) {
  if (!browsers.includes('chromium')) return console.log('speed: skipped without chromium');
  const least = await measureSpeed((line) => console.log(line));
  if (least < 0.9) fail(`speed: expected at least 0.9 of Node's, got ${least.toFixed(2)}`);
}

const STEPS = {
  digests: digestTable,
  behavior,
  interruptions,
  playground: playgroundStep,
  memory,
  bundlers: bundlersStep,
  sleep,
  speed,
};
/** Steps that are asked for by name: what they find depends on how busy the machine is. */
const ONLY_ASKED = ['speed'];

const { values } = parseArgs({
  options: {
    browsers: { type: 'string', default: 'chromium,firefox,webkit' },
    only: {
      type: 'string',
      default: Object.keys(STEPS)
        .filter((name) => !ONLY_ASKED.includes(name))
        .join(','),
    },
  },
});
const wanted = /** @type {BrowserName[]} */ (values.browsers.split(','));
const browsers = wanted.filter((name) => findBrowser(name) !== null);
for (const [name, step] of Object.entries(STEPS)) {
  if (!values.only.split(',').includes(name)) continue;
  console.log(`\n${name}`);
  try {
    await step(browsers);
  } catch (error) {
    fail(`${name}: ${error instanceof Error ? error.message : error}`);
  }
}
for (const name of wanted.filter((each) => !browsers.includes(each))) {
  console.log(`${name}: not installed (apt-get install ${PACKAGES[name]}): its rows were skipped`);
  if (process.env.VARPOOL_EXPECT_BROWSERS === '1') fail(`${name}: expected it to be installed, got none`);
}
console.log(failures === 0 ? '\nbrowsers: all the same' : `\nbrowsers: ${failures} failures`);
if (failures > 0) process.exitCode = 1;
