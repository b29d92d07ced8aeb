// From an error to one line on stderr and an exit status.

import { DivergedError, VarpoolError, WorkerLostError } from '../errors.ts';
import { oneLine } from '../messages.ts';
import { colored } from './color.ts';

export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  diverged: 3,
  different: 4,
  workersLost: 5,
  interrupted: 130,
} as const;

/** Ctrl-C or a signal ended the command; what was done so far is on disk. */
export class InterruptedError extends Error {
  override get name(): string {
    return 'InterruptedError';
  }
}

/** Writes the line of an error, with its stack if `verbose`, and returns the exit status. */
export function report(error: unknown, verbose: boolean): number {
  const status = exitStatus(error);
  const text = error instanceof Error ? error.message : String(error);
  const more = status === EXIT.internal && !verbose ? ' — run again with --verbose for the place' : '';
  process.stderr.write(`${colored('error', 'varpool:', process.stderr)} ${oneLine(text)}${more}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return status;
}

function exitStatus(error: unknown): number {
  if (error instanceof DivergedError) return EXIT.diverged;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (error instanceof WorkerLostError) return EXIT.workersLost;
  if (error instanceof VarpoolError) return EXIT.usage;
  // A caller's mistake has the form of all messages; any other TypeError is a bug.
  if (error instanceof TypeError || error instanceof RangeError) {
    return /expected .* got .* — /s.test(error.message) ? EXIT.usage : EXIT.internal;
  }
  return EXIT.internal;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
