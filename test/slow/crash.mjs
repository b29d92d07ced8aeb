// Kills an MNIST training at random instants, for real: kill -9 of the process, then the end of single worker threads. Each time
// every file must be readable, and the digest, the metrics and the test metrics those of an undisturbed run.
// npm run test:crash [-- --kills 25 --seed s --data DIR]

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import seedrandom from 'seedrandom';
import { readCheckpoint } from '../../dist/experiment/checkpoint/checkpointFile.js';
import { CheckpointStore } from '../../dist/experiment/checkpoint/store.js';
import { readConfig } from '../../dist/experiment/config/config.js';
import { posteriorDigest } from '../../dist/experiment/posterior/saved.js';
import { prepareRun, trainingData } from '../../dist/experiment/run/data.js';
import { openRun } from '../../dist/experiment/run/directory.js';
import { trainOptions } from '../../dist/experiment/run/train.js';
import { createRuntime } from '../../dist/index.js';
import { nodeBackends } from '../../dist/platform/node/backends.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '25' },
    seed: { type: 'string', default: 'crash' },
    data: { type: 'string', default: '../shared/data/mnist' },
  },
});
const KILLS = Number(values.kills);
const MAIN = resolve('dist/cli/main.js');
const random = seedrandom.alea(values.seed);
const below = (n) => Math.floor(random() * n);
const BACKENDS = ['wasm', 'native'].filter((name) => nodeBackends.named(name).available().ok);
/** At most this many lives of one run are killed. */
const LIVES = 3;

const scratch = mkdtempSync(join(tmpdir(), 'varpool-crash-'));
const CONFIG = join(scratch, 'crash.yaml');
writeFileSync(
  CONFIG,
  `seed: crash-1
data: { kind: idx, dir: ${JSON.stringify(resolve(values.data))}, limit: 12800, validation: 1000 }
model: { hiddenSizes: [100, 100] }
training: { epochs: 6, batchSize: 64, schedule: { kind: cosine } }
checkpoint: { everySteps: 20 }
prediction: { draws: 10 }
`,
);

