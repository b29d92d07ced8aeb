// A thread of a pool for its test: does what requests say.

import { parentPort, threadId } from 'node:worker_threads';
import { answerRequests } from '../../dist/platform/node/answerRequests.js';

answerRequests(parentPort, async ({ does, value }) => {
  if (does === 'throw') throw new Error(value);
  if (does === 'throwFunction') throw () => undefined;
  if (does === 'replyFunction') return () => undefined;
  if (does === 'exit') process.exit(value);
  if (does === 'wait') {
    Atomics.add(value, 0, 1);
    Atomics.wait(value, 1, 0);
  }
  return { value, thread: threadId };
});
