// Fuzzed calls of the library: arguments of every kind in every place, unknown names, damaged tables and posteriors. Each call succeeds,
// or is refused in one clear line of a documented class; nothing is coerced, ignored, aborted or waited for in vain.
// node test/slow/campaign/calls.mjs [--quick] [--seed s] [--case n]

import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCampaign, sleep } from './harness.mjs';

const campaign = openCampaign(import.meta.url, { full: 5200, quick: 600 });
const CHILD = fileURLToPath(new URL('fuzz/callsChild.mjs', import.meta.url));
/** A single call of a tiny problem: milliseconds. */
const PATIENCE_MS = 45_000;

const first = campaign.only ?? 0;
const end = campaign.only === null ? campaign.wanted : campaign.only + 1;
await Promise.all(Array.from({ length: campaign.lanes }, (_, lane) => callsOf(first + lane)));
campaign.end('fuzzed calls');

/** Every lanes-th call; a process that dies of one is followed by another. */
async function callsOf(start) {
  for (let from = start; from < end; ) {
    const scratch = join(campaign.scratch, `calls-${start}`);
    mkdirSync(scratch, { recursive: true });
    const progress = join(scratch, 'progress');
    rmSync(progress, { force: true });
    const words = [campaign.seed, from, end, campaign.lanes, progress, scratch].map(String);
    const child = fork(CHILD, words, { silent: true, cwd: scratch });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += text));
    let done = false;
    child.on('message', (message) => (message.done ? (done = true) : heard(message)));
    const ended = new Promise((done) => child.on('close', (status, signal) => done({ status, signal })));
    const hung = await watched(child, progress, ended);
    const { status, signal } = await ended;
    if (status === 0 && done) return;
    const { n, text = '' } = callIn(progress);
    if (n === undefined) return failed(from, `expected calls to be made, got ${stderr.trim().slice(0, 600)}`);
    const how = hung
      ? `no end within ${PATIENCE_MS / 1000} s`
      : `the end of the process (${signal ?? status}): ${stderr.trim().slice(0, 300)}`;
    failed(n, `expected a refusal or a result, got ${how}`, text);
    from = n + campaign.lanes;
  }
}

function heard({ n, call, fault, outcome, name }) {
  if (fault !== undefined) failed(n, fault, call);
  if (outcome === undefined) return;
  campaign.events++;
  campaign.cases++;
  campaign.note(outcome);
  if (campaign.only !== null) console.log(`${name}: ${outcome}: ${call}`);
}

function failed(n, fault, call = '') {
  campaign.fail(`call ${n}`, fault, [String(call).slice(0, 600)], `--case ${n}`);
}

/** Kills a child that stays at one call; @returns whether it did. */
async function watched(child, progress, ended) {
  let over = false;
  ended.then(() => (over = true));
  let at = null;
  let since = performance.now();
  while (!over) {
    await Promise.race([ended, sleep(500)]);
    const { n } = callIn(progress);
    if (n !== at) [at, since] = [n, performance.now()];
    if (performance.now() - since > PATIENCE_MS) return child.kill('SIGKILL');
  }
  return false;
}

/** The call that is under way, from the file its process keeps. */
function callIn(path) {
  const [line = ''] = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  return line === '' ? {} : { n: Number(line.slice(0, 12)), text: line.slice(12) };
}
