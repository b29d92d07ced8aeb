// What is wrong with the words of a command line, in the form all messages have.

import type { Command, CommanderError } from 'commander';
import { ConfigError } from '../errors.ts';
import { mismatch, nearest, oneLine } from '../messages.ts';

/** A complaint of the parser of command lines. @param words the command line */
export function usageProblem(error: CommanderError, program: Command, words: readonly string[]): ConfigError {
  const message = error.message.replace(/^error: /, '').replace(/\s+/g, ' ');
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? '';
  const command = program.commands.find((one) => words.includes(one.name()));
  const help = command === undefined ? 'run varpool --help' : `run varpool help ${command.name()}`;
  switch (error.code) {
    case 'commander.unknownOption': {
      const known = [...program.options, ...(command?.options ?? [])]
        .filter(({ hidden }) => !hidden)
        .flatMap(({ long }) => long ?? []);
      const near = nearest(quoted, [...known, '--help']);
      return problem('a known option', quoted, near === null ? help : `did you mean ${near}?`);
    }
    case 'commander.unknownCommand':
      return unknownCommand(program, quoted);
    case 'commander.missingArgument':
      return problem(quoted.toUpperCase(), 'nothing', help);
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

export function unknownCommand(program: Command, name: string): ConfigError {
  const near = nearest(
    name,
    program.commands.map((command) => command.name()),
  );
  const next = near === null ? 'run varpool --help' : `did you mean ${near}?`;
  return problem('a command', JSON.stringify(name), next);
}

function problem(expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch('command line', expected, got, next));
}
