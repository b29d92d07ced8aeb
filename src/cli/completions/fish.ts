// Completions for fish: a line for each command and each option.

import type { CommandWords, describeProgram, Follows, OptionWords } from './words.ts';

export function fishCompletions({ options, commands }: ReturnType<typeof describeProgram>): string {
  const lines = [
    '# varpool completions for fish: varpool completions fish | source',
    'complete -c varpool -f',
    ...options.map((option) => optionLine(option, '__fish_use_subcommand')),
    ...commands.map(
      ({ name, description }) =>
        `complete -c varpool -n __fish_use_subcommand -a ${quoted(name)} -d ${quoted(description)}`,
    ),
    ...commands.flatMap(commandLines),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines({ name, options, argument }: CommandWords): string[] {
  const inside = `__fish_seen_subcommand_from ${name}`;
  return [
    ...(argument === 'nothing' ? [] : [`complete -c varpool -n ${quoted(inside)} ${values(argument)}`]),
    ...options.map((option) => optionLine(option, inside)),
  ];
}

function optionLine({ long, short, description, value }: OptionWords, where: string): string {
  return [
    `complete -c varpool -n ${quoted(where)}`,
    `-l ${long.slice(2)}`,
    ...(short === null ? [] : [`-s ${short.slice(1)}`]),
    ...(value === 'nothing' ? [] : ['-r', values(value)]),
    `-d ${quoted(description)}`,
  ].join(' ');
}

function values(follows: Follows): string {
  if (follows === 'file') return '-F';
  if (follows === 'nothing' || follows === 'anything') return '-f';
  return `-f -a ${quoted(follows.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
