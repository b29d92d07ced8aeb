// From an error to one line on stderr and an exit status.

import type { CommanderError } from 'commander';
import { ConfigError, DivergedError, VarpoolError, WorkerLostError } from '../errors.ts';
import { mismatch, oneLine } from '../messages.ts';

export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  diverged: 3,
  different: 4,
  workersLost: 5,
  interrupted: 130,
} as const;

/** Somebody pressed Ctrl-C (or asked the process to end); what was done so far is on disk. */
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
  process.stderr.write(`varpool: ${oneLine(text)}${more}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return status;
}

function exitStatus(error: unknown): number {
  if (error instanceof DivergedError) return EXIT.diverged;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (error instanceof WorkerLostError) return EXIT.workersLost;
  if (error instanceof VarpoolError) return EXIT.usage;
  // A caller's mistake is told in the form all messages have; another TypeError is ours.
  if (error instanceof TypeError || error instanceof RangeError) {
    return /expected .* got .* — /s.test(error.message) ? EXIT.usage : EXIT.internal;
  }
  return EXIT.internal;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

/** A complaint of the parser of command lines in the form all messages have. */
export function usageProblem(error: CommanderError): ConfigError {
  const message = error.message.replace(/^error: /, '').replace(/\s+/g, ' ');
  const suggestion = /\(Did you mean (?:one of )?([^)]+?)\?\)/.exec(message)?.[1];
  const next = suggestion === undefined ? 'run varpool --help' : `did you mean ${suggestion}?`;
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.unknownOption':
      return problem('a known option', quoted, next);
    case 'commander.unknownCommand':
      return problem('a command', JSON.stringify(quoted), next);
    case 'commander.missingArgument':
      return problem(quoted.toUpperCase(), 'nothing', 'run the command with --help');
    case 'commander.optionMissingArgument':
      return problem(`a value for ${quoted}`, 'none', 'add one');
    case 'commander.missingMandatoryOptionValue':
      return problem(quoted, 'nothing', 'add it');
    case 'commander.excessArguments':
      return problem('no more arguments', message, 'quote names with blanks');
    default:
      return new ConfigError(oneLine(message));
  }
}

function problem(expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch('command line', expected, got, next));
}
