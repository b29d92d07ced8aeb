// Completions for zsh, by _describe and _arguments.

import type { CommandWords, describeProgram, Follows, OptionWords } from './words.ts';

export function zshCompletions({ options, commands }: ReturnType<typeof describeProgram>): string {
  return `#compdef varpool
# varpool completions for zsh: a file _varpool in $fpath, or source <(varpool completions zsh)
_varpool() {
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  case $command in
${commands.map(oneCommand).join('\n')}
    *)
      _arguments ${options.map(spec).join(' ')}
      ;;
  esac
}
if [[ $funcstack[1] == _varpool ]]; then
  _varpool "$@"
else
  compdef _varpool varpool
fi
`;
}

function oneCommand({ name, options, argument }: CommandWords): string {
  const rest =
    argument === 'nothing'
      ? []
      : [quoted(`*:${name === 'help' ? 'command' : 'argument'}:${action(argument)}`)];
  return `    ${name})
      shift words
      ((CURRENT--))
      _arguments ${[...options.map(spec), ...rest].join(' ')}
      ;;`;
}

function spec({ long, description, value }: OptionWords): string {
  const text = description.replace(/[[\]:]/g, ' ');
  return quoted(`${long}[${text}]${value === 'nothing' ? '' : `:value:${action(value)}`}`);
}

function action(follows: Follows): string {
  if (follows === 'file') return '_files';
  if (follows === 'nothing' || follows === 'anything') return ' ';
  return `(${follows.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
