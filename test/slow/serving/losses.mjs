// @ts-check
// Threads that die under load, and a server that ends under load: no accepted request is lost, as counted by the clients.

import { strict as assert } from 'node:assert';
import { agent, ask, BODY, start } from './client.mjs';

/** Kills a thread of the server again and again while clients ask. @param {number} kills */
export async function killedThreads(kills) {
  const server = await start({ threads: 2, logLevel: 'silent' });
  const right = (await ask(server.port, BODY)).text;
  let [answered, done] = [0, false];
  const client = async () => {
    while (!done) {
      const { status, text } = await ask(server.port, BODY);
      assert.equal(status, 200, text);
      assert.equal(text, right);
      answered++;
    }
  };
  const clients = Promise.all(Array.from({ length: 32 }, client));
  for (let n = 0; n < kills; n++) {
    const before = answered;
    assert((await server.killThread()) > 0, 'expected a thread to kill');
    // Work continues between one death and the next.
    while (answered < before + 200) await new Promise((next) => setTimeout(next, 5));
  }
  done = true;
  await clients;
  console.log(`killed threads: ${kills} under load; ${answered} requests, each answered, to the same bits`);
  await server.stop();
}

/** Asks a server to end while clients ask, again and again. @param {number} times */
export async function ended(times) {
  const total = { answered: 0, refused: 0, unheard: 0 };
  for (let n = 0; n < times; n++) {
    const server = await start({ threads: 1, logLevel: 'error' });
    const right = (await ask(server.port, BODY)).text;
    let answered = 0;
    /** Asks until the server refuses, or no longer listens. */
    const client = async () => {
      for (;;) {
        const answer = await ask(server.port, BODY).catch(
          (/** @type {NodeJS.ErrnoException} */ error) => error,
        );
        if (answer instanceof Error) {
          // Nothing listens: the request was never taken. Anything else is a request that was lost.
          assert.equal(answer.code, 'ECONNREFUSED', `lost: ${answer.message}`);
          total.unheard++;
          return;
        }
        if (answer.status === 503) {
          assert.match(answer.text, /stopping/);
          total.refused++;
          return;
        }
        assert.equal(answer.text, right);
        answered++;
      }
    };
    const clients = Promise.all(Array.from({ length: 64 }, client));
    while (answered < 500) await new Promise((next) => setTimeout(next, 1));
    await server.stop();
    await clients;
    total.answered += answered;
    agent.destroy();
  }
  console.log(
    `ended: ${times} servers under the load of 64 clients: ${total.answered} requests answered, ${total.refused} refused with 503, ${total.unheard} that found no server, none lost`,
  );
}
