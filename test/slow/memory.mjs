// Memory that stays flat: predictions, trainings, a sweep of large networks, jobs of ever other sizes and a training judged at every
// epoch, each in a process of its own. What a process holds and the addresses it reserves may not grow from an early mark to the end.
// npm run test:memory [-- --scale .02 --backend wasm --case predictions]

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, createRuntime } from '../../dist/index.js';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    backend: { type: 'string', default: 'wasm' },
    case: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** Addresses the engine reserves for one shared memory, at most. */
const RESERVED = 10 * GIB;
/**
 * Bounds the young generation of each thread's heap. An engine may let it grow to 3 × 32 MiB before it collects (Node 24 does), which
 * would hide what is measured here.
 */
const NURSERY = '--max-semi-space-size=4';

const sine = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const table = (rows, columns) => ({ data: sine(rows * columns), shape: [rows, columns] });
const SMALL = build({ inputSize: 2, hiddenSizes: [8], outputSize: 1 });
const LARGE = build({ inputSize: 784, hiddenSizes: [1200, 1200], outputSize: 10 });

/**
 * The cases: how often the job is done, when the early mark is set (as a share), what may be held more at the end than then, and how
 * many memories there may have been at once.
 */
const CASES = {
  predictions: { count: 200_000, early: 0.1, growth: 96 * MIB, memories: 4, job: predictions },
  trainings: { count: 2_000, early: 0.1, growth: 96 * MIB, memories: 4, job: trainings },
  sweep: { count: 36, least: 9, early: 0.25, growth: 128 * MIB, memories: 8, job: sweep },
  sizes: { count: 400, least: 60, early: 0.5, growth: 384 * MIB, memories: 64, job: sizes },
  judged: { count: 20_000, early: 0.1, growth: 96 * MIB, memories: 4, job: judged },
};

async function* predictions(runtime, count) {
  const posterior = await runtime.train(SMALL, { x: table(10, 2), y: sine(10) }, { epochs: 2 });
  for (let n = 0; n < count; n++) yield await runtime.predict(posterior, table(1, 2), { draws: 4 });
}

async function* trainings(runtime, count) {
  const data = { x: table(10, 2), y: sine(10) };
  for (let n = 0; n < count; n++) yield await runtime.train(SMALL, data, { epochs: 2, seed: n });
}

/** Cells like those of a sweep on MNIST, two at a time: some steps, then metrics of held-out rows. */
async function* sweep(runtime, count) {
  const labels = (rows) => Float32Array.from({ length: rows }, (_, i) => i % 10);
  const part = (rows) => ({ x: table(rows, 784), y: labels(rows) });
  const [data, validation] = [part(2_000), part(200)];
  const options = {
    likelihood: 'categorical',
    epochs: 1,
    batchSize: 1_000,
    validation: { ...validation, draws: 2 },
  };
  const cell = (seed) => runtime.train(LARGE, data, { ...options, seed });
  for (let n = 0; n < count; n += 2) {
    await Promise.all([cell(n), cell(n + 1)]);
    yield;
    yield;
  }
}

/** No two jobs in a row of one size, and now and then three at a time. */
async function* sizes(runtime, count) {
  const posterior = await runtime.train(SMALL, { x: table(10, 2), y: sine(10) }, { epochs: 2 });
  const predict = (rows) => runtime.predict(posterior, table(rows, 2), { draws: 2 });
  for (let n = 0; n < count; n++) {
    const rows = Math.round(16 * 1.3 ** ((n * 17) % 43));
    yield n % 5 === 0 ? await Promise.all([rows, rows, 2 * rows].map(predict)) : await predict(rows);
  }
}

/** Epochs of one training, each judged on held-out rows. */
async function* judged(runtime, count) {
  const data = { x: table(16, 2), y: sine(16) };
  const earlyStopping = { patience: count };
  yield* runtime.train(SMALL, data, { epochs: count, validation: { ...data, draws: 2 }, earlyStopping });
}

/** Bytes this process holds, reserves, and has reserved at most. */
function memory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  return { held: bytes('VmRSS'), reserved: bytes('VmSize'), peak: bytes('VmPeak') };
}

/** Does a case in this process and prints its marks. */
async function inside(name) {
  const { count, least = 0, early, job } = CASES[name];
  const times = Math.max(least, Math.round(count * Number(values.scale)));
  const runtime = createRuntime({ workers: 2, backend: values.backend, seed: 'memory', onWarning: () => {} });
  const started = performance.now();
  const before = memory();
  let done = 0;
  let mark = null;
  for await (const _ of job(runtime, times)) if (++done === Math.ceil(times * early)) mark = memory();
  const late = memory();
  await runtime.close();
  console.log(
    JSON.stringify({ done, seconds: (performance.now() - started) / 1000, before, early: mark, late }),
  );
}

function row(cells) {
  return cells.map((cell, n) => String(cell)[n === 0 ? 'padEnd' : 'padStart'](n === 0 ? 12 : 9)).join(' ');
}

/** Does every case in a process of its own; returns what did not stay flat. */
function outside() {
  const bad = [];
  console.log(`node ${process.version}, ${values.backend}; held in MiB, reserved in GiB`);
  console.log(row(['case', 'jobs', 'seconds', 'held', 'at end', 'reserved', 'at end', 'peak']));
  for (const [name, { growth, memories }] of Object.entries(CASES)) {
    if (values.case !== undefined && values.case !== name) continue;
    const words = ['--scale', values.scale, '--backend', values.backend, '--case', name, '--inside'];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [NURSERY, fileURLToPath(import.meta.url), ...words],
      {
        encoding: 'utf8',
      },
    );
    if (status !== 0) {
      bad.push(`${name}: expected status 0, got ${status}: ${stderr}`);
      continue;
    }
    const { done, seconds, before, early, late } = JSON.parse(stdout);
    const [mib, gib] = [MIB, GIB].map((unit) => (bytes) => (bytes / unit).toFixed(unit === MIB ? 0 : 1));
    const held = [early.held, late.held].map(mib);
    const reserved = [early.reserved, late.reserved, late.peak].map(gib);
    console.log(row([name, done, seconds.toFixed(0), ...held, ...reserved]));
    if (late.held - early.held > growth)
      bad.push(
        `${name}: expected at most ${mib(growth)} MiB more than at the mark, got ${mib(late.held - early.held)}`,
      );
    if (late.peak - before.reserved > memories * RESERVED)
      bad.push(
        `${name}: expected addresses of at most ${memories} memories, got ${gib(late.peak - before.reserved)} GiB`,
      );
  }
  return bad;
}

if (values.inside) await inside(values.case);
else if (process.platform !== 'linux') console.log('skipped: only Linux tells what a process reserves');
else {
  const bad = outside();
  for (const line of bad) console.error(line);
  process.exitCode = bad.length === 0 ? 0 : 1;
}
