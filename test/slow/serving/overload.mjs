// @ts-check
// Requests at four times the rate that the server can answer: a bounded queue, 503 with Retry-After for the rest, and accepted requests that
// take no longer than twice as long as at capacity.

import { strict as assert } from 'node:assert';
import { ask, quantile, start } from './client.mjs';

/** Rows of a request, and requests that the queue holds. */
const [ROWS, ROOM] = [64, 32];
/** Below this many seconds a busy machine decides about latencies. */
const SECONDS_THAT_COUNT = 30;

/** @param {number} seconds */
export async function overload(seconds) {
  const queueRows = ROWS * ROOM;
  const server = await start({ limits: { queueRows }, logLevel: 'error' });
  const body = JSON.stringify({
    inputs: [
      {
        name: 'x',
        shape: [ROWS, 2],
        datatype: 'FP64',
        data: Array.from({ length: 2 * ROWS }, (_, i) => (i % 13) / 13),
      },
    ],
    parameters: { draws: 1024 },
    outputs: [{ name: 'mean' }],
  });
  const right = (await ask(server.port, body)).text;

  // At capacity: as many callers as the queue has room for.
  /** @type {number[]} */
  const usual = [];
  const warm = performance.now() + Math.max(2, seconds / 10) * 1000;
  const began = performance.now();
  const caller = async () => {
    while (performance.now() < warm) usual.push((await ask(server.port, body)).ms);
  };
  await Promise.all(Array.from({ length: ROOM }, caller));
  const capacity = usual.length / ((performance.now() - began) / 1000);

  /** @type {number[]} */
  const accepted = [];
  let [refused, deepest, sent] = [0, 0, 0];
  /** @type {Promise<void>[]} */
  const open = [];
  const one = async () => {
    const { status, text, retryAfter, ms } = await ask(server.port, body);
    if (status === 200) {
      assert.equal(text, right);
      accepted.push(ms);
      return;
    }
    assert.equal(status, 503, text);
    assert(Number(retryAfter) >= 1, `Retry-After: ${retryAfter}`);
    refused++;
  };
  const start_ = performance.now();
  let looked = start_;
  for (;;) {
    const now = performance.now();
    if (now - start_ > seconds * 1000) break;
    // Whether or not earlier ones were answered.
    for (const due = ((now - start_) / 1000) * 4 * capacity; sent < due; sent++) open.push(one());
    if (now - looked > 200) {
      looked = now;
      const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      deepest = Math.max(deepest, Number(/^varpool_queue_rows\{model="pair".*\} (\d+)$/m.exec(text)?.[1]));
    }
    await new Promise((next) => setTimeout(next, 5));
  }
  await Promise.all(open);
  const [p99, usualP99] = [quantile(accepted, 0.99), quantile(usual, 0.99)];
  console.log(
    `overload: ${sent} requests in ${seconds} s, 4 × the ${capacity.toFixed(0)} a second it answers: ${accepted.length} answered, ${refused} refused with Retry-After; at most ${deepest} of ${queueRows} rows waited; p50 ${quantile(accepted, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (at capacity ${quantile(usual, 0.5).toFixed(0)} and ${usualP99.toFixed(0)})`,
  );
  assert(accepted.length > 0 && refused > 0, 'expected some of each');
  assert(deepest > 0 && deepest <= queueRows, `queue: expected at most ${queueRows} rows, got ${deepest}`);
  if (seconds >= SECONDS_THAT_COUNT)
    assert(p99 <= 2 * usualP99, `p99: expected at most ${2 * usualP99} ms, got ${p99}`);
  await server.stop();
}
