// The commands and options of the program as plain data: what a shell needs to complete them.

import type { Argument, Command, Option } from 'commander';

/** What may follow: nothing, one of some words, or a file (a directory is one). */
export type Follows = 'nothing' | 'anything' | 'file' | readonly string[];

export interface OptionWords {
  /** `--out`. */
  readonly long: string;
  /** `-h`. */
  readonly short: string | null;
  readonly description: string;
  readonly value: Follows;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** The argument; the last one may be repeated. */
  readonly argument: Follows;
}

/** @param program with its commands */
export function describeProgram(program: Command): {
  readonly options: readonly OptionWords[];
  readonly commands: readonly CommandWords[];
} {
  const names = program.commands.map((command) => command.name());
  return {
    options: optionsOf(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      options: optionsOf(command),
      argument: argumentOf(command, names),
    })),
  };
}

function optionsOf(command: Command): OptionWords[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, short, description, ...option }) =>
      long == null
        ? []
        : [{ long, short: short ?? null, description: firstClause(description), value: follows(option) }],
    );
}

function follows(option: Pick<Option, 'required' | 'optional' | 'argChoices' | 'flags'>): Follows {
  if (!option.required && !option.optional) return 'nothing';
  if (option.argChoices !== undefined) return option.argChoices;
  return /<(file|dir|path)>/.test(option.flags) ? 'file' : 'anything';
}

function argumentOf(command: Command, names: readonly string[]): Follows {
  const argument: Argument | undefined = command.registeredArguments[0];
  if (argument === undefined) return 'nothing';
  if (argument.argChoices !== undefined) return argument.argChoices;
  return argument.name() === 'command' ? names : 'file';
}

/** Menus have room for a line. */
function firstClause(description: string): string {
  return description.split(/[;:] /)[0].slice(0, 80);
}
