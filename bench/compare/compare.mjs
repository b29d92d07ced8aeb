// varpool beside its peers on the same work, in one run: one process each, asked in turn, never two at once.
//   node bench/compare/compare.mjs [--rounds 7] [--seconds 0.25] [--peers jax,torch,openblas,tfjs] [--only TEXT] [--out FILE] [--json]
// Peers come from ./setup (tfjs-node also from VARPOOL_TFJS, the folder of the package); those that are missing are left out and said so.
// bench/README.md tells how to read the result.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { watchBeside } from '../../dist/bench/beside.node.js';
import { spread } from '../../dist/bench/statistics.js';
import { besideText } from '../../dist/bench/table.js';
import { currentPlatform } from '../../dist/experiment/provenance.js';
import { measureAllocations } from '../allocations.mjs';
import { Peer } from './process.mjs';
import { caseTables, summary, summaryTable } from './summary.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '0.25' },
    peers: { type: 'string', default: 'jax,torch,openblas,tfjs' },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const seconds = Number(flags.seconds);
const wanted = flags.peers.split(',');
const cores = availableParallelism();
/** Threads of a peer that wait by spinning give up within this. */
const SETTLE_MS = 20;

const python = join(import.meta.dirname, '.venv/bin/python');
// One core is one core for all: pinned, where the system can.
const pin = spawnSync('taskset', ['-c', '0', 'true']).status === 0 ? ['taskset', '-c', '0'] : [];
const tfjsFolder = join(import.meta.dirname, '.tfjs/node_modules/@tensorflow/tfjs-node');
const tfjs = process.env.VARPOOL_TFJS ?? (existsSync(tfjsFolder) ? tfjsFolder : '@tensorflow/tfjs-node');
const isEpoch = (name) => name.startsWith('epoch ');
const SPECS = [
  { name: 'varpool', kind: 'varpool', command: [process.execPath, 'peers/varpool.mjs'] },
  {
    name: 'varpool, one core',
    kind: 'varpool',
    command: [...pin, process.execPath, 'peers/varpool.mjs', 'one-core'],
  },
  { name: 'jax', kind: 'jax', command: [python, 'peers/jax_peer.py'], takes: (name) => !isEpoch(name) },
  {
    name: 'jax, one core',
    kind: 'jax',
    command: [...pin, python, 'peers/jax_peer.py'],
    takes: isEpoch,
    env: { JAX_PLATFORMS: 'cpu' },
  },
  {
    name: 'torch',
    kind: 'torch',
    command: [python, 'peers/torch_peer.py', String(cores)],
    env: { OMP_NUM_THREADS: String(cores) },
  },
  {
    name: 'openblas',
    kind: 'openblas',
    command: [python, 'peers/openblas_peer.py'],
    env: { OPENBLAS_NUM_THREADS: '1' },
  },
  {
    name: 'tfjs',
    kind: 'tfjs',
    command: [process.execPath, 'peers/tfjs.mjs', tfjs],
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  },
];

const log = (text) => process.stderr.write(`${text}\n`);

/** Starts a peer and asks what it can do; null with a word of why when it is not here. */
async function start(spec) {
  const [program] = spec.command.filter((word) => !pin.includes(word));
  if (program === python && !existsSync(python)) {
    return { left: `${spec.name}: no bench/compare/.venv — run bench/compare/setup` };
  }
  const peer = new Peer(spec);
  const hello = await peer.ask({ op: 'hello' });
  if (hello.error === undefined) return { peer, hello };
  await peer.close();
  return { left: `${spec.name}: ${hello.error}` };
}

const peers = [];
const left = [];
for (const spec of SPECS.filter(({ kind }) => kind === 'varpool' || wanted.includes(kind))) {
  const started = await start(spec);
  if (started.left !== undefined) left.push(started.left);
  else peers.push({ ...started, spec });
}
for (const line of left) log(`left out: ${line}`);

/** Everything that is measured, what belongs together side by side. */
const entrants = peers.flatMap(({ peer, hello, spec }) =>
  hello.cases
    .filter((each) => (spec.takes?.(each.case) ?? true) && each.case.includes(flags.only))
    .map((each) => ({ peer, kind: spec.kind, ...each, times: [], details: [] })),
);
const names = [...new Set(entrants.map((entrant) => entrant.case))];
const beside = watchBeside();
let children = 0;
try {
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) log(`round ${round} of ${rounds}`);
    for (const name of names) {
      if (round === 0 && !name.startsWith('limit ')) log(`warming up: ${name}`);
      const field = entrants.filter((entrant) => entrant.case === name && entrant.error === undefined);
      for (let i = 0; i < field.length; i++) {
        // Another one begins in each round.
        const entrant = field[(i + round) % field.length];
        const answer = await entrant.peer.ask({ op: 'run', case: name, variant: entrant.variant, seconds });
        if (answer.error !== undefined) {
          entrant.error = answer.error;
          log(`${entrant.kind} ${entrant.variant}, ${name}: ${answer.error}`);
          continue;
        }
        children += answer.cpu;
        entrant.work = answer.work;
        if (round > 0) {
          entrant.times.push(answer.ms);
          if (answer.detail !== undefined) entrant.details.push(answer.detail);
          if (answer.elements !== undefined) entrant.elements = answer.elements;
        }
        await sleep(SETTLE_MS);
      }
    }
  }
} finally {
  await Promise.all(peers.map(({ peer }) => peer.close()));
}

const results = entrants
  .filter(({ times }) => times.length > 0)
  .map(({ peer: _, ...entrant }) => ({ ...entrant, ms: spread(entrant.times) }));
const report = {
  platform: currentPlatform(),
  pinned: pin.length > 0,
  rounds,
  versions: Object.assign({}, ...peers.map(({ hello }) => hello.versions)),
  left,
  beside: beside(children),
  summary: summary(results, flags.only === '' ? measureAllocations() : null),
  results,
};
const { node, cpu } = report.platform;
console.log(`Node ${node}, ${cpu}, ${cores} cores; ${rounds} rounds, medians`);
console.log(
  Object.entries(report.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
console.log(`${besideText(report.beside)}\n`);
console.log(caseTables(results));
console.log(summaryTable(report.summary));
if (flags.out !== undefined) writeFileSync(flags.out, `${JSON.stringify(report, null, 1)}\n`);
if (flags.json) console.log(JSON.stringify(report));
