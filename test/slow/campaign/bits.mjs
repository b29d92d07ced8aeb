// Bits held: random small problems with other workers, backends, V8 flags, locales, directories, heaps, cut short and resumed, one
// comparison for every digest, report, prediction and metric; and the command's runs with all of these.
// node test/slow/campaign/bits.mjs [--quick] [--seed s] [--case n]

import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRuntime } from '../../../dist/index.js';
import { factsOf, randomProblem } from './bitsOf.mjs';
import { Case, expect, openCampaign, ROOT } from './harness.mjs';
import { beginning, expectFinished, KINDS, undisturbed, writeProblems } from './problems.mjs';

const campaign = openCampaign(import.meta.url, { full: 6000, quick: 300 });
const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('bitsOf.mjs', import.meta.url));

/** Runtimes by workers and backend, started when first asked for. */
const runtimes = new Map();
function runtimeOf(workers, backend) {
  const key = `${backend}, ${workers} workers`;
  if (!runtimes.has(key)) runtimes.set(key, createRuntime({ workers, backend }));
  return runtimes.get(key);
}

const BACKENDS = ['wasm', 'reference', 'native'].filter((backend) => {
  try {
    runtimeOf(1, backend);
    return true;
  } catch {
    return false;
  }
});
const WORKERS = [1, 2, 3, 5, 16];

/** Flags of V8 under which nothing may change but the time. */
const FLAGS = [
  ['--no-opt'],
  ['--single-threaded'],
  ['--liftoff-only'],
  ['--no-liftoff'],
  ['--no-wasm-tier-up'],
  ['--always-sparkplug'],
  ['--max-lazy'],
  ['--gc-interval=2000'],
  ['--max-old-space-size=64'],
  ['--stack-size=600'],
  ['--disable-wasm-trap-handler'],
  // Without machine code of its own V8 has no WebAssembly.
  ['--jitless'],
].filter((flags) => spawnSync(process.execPath, [...flags, '-e', '0']).status === 0);
const SURROUNDINGS = [
  { LC_ALL: 'tr_TR.UTF-8' },
  { LC_ALL: 'C' },
  { LANG: 'de_DE.UTF-8', TZ: 'Pacific/Apia' },
  { UV_THREADPOOL_SIZE: '1' },
];
const ONE_CORE = spawnSync('taskset', ['-c', '0', 'true']).status === 0 ? ['taskset', '-c', '0'] : [];

function compare(one, wanted, got, who) {
  expect(got.length === wanted.length, `expected ${wanted.length} facts with ${who}, got ${got.length}`);
  for (const [i, [name, hash]] of wanted.entries()) {
    one.event();
    expect(
      got[i][0] === name && got[i][1] === hash,
      `expected the same bits with ${who}, got another ${name}`,
    );
  }
}

/** Other workers and backends in this process; one of them cuts the training short and resumes it. */
async function elsewhere(one) {
  const { random } = one;
  const problem = randomProblem(random, one.n);
  one.steps.push(`  problem ${JSON.stringify(problem)}`);
  const wanted = await factsOf(problem, runtimeOf(1, 'wasm'));
  for (let n = 0; n < 3; n++) {
    const [workers, backend] = [random.pick(WORKERS), random.pick(BACKENDS)];
    const interruptAt = n === 0 ? 1 + random.below(6) : 0;
    const session = n === 1 ? { session: backend } : {};
    const who = `${workers} workers, ${backend}${n === 1 ? ', a session' : ''}${interruptAt > 0 ? `, resumed after step ${interruptAt}` : ''}`;
    compare(
      one,
      wanted,
      await factsOf(problem, runtimeOf(workers, backend), { interruptAt, ...session }),
      who,
    );
    campaign.note(`${workers} workers`);
    campaign.note(backend);
  }
}

/** Another process, with flags, an environment and a directory of its own. */
async function otherProcess(one) {
  const { random } = one;
  const problems = Array.from({ length: 3 }, (_, i) => randomProblem(random, 1000 * one.n + i));
  const flags = random.chance(0.7) ? random.pick(FLAGS) : [];
  const env = random.chance(0.7) ? random.pick(SURROUNDINGS) : {};
  const wrap = random.chance(0.2) ? ONE_CORE : [];
  const workers = random.pick(flags.includes('--jitless') ? [1, 2] : WORKERS);
  const backend = flags.includes('--jitless') ? 'reference' : random.pick(BACKENDS);
  const file = one.write('problems.json', JSON.stringify({ problems, workers, backend }));
  const line = [...wrap, process.execPath, ...flags, CHILD, file];
  const cwd = random.pick([one.dir, '/', ROOT]);
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value} `);
  one.steps.push(
    `cd ${cwd}; ${settings.join('')}${line.join(' ').replace(process.execPath, 'node')} # ${workers} workers, ${backend}`,
  );
  const { stdout } = await run(line[0], line.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    timeout: 180_000,
    maxBuffer: 1 << 26,
  });
  for (const [i, got] of JSON.parse(stdout).entries())
    compare(one, await factsOf(problems[i], runtimeOf(1, 'wasm')), got, one.steps[0]);
  for (const name of [...flags, ...Object.values(env), ...wrap.slice(0, 1)]) campaign.note(name);
}

/** The command: training, ensemble and sweep from other directories. */
async function command(one, wanted) {
  const { random } = one;
  const kind = random.pick(KINDS);
  writeProblems(one.dir);
  const [from, back] = random.pick([
    [one.dir, ''],
    ['/', `${one.dir}/`],
    [join(one.dir, '..'), `case-${one.n}/`],
  ]);
  const [verb, config, flag, out] = beginning(kind, 'out');
  const how = ['--workers', `${random.pick(WORKERS)}`, '--backend', random.pick(BACKENDS), '--quiet'];
  const node = random.chance(0.5) ? random.pick(FLAGS.filter(([name]) => name !== '--jitless')) : [];
  const env = random.pick(SURROUNDINGS);
  await one.succeed([verb, `${back}${config}`, flag, `${back}${out}`, ...how], { cwd: from, node, env });
  expectFinished(kind, join(one.dir, 'out'), wanted[kind]);
  one.event();
}

const wanted = await undisturbed(new Case(campaign, 'whole'));
await campaign.run((one) => {
  if (one.n % 8 === 3) return otherProcess(one);
  if (one.n % 16 === 6) return command(one, wanted);
  return elsewhere(one);
});
for (const runtime of runtimes.values()) await runtime.close();
campaign.end('comparisons');