/** Starts the command; `--workers` and `--backend` at random, for no bit may depend on them. */
function start(...words) {
  const how = ['--workers', String(1 + below(3)), '--backend', BACKENDS[below(BACKENDS.length)]];
  const child = spawn(process.execPath, [MAIN, ...words, ...how, '--quiet', '--json'], { cwd: scratch });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise((done) =>
    child.on('close', (status, signal) => done({ status, signal, stdout, stderr })),
  );
  return { child, ended };
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function expect(condition, message) {
  if (!condition) throw new Error(`crash test: ${message} (files are kept in ${scratch})`);
}

/** Metrics without the times, which are not promised. */
function metricsOf(dir) {
  return JSON.stringify(
    openRun(dir)
      .metrics()
      .map(({ seconds, ...rest }) => rest),
  );
}

/** Opens every file a kill has left. */
function checkFiles(dir) {
  const run = openRun(dir);
  run.metrics();
  const store = new CheckpointStore(dir);
  for (const path of store.paths()) readCheckpoint(path);
  if (existsSync(run.path('posterior')) && run.manifest.posteriorDigest !== null) run.posterior();
  return store.paths().length === 0 ? 0 : readCheckpoint(store.paths()[0]).state.step;
}

/** Lets a life run for a random part of `ms` and kills it; null when it came to its end before. */
async function killed({ child, ended }, dir, ms) {
  while (!existsSync(join(dir, 'config.yaml')) && child.exitCode === null) await sleep(1);
  const wait = random() * ms;
  await sleep(wait);
  child.kill('SIGKILL');
  const { signal, status, stderr } = await ended;
  if (signal === 'SIGKILL') return wait;
  expect(status === 0, `expected a life to end well, got ${status}: ${stderr}`);
  return null;
}

async function processKills() {
  const whole = join(scratch, 'whole');
  const begun = start('train', CONFIG, '--out', whole);
  while (!existsSync(join(whole, 'config.yaml'))) await sleep(1);
  const t0 = performance.now();
  const { stdout, status, stderr } = await begun.ended;
  expect(status === 0, `expected the whole run to end well, got ${status}: ${stderr}`);
  const duration = performance.now() - t0;
  const wanted = JSON.parse(stdout.trimEnd().split('\n').at(-1));
  const metrics = metricsOf(whole);
  console.log(
    `whole run: ${(duration / 1000).toFixed(1)} s from its first file, digest ${wanted.posteriorDigest}`,
  );
  let kills = 0;
  let trial = 0;
  let torn = 0;
  for (; kills < KILLS; trial++) {
    const dir = join(scratch, `run-${trial}`);
    const lives = [];
    let step = 0;
    let life = start('train', CONFIG, '--out', dir);
    for (let n = 1 + below(LIVES); n > 0 && kills < KILLS; n--) {
      const wait = await killed(life, dir, duration);
      if (wait === null) break;
      kills++;
      if (readdirSync(dir).some((name) => name.endsWith('.tmp'))) torn++;
      const next = checkFiles(dir);
      expect(next >= step, `expected no step to be lost, got ${next} after ${step}`);
      step = next;
      lives.push(`${(wait / 1000).toFixed(2)} s → step ${step}`);
      life = start('resume', dir);
    }
    const end = await life.ended;
    expect(end.status === 0, `expected status 0 at the end, got ${end.status}: ${end.stderr}`);
    const got = openRun(dir);
    expect(got.manifest.posteriorDigest === wanted.posteriorDigest, `digest of ${dir} differs`);
    expect(posteriorDigest(got.posterior()) === wanted.posteriorDigest, `posterior of ${dir} differs`);
    expect(metricsOf(dir) === metrics, `metrics of ${dir} differ`);
    expect(
      JSON.stringify(got.manifest.test) === JSON.stringify(wanted.test),
      `test metrics of ${dir} differ`,
    );
    const stray = readdirSync(dir).filter((name) => name.startsWith('.'));
    expect(stray.length === 0, `expected no unfinished file, got ${stray}`);
    console.log(
      `run ${trial + 1}: ${lives.length === 0 ? 'ended before its kill' : `killed after ${lives.join(', then after ')}`}; equal`,
    );
    rmSync(dir, { recursive: true });
  }
  console.log(
    `${kills} kills -9 in ${trial} runs (${torn} left an unfinished file): equal digests, metrics and test metrics\n`,
  );
  return wanted.posteriorDigest;
}

async function workerKills(wanted) {
  const threads = new Set();
  process.on('worker', (thread) => {
    // Not before it is ready: Node itself falls over when a thread is ended while it loads modules.
    thread.once('message', () => threads.add(thread));
    thread.on('exit', () => threads.delete(thread));
  });
  const prepared = prepareRun(readConfig(CONFIG), CONFIG);
  let warnings = 0;
  let duration = 2_000;
  for (let kill = 0; kill < KILLS; ) {
    const workers = 1 + below(3);
    const backend = BACKENDS[below(BACKENDS.length)];
    const runtime = createRuntime({ workers, backend, onWarning: () => warnings++ });
    const before = warnings;
    const began = performance.now();
    const wait = random() * duration;
    const training = runtime.train(prepared.model, trainingData(prepared.data.train), trainOptions(prepared));
    const timer = setTimeout(() => [...threads][below(threads.size)]?.terminate(), wait);
    const posterior = await training;
    clearTimeout(timer);
    await runtime.close();
    expect(posteriorDigest(posterior) === wanted, `digest with ${workers} workers (${backend}) differs`);
    duration = 0.5 * duration + 0.5 * (performance.now() - began);
    // A thread that was ended between two requests, or after the last, cost nothing.
    if (warnings === before) continue;
    kill++;
    console.log(
      `worker kill ${kill}: after ${(wait / 1000).toFixed(2)} s, ${workers} workers, ${backend}; equal`,
    );
  }
  console.log(`${KILLS} workers killed in as many trainings: equal digests\n`);
}

const began = performance.now();
console.log(
  `Node ${process.versions.node}, ${availableParallelism()} cores, backends ${BACKENDS.join(', ')}, seed ${values.seed}`,
);
await workerKills(await processKills());
rmSync(scratch, { recursive: true });
console.log(`all equal, in ${((performance.now() - began) / 1000).toFixed(0)} s`);
