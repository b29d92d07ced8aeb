// Completions for bash: one function that looks at the command, the word before and the word that is begun.

import type { CommandWords, describeProgram, Follows, OptionWords } from './words.ts';

export function bashCompletions({ options, commands }: ReturnType<typeof describeProgram>): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# varpool completions for bash: source <(varpool completions bash)
_varpool() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" command= i
  # \`--out=\` is three words to bash.
  if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before="\${COMP_WORDS[COMP_CWORD - 2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  COMPREPLY=()
  case "$command" in
    '')
      COMPREPLY=($(compgen -W '${[names, flags(options)].join(' ')}' -- "$word"))
      ;;
${commands.map(oneCommand).join('\n')}
  esac
}
complete -o bashdefault -F _varpool varpool
`;
}

function oneCommand({ name, options, argument }: CommandWords): string {
  const valued = options.filter(({ value }) => value !== 'nothing');
  const cases = valued.map(({ long, value }) => `        ${long}) ${reply(value)}; return ;;`);
  return `    ${name})
      case "$before" in
${cases.length === 0 ? '        *) ;;' : cases.join('\n')}
      esac
      if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W '${flags(options)}' -- "$word"))
      else
        ${reply(argument)}
      fi
      ;;`;
}

function flags(options: readonly OptionWords[]): string {
  return options.map(({ long }) => long).join(' ');
}

function reply(follows: Follows): string {
  if (follows === 'file')
    return `compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$word"))`;
  if (follows === 'nothing' || follows === 'anything') return 'COMPREPLY=()';
  return `COMPREPLY=($(compgen -W '${follows.join(' ')}' -- "$word"))`;
}
