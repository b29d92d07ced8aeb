// Signals at random instants to processes that train, train an ensemble, sweep or verify. What is asked to stop saves its state and ends
// with 130, what is stopped and continued runs on; however it was disturbed, a run then comes to its undisturbed end.
// node test/slow/campaign/signals.mjs [--quick] [--seed s] [--case n]

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Case, expect, lastLine, openCampaign, sha256, sleep } from './harness.mjs';
import {
  beginning,
  expectFinished,
  goOn,
  KINDS,
  leftovers,
  undisturbed,
  writeProblems,
} from './problems.mjs';

const campaign = openCampaign(import.meta.url, { full: 107, quick: 5 });
const POLITE = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SIGNALS = [...POLITE, 'SIGKILL', 'SIGSTOP'];
/** Printed when the work itself begins, and with it the promise to save a state. */
const WORKING = / on \d+ workers? \(/;

const whole = new Case(campaign, 'whole');
const wanted = await undisturbed(whole);

/** Sends `signal` to a life after a random part of `ms`; @returns how it ended, and whether it was asked twice to stop. */
async function disturbed(one, life, signal, ms, file) {
  const { random } = one;
  const { child } = life;
  const running = () => child.exitCode === null && child.signalCode === null;
  if (file !== null && random.chance(0.75)) while (!existsSync(file) && running()) await sleep(1);
  const wait = random.unit() * ms;
  await sleep(wait);
  if (!running()) return { ...(await life.ended), sent: false, twice: false };
  one.steps.push(`  kill -${signal} after ${wait.toFixed(0)} ms`);
  child.kill(signal);
  one.event();
  campaign.note(signal);
  let twice = false;
  if (signal === 'SIGSTOP') {
    await sleep(random.unit() * 300);
    child.kill('SIGCONT');
  } else if (signal !== 'SIGKILL' && random.chance(0.15)) {
    await sleep(random.unit() * 20);
    twice = child.kill(signal);
  }
  const result = await life.ended;
  expect(!result.hung, `expected an end after ${signal}, got none`);
  return { ...result, sent: true, twice };
}

/** Holds the end of a life to what its signal may do. */
function expectEnd(signal, { status, signal: died, stderr, twice }, finished) {
  const got = `got ${died ?? `status ${status}`}: ${lastLine(stderr)}`;
  if (status === 0) return;
  if (signal === 'SIGSTOP')
    expect(false, `expected a process that was stopped and continued to run on, ${got}`);
  if (signal === 'SIGKILL') return expect(died === 'SIGKILL', `expected death by SIGKILL, ${got}`);
  // Before the work begins and after it has ended the system's own way of ending will do.
  if (died === signal)
    return expect(!WORKING.test(stderr) || finished() || twice, `expected ${signal} to save a state, ${got}`);
  expect(status === 130, `expected status 130 after ${signal}, ${got}`);
  if (!twice) expect(/interrupted/.test(stderr), `expected a message about the interrupt, ${got}`);
}

async function training(one) {
  const { random } = one;
  const kind = random.pick(KINDS);
  const dir = join(one.dir, 'out');
  const manifest = join(dir, kind === 'sweep' ? 'sweep.json' : 'manifest.json');
  const finished = () =>
    existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).status === 'finished';
  writeProblems(one.dir);
  let words = beginning(kind, 'out');
  for (let lives = 1 + random.below(3); lives > 0; lives--) {
    const signal = random.pick(SIGNALS);
    const life = one.start([...words, '--workers', `${1 + random.below(3)}`]);
    const ms = wanted[kind].ms * (words[0] === 'resume' ? 1 : 0.8);
    const end = await disturbed(one, life, signal, ms, words[0] === 'resume' ? null : manifest);
    // A resume of a run that its first life never began may find nothing.
    if (end.status === 2 && words[0] === 'resume') break;
    expectEnd(signal, end, finished);
    if (end.status === 130 && !end.twice) {
      const left = leftovers(dir);
      expect(left.length === 0, `expected nothing to be left behind after ${signal}, got ${left.join(', ')}`);
    }
    if (end.status === 0) break;
    words = ['resume', 'out'];
  }
  await goOn(one, kind, 'out', ['--workers', `${1 + random.below(3)}`]);
  expectFinished(kind, dir, wanted[kind]);
}

async function verifying(one) {
  const { random } = one;
  const kind = random.pick(['single', 'ensemble']);
  const dir = join(one.dir, 'out');
  writeProblems(one.dir);
  cpSync(join(whole.dir, kind), dir, { recursive: true });
  const before = contents(dir);
  const signal = random.pick(SIGNALS);
  const life = one.start(['verify', 'out', '--workers', `${1 + random.below(3)}`]);
  const end = await disturbed(one, life, signal, wanted[kind].ms, null);
  expectEnd(signal, end, () => /verified/.test(end.stdout));
  expect(
    contents(dir) === before,
    `expected verify to change nothing in the run, got other files after ${signal}`,
  );
  await one.succeed(['verify', 'out', '--quiet']);
  expect(contents(dir) === before, 'expected verify to change nothing in the run, got other files');
  const left = readdirSync(join(one.dir, 'tmp'));
  expect(left.length === 0, `expected no temporary files after the next verify, got ${left.join(', ')}`);
}

/** All names and contents in a directory, as one hash. */
function contents(dir) {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const hashes = names.map(({ parentPath, path, name }) => {
    const file = join(parentPath ?? path, name);
    return `${file} ${sha256(readFileSync(file))}`;
  });
  return sha256(hashes.sort().join('\n'));
}

await campaign.run((one) => (one.n % 5 === 4 ? verifying(one) : training(one)));
campaign.end('signals');
