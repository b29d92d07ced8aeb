// @ts-check
// A server in a process of its own and a client of many connections, as the long tests of the server share them.

import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { Agent, request as httpRequest } from 'node:http';

export const agent = new Agent({ keepAlive: true, maxSockets: 512 });

export const BODY = JSON.stringify({
  inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP64', data: [0.25, 0.5] }],
  parameters: { draws: 32, mode: 'marginal' },
});

/** Starts `server.mjs`. @param {object} options */
export async function start(options) {
  const child = fork(new URL('server.mjs', import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const failed = ended.then((status) => {
    throw new Error(`expected the server to run, got its end with ${status}`);
  });
  failed.catch(() => undefined); // Its end is expected at the end.
  /** @returns {Promise<any>} */
  const message = () => Promise.race([new Promise((resolve) => child.once('message', resolve)), failed]);
  const { port } = await message();
  return {
    port,
    /** MiB once garbage is collected. */
    async rss() {
      child.send('memory');
      return (await message()).rss;
    },
    /** Ends the thread of a session. @returns {Promise<number>} how many there were */
    async killThread() {
      child.send('kill');
      return (await message()).threads;
    },
    async stop() {
      child.kill('SIGTERM');
      assert.equal(await ended, 0, 'status at the end');
    },
  };
}

/**
 * @param {number} port
 * @param {string} body
 * @param {string} [model]
 * @returns {Promise<{ status: number, text: string, retryAfter: string | undefined, ms: number }>}
 */
export function ask(port, body, model = 'pair') {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) };
    const path = `/v2/models/${model}/infer`;
    const sent = httpRequest({ port, agent, method: 'POST', path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text,
          retryAfter: response.headers['retry-after'],
          ms: performance.now() - start,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @param {number[]} values @param {number} share */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
