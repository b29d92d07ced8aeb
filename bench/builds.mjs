// Two checkouts of varpool, both built, on the same steps, draws and epochs: one process each, asked in turn, never two at once.
//   node bench/builds.mjs BEFORE [AFTER] [--rounds 9] [--seconds 0.25] [--only TEXT] [--json]      (AFTER: this checkout)
// The last column says how much longer the second takes, in per cent, with the quartiles over rounds; bench/README.md tells how to read it.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { watchBeside } from '../dist/bench/beside.node.js';
import { spread } from '../dist/bench/statistics.js';
import { besideText } from '../dist/bench/table.js';
import { currentPlatform } from '../dist/experiment/provenance.js';
import { Peer } from './compare/process.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '0.25' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});
const [before, after = join(import.meta.dirname, '..')] = positionals.map((folder) => resolve(folder));
const rounds = Number(flags.rounds);
const seconds = Number(flags.seconds);
/** Worker threads that wait by spinning give up within this. */
const SETTLE_MS = 20;

for (const folder of [before, after]) {
  if (folder !== undefined && existsSync(join(folder, 'dist/index.js'))) continue;
  console.error(
    `bench/builds.mjs: expected a checkout that is built, got ${folder ?? 'none'} — run npm run build there`,
  );
  process.exit(2);
}

/** The peer of a checkout, once for two workers and once for whole epochs on one. */
async function opened(folder, args) {
  const peer = new Peer({
    name: folder,
    command: [process.execPath, join(folder, 'bench/compare/peers/varpool.mjs'), ...args],
  });
  const hello = await peer.ask({ op: 'hello' });
  if (hello.error !== undefined) throw new Error(hello.error);
  return { peer, cases: hello.cases };
}

const beside = watchBeside();
const rows = [];
let children = 0;
for (const args of [[], ['one-core']]) {
  const builds = [await opened(before, args), await opened(after, args)];
  const has = ({ cases }, one) =>
    cases.some((each) => each.case === one.case && each.variant === one.variant);
  const shared = builds[0].cases.filter(
    (one) =>
      /^(step|draw|epoch) /.test(one.case) &&
      `${one.case} ${one.variant}`.includes(flags.only) &&
      has(builds[1], one),
  );
  for (const { case: name, variant } of shared) {
    console.error(`${name}, ${variant}`);
    const times = [[], []];
    for (let round = 0; round <= rounds; round++) {
      // Another one begins in each round; the first warms up.
      for (const b of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const answer = await builds[b].peer.ask({ op: 'run', case: name, variant, seconds });
        if (answer.error !== undefined) throw new Error(`${name}, ${variant}: ${answer.error}`);
        children += answer.cpu;
        if (round > 0) times[b].push(answer.ms);
        await sleep(SETTLE_MS);
      }
    }
    const ratio = spread(times[1].map((ms, round) => ms / times[0][round]));
    rows.push({ case: name, variant, before: spread(times[0]), after: spread(times[1]), ratio });
  }
  await Promise.all(builds.map(({ peer }) => peer.close()));
}

const around = beside(children);
if (flags.json) console.log(JSON.stringify({ platform: currentPlatform(), rounds, beside: around, rows }));
else {
  const percent = (ratio) => `${((ratio - 1) * 100).toFixed(1)} %`;
  const ms = (value) => value.toPrecision(4);
  console.log('| case | variant | before, ms | after, ms | after takes more by |');
  console.log('|---|---|---|---|---|');
  for (const { case: name, variant, before: was, after: now, ratio } of rows)
    console.log(
      `| ${name} | ${variant} | ${ms(was.median)} | ${ms(now.median)} | ${percent(ratio.median)} (${percent(ratio.q1)} … ${percent(ratio.q3)}) |`,
    );
  console.log(besideText(around));
}
