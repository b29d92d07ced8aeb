// Kills at system calls: the n-th openat, write, fsync, rename … of a training, an ensemble or a sweep is its last. Then resume must
// come to the undisturbed end, with whole files and nothing left behind.
// node test/slow/campaign/systemCalls.mjs [--quick] [--seed s] [--case n]

import { join } from 'node:path';
import { Case, expect, lastLine, openCampaign } from './harness.mjs';
import { beginning, expectFinished, goOn, KINDS, undisturbed, writeProblems } from './problems.mjs';
import { callsOfProblems, straceMissing, traced } from './strace.mjs';

const campaign = openCampaign(import.meta.url, { full: 195, quick: 3 });
const missing = straceMissing();

if (missing === null) {
  const wanted = await undisturbed(new Case(campaign, 'whole'));
  const calls = await callsOfProblems(campaign);
  await campaign.run((one) => killed(one, wanted, calls));
} else campaign.skip(missing);
campaign.end('kills at system calls');

async function killed(one, wanted, calls) {
  const { random } = one;
  const kind = random.pick(KINDS);
  writeProblems(one.dir);
  let words = beginning(kind, 'out');
  for (let lives = 1 + random.below(2); lives > 0; lives--) {
    // First a kind of call, so that the few renames count as much as the many writes.
    const systemCall = random.pick([...new Set(calls[kind].map((call) => call.systemCall))]);
    const { nth, target } = random.pick(calls[kind].filter((call) => call.systemCall === systemCall));
    const wrap = traced(systemCall, `signal=KILL:when=${nth}`, '/dev/null');
    one.steps.push(`  (in an undisturbed run: ${systemCall} of ${target})`);
    const { status, signal, stderr } = await one.command([...words, '--workers', '2', '--quiet'], { wrap });
    if (signal === 'SIGKILL') {
      one.event();
      campaign.note(systemCall);
    } else if (status === 2 && words[0] === 'resume') break;
    else {
      expect(status === 0, `expected a life without a kill to end well, got ${status}: ${lastLine(stderr)}`);
      break;
    }
    words = ['resume', 'out'];
  }
  await goOn(one, kind, 'out', ['--workers', `${1 + random.below(3)}`]);
  expectFinished(kind, join(one.dir, 'out'), wanted[kind]);
}
