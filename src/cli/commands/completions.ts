// varpool completions SHELL: a script that teaches a shell the commands and options there are.

import { Argument, Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import { describeValue, listed, mismatch, nearest } from '../../messages.ts';
import { bashCompletions } from '../completions/bash.ts';
import { fishCompletions } from '../completions/fish.ts';
import { describeProgram } from '../completions/words.ts';
import { zshCompletions } from '../completions/zsh.ts';
import { print } from '../output.ts';

const SHELLS = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions } as const;
type Shell = keyof typeof SHELLS;
const NAMES = Object.keys(SHELLS) as Shell[];

const HELP = `
For this shell alone:   bash  source <(varpool completions bash)
                        zsh   source <(varpool completions zsh)
                        fish  varpool completions fish | source
For every new one:      bash  varpool completions bash > ~/.local/share/bash-completion/completions/varpool
                        zsh   varpool completions zsh > DIR/_varpool, DIR a directory of $fpath
                        fish  varpool completions fish > ~/.config/fish/completions/varpool.fish`;

export function completionsCommand(): Command {
  const shell = new Argument('<shell>', listed(NAMES)).argParser(parseShell);
  shell.argChoices = NAMES;
  return new Command('completions')
    .description('print a script that completes the words of this command in a shell')
    .addArgument(shell)
    .addHelpText('after', HELP)
    .action((name: Shell, _, command: Command) => {
      print(SHELLS[name](describeProgram(command.parent as Command)));
    });
}

function parseShell(text: string): Shell {
  const found = NAMES.find((name) => name === text);
  if (found !== undefined) return found;
  const near = nearest(text, NAMES);
  const next = near === null ? 'use one of these' : `did you mean ${near}?`;
  throw new ConfigError(mismatch('SHELL', listed(NAMES), describeValue(text), next));
}
