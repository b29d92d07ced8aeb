// What a request can be refused with: an HTTP status, one line that names the field, and when to try again.

import { WorkerLostError } from '../errors.ts';
import { mismatch } from '../messages.ts';

/** A deliberate refusal. Its message reads `<field>: expected …, got … — <next step>`. */
export class RequestProblem extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds after which it is worth trying again; of status 503. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  override get name(): string {
    return 'RequestProblem';
  }
}

/** 400 for a field that is wrong. */
export function badField(field: string, expected: string, got: string, next: string): RequestProblem {
  return new RequestProblem(400, mismatch(field, expected, got, next));
}

/** 413 for a field beyond a limit of the server. */
export function tooLarge(field: string, expected: string, got: string, next: string): RequestProblem {
  return new RequestProblem(413, mismatch(field, expected, got, next));
}

/** 499: the connection was closed before the answer; for the log and the metrics. */
export function callerGone(): RequestProblem {
  return new RequestProblem(499, mismatch('request', 'an open connection', 'a closed one', 'send it again'));
}

/** 504: there was no answer within `ms`. */
export function tooLate(ms: number): RequestProblem {
  const expected = `an answer within ${Math.max(0, Math.round(ms))} ms`;
  const next = 'allow more time or ask for less';
  return new RequestProblem(504, mismatch('deadline_ms', expected, 'none', next));
}

/** 503: the server works, but cannot take this request now. */
export function busy(message: string, retryAfter: number): RequestProblem {
  return new RequestProblem(503, message, retryAfter);
}

/** An error of computing an answer: a thread that died is 503, because another takes its place; others are returned as they are. */
export function asProblem(error: unknown): unknown {
  if (!(error instanceof WorkerLostError)) return error;
  const next = 'try again in 1 s';
  return busy(mismatch('server', 'a thread that answers', 'one that died', next), 1);
}

/** The result of `work`; the library's own refusals, which name the mistake, become 400. */
export function asRefusal<T>(work: () => T, rename: (message: string) => string = (message) => message): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new RequestProblem(400, rename(error.message));
    throw error;
  }
}
