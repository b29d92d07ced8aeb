// Input and output errors: the n-th system call of a kind on a file of a training, an ensemble or a sweep fails, its disk or that of its
// log is full. Either the work continues to its undisturbed end, or one clear line says what failed; then resume comes to that end, and
// nothing is half written or lost. Disks that are full need the right to mount one.
// node test/slow/campaign/inputOutput.mjs [--quick] [--seed s] [--case n]

import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Case, expect, expectClear, openCampaign } from './harness.mjs';
import {
  beginning,
  expectFinished,
  goOn,
  jsonLines,
  KINDS,
  leftovers,
  undisturbed,
  writeProblems,
} from './problems.mjs';
import { callsOfProblems, injectedCall, straceMissing, traced } from './strace.mjs';

/** What a system call may come back with; a number is a result in place of an error. */
const ERRORS = {
  openat: ['EACCES', 'EMFILE', 'ENOSPC', 'EIO', 'ENFILE'],
  read: ['EIO'],
  write: ['ENOSPC', 'EIO', 'EDQUOT', 0],
  close: ['EIO'],
  fsync: ['EIO', 'ENOSPC', 0],
  ftruncate: ['EIO', 'EACCES'],
  rename: ['EACCES', 'ENOSPC', 'EIO'],
  link: ['EPERM', 'EMLINK', 'EACCES'],
  unlink: ['EACCES', 'EIO'],
  mkdir: ['ENOSPC', 'EACCES'],
  statx: ['EACCES', 'EIO'],
};
/** Of these every later call may fail too, for Node itself makes none of them. */
const LASTING = ['fsync', 'ftruncate', 'rename', 'link', 'unlink'];

const campaign = openCampaign(import.meta.url, { full: 193, quick: 4 });
const missing = straceMissing();

if (missing === null) {
  const wanted = await undisturbed(new Case(campaign, 'whole'));
  const calls = await callsOfProblems(campaign);
  const disks = canMount(campaign.scratch);
  if (!disks)
    console.log(
      `${campaign.script}: SKIPPED full disks: expected the right to mount a tmpfs, got none — run it as root`,
    );
  await campaign.run((one) => {
    if (one.n % 8 === 5 && disks) return fullDisk(one, wanted);
    if (one.n % 16 === 3) return fullLog(one, wanted);
    return failed(one, wanted, calls);
  });
} else campaign.skip(missing);
campaign.end('injected errors');

async function failed(one, wanted, calls) {
  const { random } = one;
  const kind = random.pick(KINDS);
  const dir = join(one.dir, 'out');
  writeProblems(one.dir);
  const systemCall = random.pick([...new Set(calls[kind].map((call) => call.systemCall))]);
  const { nth, target } = random.pick(calls[kind].filter((call) => call.systemCall === systemCall));
  const error = random.pick(ERRORS[systemCall]);
  const lasting = LASTING.includes(systemCall) && random.chance(0.3) ? '+' : '';
  const how = typeof error === 'number' ? `retval=${error}` : `error=${error}`;
  const log = join(one.dir, 'calls');
  one.steps.push(`  (in an undisturbed run: ${systemCall} of ${target})`);
  const wrap = traced(systemCall, `${how}:when=${nth}${lasting}`, log, { fast: true });
  const result = await one.command([...beginning(kind, 'out'), '--workers', '2', '--quiet'], { wrap });
  const injected = injectedCall(log, one.dir);
  if (injected !== null) one.steps.push(`  (failed: ${injected.line.slice(0, 300)})`);
  // Calls are not in the same order every time: one of Node's own, to wake a thread, is not varpool's to survive.
  if (injected?.own) {
    one.event();
    campaign.note(`${systemCall} ${error}`);
    expectClear(result, [0, 2]);
    campaign.note(`status ${result.status}`);
    const skipped =
      result.status === 0 &&
      kind === 'sweep' &&
      /^varpool: warning: cell .+ expected .+, got .+ — /m.test(result.stderr);
    if (result.status === 0 && !skipped) return expectFinished(kind, dir, wanted[kind]);
    if (skipped) campaign.note('cell failed');
    const left = leftovers(dir).filter((name) => systemCall !== 'unlink' || !name.endsWith('lock'));
    if (systemCall !== 'unlink')
      expect(left.length === 0, `expected nothing half written, got ${left.join(', ')}`);
    if (kind === 'single') expectState(dir);
  }
  await goOn(one, kind, 'out');
  expectFinished(kind, dir, wanted[kind]);
}

