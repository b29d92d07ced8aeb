// varpool's server beside FastAPI with PyTorch and with JAX, the same posterior behind each, in turn under the same load: single rows of MNIST
// through 784-400-400-10, 32 draws. The table has the median round of each.
//   bench/compare/setup; node bench/serve/compare.mjs [--rounds 3] [--seconds 3] [--only REGEXP] [--concurrency 1,16,256] [--json]
// autocannon (by npx) asks from the same machine. bench/README.md tells how to read the result.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { pictures, trainRun } from './posterior.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '1,16,256' },
    only: { type: 'string', default: '' },
    run: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const AUTOCANNON = 'autocannon@9.0.0';
const DRAWS = 32;
const MODES = ['sample', 'marginal'];
const cores = availableParallelism();
const only = new RegExp(flags.only);
const here = import.meta.dirname;
const python = join(here, '../compare/.venv/bin/python');
const log = (/** @type {string} */ text) => process.stderr.write(`${text}\n`);

/** @typedef {{ name: string, command: (run: string) => string[], path: (mode: string) => string }} Spec */
/** @param {string} backend @param {number} threads @returns {Spec} */
const ours = (backend, threads) => ({
  name: `varpool ${backend}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
  command: (run) => [process.execPath, join(here, 'peers/varpool.mjs'), run, backend, String(threads)],
  path: () => '/v2/models/mnist/infer',
});
/** @param {string} library @param {number} threads @returns {Spec} */
const fastapi = (library, threads) => ({
  name: `FastAPI, ${library}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
  command: (run) => [
    python,
    join(here, 'peers/fastapi_peer.py'),
    join(run, 'posterior.safetensors'),
    library,
    String(threads),
  ],
  path: (mode) => `/infer/${mode}`,
});
const SPECS = [
  ...['native', 'wasm'].flatMap((backend) => [
    ours(backend, 1),
    ...(cores > 1 ? [ours(backend, cores)] : []),
  ]),
  // Its threads wait by spinning, which the event loop may feel.
  ...(cores > 1 ? [fastapi('torch', 1)] : []),
  fastapi('torch', cores),
  fastapi('jax', cores),
];

/** @param {string[]} command */
function start([command, ...args]) {
  const env = { ...process.env };
  // They make NumPy's and PyTorch's libraries take code for older processors.
  for (const name of ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'ATEN_CPU_CAPABILITY']) delete env[name];
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('close', (status) =>
      reject(new Error(`expected a server, got its end with status ${status}`)),
    );
    child.once('error', reject);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { ready, stop, pid: child.pid ?? 0 };
}

/** Milliseconds of processor that a process has used, all of its threads; NaN where the system does not say. @param {number} pid */
function processorMs(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN; // Not Linux.
  }
}

/** The file of autocannon's program, installed by npm where it is not. */
function findCannon() {
  const found = spawnSync('npm', ['exec', '--yes', `--package=${AUTOCANNON}`, '--', 'which', 'autocannon'], {
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new Error(`expected npm to get ${AUTOCANNON}, got: ${found.stderr}`);
  return realpathSync(found.stdout.trim());
}

/** @param {string} url @param {string} bodyFile @param {number} connections @param {number} seconds @returns {Promise<any>} */
function shoot(url, bodyFile, connections, seconds) {
  const args = [program, '-j', '-m', 'POST', '-H', 'content-type=application/json', '-i', bodyFile];
  args.push('-c', String(connections), '-d', String(seconds), url);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    child.once('error', reject);
    child.once('close', () => resolve(JSON.parse(text.slice(text.indexOf('{')))));
  });
}

const [picture] = pictures('mnist', 1);
/** @param {string} mode */
const bodyOf = (mode) =>
  JSON.stringify({
    inputs: [{ name: 'x', shape: [1, 784], datatype: 'FP32', data: picture }],
    parameters: { draws: DRAWS, mode },
  });

/** Probabilities of an answer of either server. @param {any} answer @returns {number[]} */
const probabilities = (answer) =>
  answer.probabilities ?? answer.outputs.find((/** @type {any} */ { name }) => name === 'probabilities').data;

