// Damaged files: bits flipped, ends cut off or added, blocks swapped or zeroed, in every file of finished and interrupted runs, ensembles
// and sweeps. Never another prediction or digest in silence: the undisturbed result, or a clear line; and resume falls back where it can.
// node test/slow/campaign/damage.mjs [--quick] [--seed s] [--case n]

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRuntime, load, posteriorDigest, VarpoolError } from '../../../dist/index.js';
import { Case, expect, expectClear, lastLine, openCampaign, sleep } from './harness.mjs';
import { beginning, facts, fileDigest, jsonLines, undisturbed, writeProblems } from './problems.mjs';

const campaign = openCampaign(import.meta.url, { full: 275, quick: 10 });
const whole = new Case(campaign, 'whole');
const wanted = await undisturbed(whole);
const runtime = createRuntime({ workers: 1, backend: 'wasm' });
const ROWS = [
  [0, 0],
  [0.5, -0.5],
  [-1, 1],
  [3, 3],
];

/** Interrupts a problem as soon as `there` finds in its directory what it should be interrupted with. */
async function interrupted(kind, there) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const one = new Case(campaign, `interrupted-${kind}-${attempt}`);
    writeProblems(one.dir);
    const { child, ended } = one.start([...beginning(kind, 'out'), '--workers', '1', '--quiet']);
    const running = () => child.exitCode === null && child.signalCode === null;
    while (running() && !there(join(one.dir, 'out'))) await sleep(1);
    child.kill('SIGINT');
    const { status } = await ended;
    // One that was interrupted while it was measured has no more need of its states and members.
    const trained = existsSync(join(one.dir, 'out/posterior.safetensors'));
    if (status === 130 && !trained && there(join(one.dir, 'out'))) return one.dir;
    rmSync(one.dir, { recursive: true });
  }
  throw new Error(`${campaign.script}: expected an interrupted ${kind} to damage, got none in 20 attempts`);
}

const olderCheckpoint = (dir) =>
  existsSync(join(dir, 'metrics.jsonl')) && readdirSync(dir).some((name) => /^checkpoint-\d+\./.test(name));
const memberDone = (dir) => existsSync(join(dir, 'members/0/posterior.safetensors'));
const cellsDone = (dir) =>
  existsSync(join(dir, 'results.jsonl')) && jsonLines(join(dir, 'results.jsonl')).length > 1;

const bases = {
  single: await interrupted('single', olderCheckpoint),
  ensemble: await interrupted('ensemble', memberDone),
  sweep: await interrupted('sweep', cellsDone),
};

/** What is damaged and what must then hold. */
const TARGETS = [
  { files: ['single/posterior.safetensors', 'ensemble/posterior.safetensors'], weight: 8, check: predicts },
  {
    files: ['single/manifest.json', 'single/config.yaml', 'ensemble/manifest.json'],
    weight: 3,
    check: predictsOnCommand,
  },
  { files: ['single/posterior.safetensors', 'ensemble/posterior.safetensors'], weight: 2, check: verifies },
  { base: 'single', files: ['out/checkpoint.safetensors', 'older checkpoint'], weight: 5, check: fallsBack },
  { base: 'single', files: ['all checkpoints'], weight: 1, check: fallsBack },
  { base: 'single', files: ['out/metrics.jsonl'], weight: 2, check: resumesAnyway },
  { base: 'single', files: ['out/manifest.json', 'out/config.yaml', 'data.csv'], weight: 4, check: resumes },
  { base: 'ensemble', files: ['out/members/0/posterior.safetensors'], weight: 4, check: trainsMemberAgain },
  { base: 'ensemble', files: ['out/metrics.jsonl', 'member checkpoint'], weight: 2, check: resumes },
  {
    base: 'sweep',
    files: ['out/results.jsonl', 'out/sweep.json', 'sweep.yaml', 'data.csv'],
    weight: 4,
    check: sweeps,
  },
].flatMap((target) => Array(target.weight).fill(target));

