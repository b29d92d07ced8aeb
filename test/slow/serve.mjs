// @ts-check
// The HTTP server for a long time: tens of thousands of malformed requests, hundreds of thousands of right ones, overload, threads that die,
// ends under load, and a program that trains beside its predictions. No crash, no fault of its own, flat memory, a bounded queue, no lost request.
// npm run test:serve [-- --malformed 20000 --requests 200000 --overload 60 --kills 20 --ends 20 --host 20]; 0 leaves a part out

import { strict as assert } from 'node:assert';
import { parseArgs } from 'node:util';
import { agent, ask, BODY, start } from './serving/client.mjs';
import { host } from './serving/host.mjs';
import { ended, killedThreads } from './serving/losses.mjs';
import { attack } from './serving/malformed.mjs';
import { overload } from './serving/overload.mjs';

const { values } = parseArgs({
  options: {
    malformed: { type: 'string', default: '20000' },
    requests: { type: 'string', default: '200000' },
    /** Seconds. */
    overload: { type: 'string', default: '60' },
    kills: { type: 'string', default: '20' },
    ends: { type: 'string', default: '20' },
    /** Seconds. */
    host: { type: 'string', default: '20' },
  },
});
/** What a process may gain once it has warmed up: an engine collects garbage at times of its own. */
const MOST_MIB = 64;

/** @param {number} before MiB @param {number} after */
const memory = (before, after) => `memory ${before.toFixed(0)} → ${after.toFixed(0)} MiB`;

/** @param {number} before @param {number} after */
function checkMemory(before, after) {
  const got = `${(after - before).toFixed(1)}, ${memory(before, after)}`;
  assert(after - before < MOST_MIB, `memory: expected to gain at most ${MOST_MIB} MiB, got ${got}`);
}

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

if (Number(values.malformed) > 0) await malformed();
if (Number(values.requests) > 0) await many();
if (Number(values.overload) > 0) await overload(Number(values.overload));
if (Number(values.kills) > 0) await killedThreads(Number(values.kills));
if (Number(values.ends) > 0) await ended(Number(values.ends));
if (Number(values.host) > 0) await host(Number(values.host));
agent.destroy();
console.log('serve: passed');
