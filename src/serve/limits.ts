// The limits of a server, each an option with its default: what a request may be, how many may wait, how long anything may take.

import { count, positive, section } from '../options/fields.ts';

/** Timers hold 31 bits: a longer one would fire at once. */
const MAX_MS = 2 ** 31 - 1;

function milliseconds(description: string) {
  return positive(description).max(MAX_MS, { error: `at most ${MAX_MS}` });
}

export const limitFields = section({
  bodyBytes: count('Bytes of a request body as sent.').default(32 << 20),
  inflatedBytes: count('Bytes of a request body after decompression.').default(64 << 20),
  rows: count('Rows of a request.').default(16_384),
  draws: count('Draws of a request.').default(10_000),
  rowDraws: count('Rows × draws of a request.').default(4_000_000),
  outputValues: count('Numbers in the outputs of a request.').default(16 << 20),
  concurrency: count('Requests under way at once, including those whose bodies are still arriving.').default(
    1024,
  ),
  queueRows: count('Rows that wait or are being computed, of each model.').default(65_536),
  bodyMs: milliseconds('Milliseconds within which a body must arrive.').default(30_000),
  deadlineMs: milliseconds('Milliseconds after which a request without a deadline is given up.').default(
    60_000,
  ),
  drainMs: milliseconds('Milliseconds in which accepted requests may finish when the server stops.').default(
    30_000,
  ),
});

export const batchFields = section({
  rows: count('Rows computed together at most.').default(256),
  delayMs: milliseconds('Milliseconds that an idle model waits for more rows; default none.').optional(),
  sliceRows: count('Rows of one request that go into a batch before others have their turn.').default(64),
  rowDraws: count('Rows × draws computed together at most; 16 rows always are.').default(131_072),
});