const DAMAGES = {
  'one bit': (bytes, random) => flip(bytes, place(bytes, random), random),
  'some bits': (bytes, random) => {
    for (let n = 2 + random.below(8); n > 0; n--) flip(bytes, place(bytes, random), random);
    return bytes;
  },
  'one byte': (bytes, random) => {
    bytes[place(bytes, random)] = random.below(256);
    return bytes;
  },
  // Of text the likeliest: a digit that became another, which every parser takes.
  'a digit': (bytes, random) => {
    const digits = [...bytes.keys()].filter((i) => bytes[i] >= 48 && bytes[i] <= 57);
    if (digits.length > 0) bytes[random.pick(digits)] = 48 + random.below(10);
    return bytes;
  },
  'end cut off': (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  'bytes added': (bytes, random) =>
    Buffer.concat([
      bytes,
      Buffer.from(Array.from({ length: 1 + random.below(40) }, () => random.below(256))),
    ]),
  'blocks swapped': (bytes, random) => {
    const size = Math.max(1, Math.min(512, bytes.length >> 2));
    const [a, b] = [random.below(bytes.length - size), random.below(bytes.length - size)];
    const [first, second] = [a, b].map((at) => Buffer.from(bytes.subarray(at, at + size)));
    first.copy(bytes, b);
    second.copy(bytes, a);
    return bytes;
  },
  'block zeroed': (bytes, random) => bytes.fill(0, ...span(bytes, random)),
  'block doubled': (bytes, random) => {
    const [from, to] = span(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
};

function flip(bytes, at, random) {
  bytes[at] ^= 1 << random.below(8);
  return bytes;
}

/** Half of the places are near the start, where headers are. */
function place(bytes, random) {
  return random.below(random.chance(0.5) ? Math.min(1200, bytes.length) : bytes.length);
}

function span(bytes, random) {
  const from = random.below(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + random.below(4096))];
}

/** Damages a file until it is another one. */
function damage(one, path) {
  const { random } = one;
  const before = readFileSync(path);
  for (;;) {
    const name = random.pick(Object.keys(DAMAGES));
    const after = DAMAGES[name](Buffer.from(before), random);
    if (after.equals(before)) continue;
    writeFileSync(path, after);
    let at = 0;
    while (at < after.length && before[at] === after[at]) at++;
    one.steps.push(
      `  (${path}: ${name}; ${before.length} bytes became ${after.length}, the first that differs is ${at}: ${before[at]} → ${after[at]})`,
    );
    campaign.note(name);
    return;
  }
}

async function damaged(one) {
  const { random } = one;
  const target = random.pick(TARGETS);
  const file = random.pick(target.files);
  cpSync(target.base === undefined ? whole.dir : bases[target.base], one.dir, { recursive: true });
  for (const path of paths(one.dir, file)) damage(one, path);
  one.event();
  const kind = target.base ?? file.split('/')[0];
  await target.check(one, kind, file);
}

function paths(dir, file) {
  const inside = (path, pattern) =>
    readdirSync(join(dir, path))
      .filter((name) => pattern.test(name))
      .map((name) => join(dir, path, name));
  if (file === 'older checkpoint') return inside('out', /^checkpoint-/);
  if (file === 'all checkpoints') return inside('out', /^checkpoint/);
  if (file !== 'member checkpoint') return [join(dir, file)];
  const members = readdirSync(join(dir, 'out/members')).filter((m) => m !== '0');
  return members.flatMap((m) => inside(`out/members/${m}`, /^checkpoint\./)).slice(0, 1);
}

/** All that a posterior says of some rows, to the bit; undefined where it cannot be read. */
async function predictionOf(path, one) {
  let posterior;
  try {
    posterior = load(path);
  } catch (error) {
    expect(
      error instanceof VarpoolError && error.code === 'VARPOOL_CHECKPOINT',
      () => `expected a CheckpointError, got ${error?.stack}`,
    );
    expect(
      /: expected .+, got .+ — .+/.test(error.message) && !error.message.includes('\n'),
      `expected one clear line, got ${error.message}`,
    );
    one?.steps.push(`  load → ${error.message}`);
    return undefined;
  }
  const parts = [posteriorDigest(posterior)];
  for (const mode of ['sample', 'mean', 'marginal']) {
    const { mean, variance, aleatoric, epistemic, quantiles } = await runtime.predict(posterior, ROWS, {
      draws: 6,
      mode,
      quantiles: [0.1, 0.9],
    });
    parts.push(mean, variance, aleatoric, epistemic, quantiles);
  }
  const session = JSON.stringify([posterior.classNames, posterior.likelihood]);
  return JSON.stringify([...parts, session]);
}

const truePrediction = {
  single: await predictionOf(join(whole.dir, 'single/posterior.safetensors')),
  ensemble: await predictionOf(join(whole.dir, 'ensemble/posterior.safetensors')),
};
const trueOutput = {};
for (const kind of ['single', 'ensemble'])
  trueOutput[kind] = (await whole.succeed(['predict', kind, '--data', 'data.csv', '--quiet'])).stdout;

async function predicts(one, kind, file) {
  const got = await predictionOf(join(one.dir, file), one);
  campaign.note(got === undefined ? 'refused' : 'same prediction');
  expect(
    got === undefined || got === truePrediction[kind],
    () => `expected the prediction or a refusal, got another prediction: ${got}`,
  );
  if (one.random.chance(0.3)) await predictsOnCommand(one, kind);
}

async function predictsOnCommand(one, kind) {
  const result = await one.command(['predict', kind, '--data', 'data.csv', '--quiet']);
  expectClear(result, [0, 2]);
  campaign.note(result.status === 0 ? 'same prediction' : 'refused');
  const told = /^varpool: warning: /m.test(result.stderr);
  expect(
    result.status === 2 || told || result.stdout === trueOutput[kind],
    () => `expected the prediction, a warning or a refusal, got another prediction: ${result.stdout}`,
  );
}

async function verifies(one, kind) {
  const result = await one.command(['verify', kind, '--quiet']);
  expectClear(result, [2, 4]);
}

/** One damaged checkpoint is skipped; where all are damaged, a message says how to start again. */
async function fallsBack(one, kind, file) {
  const result = await one.command(['resume', 'out', '--quiet']);
  if (file === 'all checkpoints' && result.status === 2) {
    expectClear(result);
    expect(
      /delete the checkpoints/.test(result.stderr),
      `expected the way on, got ${lastLine(result.stderr)}`,
    );
    for (const path of paths(one.dir, file)) rmSync(path);
    await one.succeed(['resume', 'out', '--quiet']);
  } else {
    expectClear(result, [0]);
    expect(
      file !== 'out/checkpoint.safetensors' || /warning/.test(result.stderr),
      'expected a warning of the damaged checkpoint, got none',
    );
  }
  expectSame(one, kind);
}

async function resumes(one, kind, file) {
  const result = await one.command(['resume', 'out', '--quiet']);
  expectClear(result, [0, 2]);
  campaign.note(result.status === 0 ? 'resumed' : 'refused');
  if (result.status === 0) expectSame(one, kind, file);
}

/** Nothing of the result depends on the file. */
async function resumesAnyway(one, kind, file) {
  expectClear(await one.command(['resume', 'out', '--quiet']), [0]);
  expectSame(one, kind, file);
}

async function trainsMemberAgain(one, kind) {
  const result = await one.command(['resume', 'out', '--quiet']);
  expectClear(result, [0]);
  expect(
    /^varpool: warning: /m.test(result.stderr),
    'expected a warning about the damaged member, got nothing',
  );
  expectSame(one, kind);
}

async function sweeps(one, kind, file) {
  const result = await one.command(['resume', 'out', '--quiet']);
  expectClear(result, [0, 2]);
  campaign.note(result.status === 0 ? 'resumed' : 'refused');
  if (result.status === 0 && file !== 'out/results.jsonl') {
    const got = facts(kind, join(one.dir, 'out')).text;
    // Another sweep or other data may be swept; but what then is there must say so.
    const told = /warning|expected/.test(result.stderr);
    expect(
      got === wanted[kind].text || file === 'sweep.yaml' || told,
      () => `expected the undisturbed results, got others: ${got.slice(0, 300)}`,
    );
  }
  for (const { run, posteriorDigest: said, status } of result.status === 0
    ? jsonLines(join(one.dir, 'out/results.jsonl'))
    : []) {
    if (status !== 'finished' || !existsSync(join(one.dir, 'out', run))) continue;
    const digest = fileDigest(join(one.dir, 'out', run, 'posterior.safetensors'));
    expect(digest === said, `expected the digest of ${run}, ${digest}, in results.jsonl, got ${said}`);
  }
}

/** The digest of the manifest, of the file, and the test metrics; of what was not damaged, all else too. */
function expectSame(one, kind, file) {
  const dir = join(one.dir, 'out');
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
  expect(manifest.status === 'finished', `expected a finished run, got ${manifest.status}`);
  expect(
    manifest.posteriorDigest === wanted[kind].posteriorDigest,
    `expected digest ${wanted[kind].posteriorDigest}, got ${manifest.posteriorDigest}`,
  );
  expect(
    fileDigest(join(dir, 'posterior.safetensors')) === manifest.posteriorDigest,
    'expected the digest of the file in the manifest, got another',
  );
  const test = (text) => JSON.stringify(JSON.parse(text).test);
  const got = facts(kind, dir).text;
  expect(
    test(got) === test(wanted[kind].text),
    `expected test metrics ${test(wanted[kind].text)}, got ${test(got)}`,
  );
  expect(file !== undefined || got === wanted[kind].text, 'expected the undisturbed metrics, got others');
}

await campaign.run(damaged);
await runtime.close();
campaign.end('damaged files');
