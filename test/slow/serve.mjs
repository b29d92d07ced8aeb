// @ts-check
// The HTTP server for a long time: tens of thousands of malformed requests, hundreds of thousands of right ones, and overload. No crash, no
// fault of its own, flat memory, a bounded queue.
// npm run test:serve [-- --malformed 20000 --requests 200000 --overload 60]

import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { Agent, request as httpRequest } from 'node:http';
import { parseArgs } from 'node:util';
import { attack } from './serving/malformed.mjs';

const { values } = parseArgs({
  options: {
    malformed: { type: 'string', default: '20000' },
    requests: { type: 'string', default: '200000' },
    /** Seconds. */
    overload: { type: 'string', default: '60' },
  },
});
/** What a process may gain once it has warmed up: an engine collects garbage at times of its own. */
const MOST_MIB = 64;

/** @param {object} options */
async function start(options) {
  const child = fork(new URL('serving/server.mjs', import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  });
  /** @returns {Promise<any>} */
  const message = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (status) =>
        reject(new Error(`expected the server to run, got its end with ${status}`)),
      );
    });
  const { port } = await message();
  return {
    port,
    async rss() {
      child.send('memory');
      return (await message()).rss;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      assert.equal(await ended, 0, 'status at the end');
    },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 512 });
const BODY = JSON.stringify({
  inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP64', data: [0.25, 0.5] }],
  parameters: { draws: 32, mode: 'marginal' },
});

/** @param {number} port @param {string} body @returns {Promise<{ status: number, text: string, retryAfter: string | undefined, ms: number }>} */
function ask(port, body) {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) };
    const sent = httpRequest(
      { port, agent, method: 'POST', path: '/v2/models/pair/infer', headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            retryAfter: response.headers['retry-after'],
            ms: performance.now() - start,
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @param {number} before MiB @param {number} after */
const memory = (before, after) => `memory ${before.toFixed(0)} → ${after.toFixed(0)} MiB`;

/** @param {number} before @param {number} after */
function checkMemory(before, after) {
  const got = `${(after - before).toFixed(1)}, ${memory(before, after)}`;
  assert(after - before < MOST_MIB, `memory: expected to gain at most ${MOST_MIB} MiB, got ${got}`);
}

/** @param {number[]} sorted @param {number} share */
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

async function malformed() {
  const count = Number(values.malformed);
  const server = await start({ limits: { bodyMs: 300, inflatedBytes: 1 << 20 }, logLevel: 'error' });
  const right = (await ask(server.port, BODY)).text;
  const warmUp = Math.ceil(count / 4);
  const first = await attack(server.port, { count: warmUp, atOnce: 32 });
  const before = await server.rss();
  const { statuses, flaws } = await attack(server.port, { count: count - warmUp, first: warmUp, atOnce: 32 });
  const after = await server.rss();
  console.log(
    `malformed: ${count} requests, of the last ${count - warmUp} by status ${JSON.stringify(statuses)}; ${memory(before, after)}`,
  );
  assert.deepEqual([...first.flaws, ...flaws], []);
  assert.equal((await ask(server.port, BODY)).text, right, 'the answer afterwards');
  checkMemory(before, after);
  await server.stop();
}

async function many() {
  const count = Number(values.requests);
  const server = await start({ logLevel: 'error' });
  const right = (await ask(server.port, BODY)).text;
  let [done, before] = [0, 0];
  const start_ = performance.now();
  const client = async () => {
    while (done < count) {
      if (++done === Math.ceil(count / 4)) before = await server.rss();
      assert.equal((await ask(server.port, BODY)).text, right);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  const after = await server.rss();
  const perSecond = count / ((performance.now() - start_) / 1000);
  console.log(
    `many: ${count} requests, none failed, ${perSecond.toFixed(0)} a second with this client beside it; ${memory(before, after)}`,
  );
  checkMemory(before, after);
  await server.stop();
}

async function overload() {
  const seconds = Number(values.overload);
  const queueRows = 2048;
  const server = await start({ limits: { queueRows }, logLevel: 'error' });
  const rows = Array.from({ length: 512 }, (_, i) => (i % 13) / 13);
  const large = JSON.stringify({
    inputs: [{ name: 'x', shape: [256, 2], datatype: 'FP64', data: rows }],
    parameters: { draws: 256 },
    outputs: [{ name: 'mean' }],
  });
  const right = (await ask(server.port, large)).text;
  const usual = [];
  for (let n = 0; n < 50; n++) usual.push((await ask(server.port, large)).ms);
  let [answered, refused, deepest] = [0, 0, 0];
  const until = performance.now() + seconds * 1000;
  const client = async () => {
    while (performance.now() < until) {
      const { status, text, retryAfter } = await ask(server.port, large);
      if (status === 200) {
        assert.equal(text, right);
        answered++;
      } else {
        assert.equal(status, 503, text);
        assert(Number(retryAfter) >= 1, `Retry-After: ${retryAfter}`);
        refused++;
        await new Promise((next) => setTimeout(next, 50));
      }
    }
  };
  const watch = async () => {
    while (performance.now() < until) {
      const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      deepest = Math.max(deepest, Number(/^varpool_queue_rows\{model="pair".*\} (\d+)$/m.exec(text)?.[1]));
      await new Promise((next) => setTimeout(next, 100));
    }
  };
  await Promise.all([watch(), ...Array.from({ length: 64 }, client)]);
  usual.sort((a, b) => a - b);
  console.log(
    `overload: ${seconds} s of 64 callers with room for ${queueRows / 256} requests: ${answered} answered, ${refused} refused; at most ${deepest} rows waited; alone a request takes ${at(usual, 0.5).toFixed(1)} ms`,
  );
  assert(answered > 0 && refused > 0, 'expected some of each');
  assert(deepest <= queueRows, `queue: expected at most ${queueRows} rows, got ${deepest}`);
  await server.stop();
}

if (Number(values.malformed) > 0) await malformed();
if (Number(values.requests) > 0) await many();
if (Number(values.overload) > 0) await overload();
agent.destroy();
console.log('serve: passed');
