// @ts-check
// The library in real browsers, headless: npm run test:browsers -- [--browsers chromium,firefox,webkit] [--only digests,behavior]
// Prints the digests of the golden set in Node, Deno, Bun and each browser as one table; anything else than the golden digests fails.
// A browser that is not installed is named and skipped; with VARPOOL_EXPECT_BROWSERS=1 it is a failure.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KERNEL_EPOCH } from '../../dist/backend/kernelEpoch.js';
import { goldenDigests } from '../golden/digests.mjs';
import { tryBundlers } from './bundlers.mjs';
import { interruptions, memory, sleep } from './lifetimes.mjs';
import { digestsIn } from './otherRuntimes.mjs';
import { tryPlayground } from './playground.mjs';
import { besideNode, besideOthers } from './speed.mjs';
import { findBrowser, open, PACKAGES, ROOT, STRICT_POLICY, serve } from './support.mjs';

/** @typedef {import('./support.mjs').BrowserName} BrowserName */
/** @typedef {Record<string, { posterior: string, predictions: string }>} Digests */

const REPORT_MS = 300_000;
const WORKERS = [1, 2];
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

/** Against Node's WebAssembly, TensorFlow.js and jax-js. @param {readonly BrowserName[]} browsers */
async function speed(browsers) {
  if (!browsers.includes('chromium')) return console.log('speed: skipped without chromium');
  const tell = (/** @type {string} */ line) => console.log(line);
  const least = await besideNode(tell);
  await besideOthers(tell);
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
    await step(browsers, fail);
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