/** A sweep continues without a cell that failed, and says so; the next start tries the cell again. */
function cellFailed(kind, { status, stderr }) {
  const failed =
    status === 0 && kind === 'sweep' && /^varpool: warning: cell .+ expected .+, got .+ — /m.test(stderr);
  if (failed) campaign.note('cell failed');
  return failed;
}

/** The output lies on a small disk of its own, which is enlarged before resume. */
async function fullDisk(one, wanted) {
  const { random } = one;
  const kind = random.pick(KINDS);
  // In the same place as everywhere: cells are named by their configs, and these hold the way from there to the data.
  const disk = join(one.dir, 'out');
  writeProblems(one.dir);
  mkdirSync(disk);
  const kilobytes = 8 + 4 * random.below(kind === 'sweep' ? 50 : 32);
  one.steps.push(`  mount -t tmpfs -o size=${kilobytes}k tmpfs ${disk}`);
  mount(['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk]);
  try {
    const result = await one.command([...beginning(kind, 'out'), '--workers', '2', '--quiet']);
    one.event();
    campaign.note('full disk');
    // Where no cell finished, the sweep has failed.
    expectClear(result, [0, 2]);
    campaign.note(`status ${result.status}`);
    one.steps.push(`  mount -o remount,size=8m ${disk}`);
    mount(['-o', 'remount,size=8m', disk]);
    if (result.status !== 0 || cellFailed(kind, result)) await goOn(one, kind, 'out');
    expectFinished(kind, disk, wanted[kind]);
  } catch (error) {
    cpSync(disk, join(one.dir, 'kept'), { recursive: true });
    throw error;
  } finally {
    spawnSync('umount', [disk]);
  }
}

/** An output without a reader is no reason to stop. */
async function fullLog(one, wanted) {
  const { random } = one;
  const kind = random.pick(KINDS);
  const stream = random.pick(['stdout', 'stderr']);
  writeProblems(one.dir);
  const full = openSync('/dev/full', 'w');
  one.steps.push(`  (${stream} is /dev/full)`);
  const result = await one.command([...beginning(kind, 'out'), '--workers', '2'], { [stream]: full });
  closeSync(full);
  one.event();
  campaign.note(`full ${stream}`);
  expect(
    !/^\s+at .+:\d+/m.test(result.stderr),
    () => `expected no stack, got ${result.stderr.slice(0, 400)}`,
  );
  if (stream === 'stderr')
    expect(
      result.status === 0,
      `expected a training that continues without its log, got status ${result.status}`,
    );
  // A result that cannot be printed is a failure to tell, but the run is finished.
  else expect([0, 2].includes(result.status), `expected status 0 or 2, got ${result.status}`);
  expectFinished(kind, join(one.dir, 'out'), wanted[kind]);
}

function canMount(dir) {
  const probe = join(dir, 'probe');
  mkdirSync(probe);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', probe]);
  return status === 0 && spawnSync('umount', [probe]).status === 0;
}

function mount(words) {
  const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${words.join(' ')}: ${stderr}`);
}

/** Where epochs were reported beyond the first checkpoint's, a state of the training must be there. */
function expectState(dir) {
  const metrics = join(dir, 'metrics.jsonl');
  if (!existsSync(metrics) || jsonLines(metrics).length < 2) return;
  const states = readdirSync(dir).filter((name) => /^(checkpoint|posterior)[-\d]*\.safetensors$/.test(name));
  expect(states.length > 0, 'expected a saved state after the error, got none');
}
