// varpool help [COMMAND]: the same text as --help, of a command that is named first.

import { Command } from 'commander';
import { print } from '../output.ts';
import { unknownCommand } from '../usage.ts';

export function helpCommand(): Command {
  return new Command('help')
    .description('print this help, or that of a command')
    .argument('[command]', 'name of a command')
    .action((name: string | undefined, _, command: Command) => {
      const program = command.parent as Command;
      const found = name === undefined ? program : program.commands.find((one) => one.name() === name);
      if (found === undefined) throw unknownCommand(program, name as string);
      // With the texts before and after it, which helpInformation() leaves out.
      found.configureOutput({ writeOut: print }).outputHelp();
    });
}