const program = findCannon();
const dir = mkdtempSync(join(tmpdir(), 'varpool-serve-'));
/** @type {Array<{ spec: Spec, url: string, pid: number, version: string, stop: () => Promise<void> }>} */
const servers = [];
/** @type {Array<{ server: string, mode: string, connections: number, rounds: any[] }>} */
const cases = [];
process.once('SIGTERM', () => process.exit(143));
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  for (const { pid } of servers) process.kill(pid);
});
let about = '';
try {
  const run = flags.run ?? trainRun(dir);
  for (const spec of SPECS.filter(({ name }) => only.test(name))) {
    const command = spec.command(run);
    if (!existsSync(command[0])) {
      log(`left out: ${spec.name}: no bench/compare/.venv — run bench/compare/setup`);
      continue;
    }
    const { ready, stop, pid } = start(command);
    const { port, version } = await ready;
    servers.push({ spec, url: `http://127.0.0.1:${port}`, pid, version, stop });
  }
  about = [...new Set(servers.map(({ version }) => version))].join(', ');
  /** @type {Record<string, number[]>} */
  const first = {};
  for (const mode of MODES) {
    writeFileSync(join(dir, `${mode}.json`), bodyOf(mode));
    for (const { spec, url } of servers) {
      const answer = await (
        await fetch(url + spec.path(mode), { method: 'POST', body: bodyOf(mode) })
      ).json();
      const got = probabilities(answer);
      first[mode] ??= got;
      // Other draws of the same posterior: near, not equal.
      const far = Math.max(...got.map((p, k) => Math.abs(p - first[mode][k])));
      if (!(far < 0.15)) throw new Error(`${spec.name}, ${mode}: expected the same posterior, got ${got}`);
    }
  }
  for (let round = 0; round <= Number(flags.rounds); round++) {
    log(round === 0 ? 'warming up' : `round ${round} of ${flags.rounds}`);
    for (const connections of flags.concurrency.split(',').map(Number)) {
      for (const mode of MODES) {
        for (let i = 0; i < servers.length; i++) {
          // Another one begins in each round.
          const { spec, url, pid } = servers[(i + round) % servers.length];
          const seconds = round === 0 ? 1 : Number(flags.seconds);
          const before = processorMs(pid);
          const measured = await shoot(
            url + spec.path(mode),
            join(dir, `${mode}.json`),
            connections,
            seconds,
          );
          if (round === 0) continue;
          const same = (/** @type {any} */ one) =>
            one.server === spec.name && one.mode === mode && one.connections === connections;
          const found = cases.find(same) ?? { server: spec.name, mode, connections, rounds: [] };
          if (found.rounds.length === 0) cases.push(found);
          const { requests, latency, errors, timeouts, non2xx } = measured;
          const failed = errors + timeouts + non2xx;
          const used = (processorMs(pid) - before) / requests.total;
          found.rounds.push({
            perSecond: requests.average,
            p50: latency.p50,
            p99: latency.p99,
            used,
            failed,
          });
        }
      }
    }
  }
} finally {
  await Promise.all(servers.splice(0).map(({ stop }) => stop()));
  rmSync(dir, { recursive: true, force: true });
}

const median = (/** @type {number[]} */ values) =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = SPECS.flatMap(({ name }) => cases.filter(({ server }) => server === name)).map(
  ({ rounds, ...of }) => ({
    ...of,
    perSecond: Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    best: Math.round(Math.max(...rounds.map(({ perSecond }) => perSecond))),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    used: median(rounds.map(({ used }) => used)).toFixed(2),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
  }),
);
const head = [
  'server',
  'mode',
  'callers',
  'requests/s',
  'best round',
  'p50 ms',
  'p99 ms',
  'draws/s',
  'failed',
];
console.log(
  `${cpus()[0].model}, ${cores} cores; ${about}; ${AUTOCANNON}, ${flags.rounds} rounds of ${flags.seconds} s\n`,
);
console.log(`| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|`);
for (const { server, mode, connections, perSecond, best, p50, p99, used, failed } of rows) {
  const cells = [server, mode, connections, perSecond, best, p50, p99, perSecond * DRAWS, used, failed];
  console.log(`| ${cells.join(' | ')} |`);
}
if (flags.json) console.log(JSON.stringify(rows));
