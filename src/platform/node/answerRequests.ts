// The side of a thread of a pool: hears requests, posts what became of each.

import type { MessagePort } from 'node:worker_threads';
import type { ThreadAnswer } from './threadPool.ts';

/** Answers every message of `port` with what `answer` makes of it, or with what it throws. */
export function answerRequests<Request, Reply>(
  port: MessagePort,
  answer: (request: Request) => Reply | Promise<Reply>,
): void {
  port.on('message', async (request: Request) => {
    let answered: ThreadAnswer<Reply>;
    try {
      answered = { reply: await answer(request) };
    } catch (error) {
      answered = { error };
    }
    try {
      port.postMessage(answered);
    } catch (error) {
      // What was thrown cannot be copied, or the reply.
      port.postMessage({ error: new Error(String('error' in answered ? answered.error : error)) });
    }
  });
}
