// The commands there are, and what becomes of a command line: a result, or one line on stderr and an exit status.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../errors.ts';
import { colored, isColored } from './color.ts';
import { EXIT, report } from './failure.ts';
import { guardStreams } from './output.ts';
import { usageProblem } from './usage.ts';

/** Every command, loaded only when it is wanted: what all of them import takes half a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  init: async () => (await import('./commands/init.ts')).initCommand(),
  train: async () => (await import('./commands/train.ts')).trainCommand(),
  resume: async () => (await import('./commands/resume.ts')).resumeCommand(),
  predict: async () => (await import('./commands/predict.ts')).predictCommand(),
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluateCommand(),
  verify: async () => (await import('./commands/verify.ts')).verifyCommand(),
  rows: async () => (await import('./commands/rows.ts')).rowsCommand(),
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  bench: async () => (await import('./commands/bench.ts')).benchCommand(),
  sweep: async () => (await import('./commands/sweep.ts')).sweepCommand(),
  compare: async () => (await import('./commands/compare.ts')).compareCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  completions: async () => (await import('./commands/completions.ts')).completionsCommand(),
  help: async () => (await import('./commands/help.ts')).helpCommand(),
};
/** Those that tell of the others. */
const OF_ALL = ['completions', 'help'];

/** Runs a command line and resolves to its exit status; never rejects. */
export async function runCli(words: readonly string[]): Promise<number> {
  guardStreams();
  const verbose = words.includes('--verbose');
  // A mistake of ours in some callback still ends in one line.
  process.on('uncaughtException', (error) => process.exit(report(error, verbose)));
  const program = await createProgram(commandsFor(words));
  try {
    if (words.length === 0) {
      process.stderr.write(program.helpInformation());
      return EXIT.usage;
    }
    await program.parseAsync(words, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done; // --help and --version
      return report(usageProblem(error, program, words), verbose);
    }
    return report(error, verbose);
  }
}

/** The commands that a command line needs. */
function commandsFor([first = '']: readonly string[]): readonly string[] {
  if (first === '-V' || first === '--version') return [];
  return Object.hasOwn(COMMANDS, first) && !OF_ALL.includes(first) ? [first] : Object.keys(COMMANDS);
}

export async function createProgram(names: readonly string[] = Object.keys(COMMANDS)): Promise<Command> {
  const program = new Command('varpool')
    .description('Bayesian neural networks on every core of a machine')
    .version(await ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExit status: 0 done, 2 bad usage, config or data, 3 diverged, 4 verify found a difference, 5 workers lost, 130 interrupted.\nStart with: varpool demo',
    );
  for (const name of names) {
    const command = await COMMANDS[name]();
    program.addCommand(command.helpOption('-h, --help', 'print this help'));
  }
  program.hook('preAction', (_, command) => refuseEmpty(command));
  for (const command of [program, ...program.commands]) {
    // Messages come from usage.ts, in the one form all errors have.
    command.exitOverride().configureOutput({
      writeErr: () => undefined,
      getOutHasColors: () => isColored(process.stdout),
    });
    command.showSuggestionAfterError(false);
    command.configureHelp({
      styleTitle: (text) => colored('heading', text, process.stdout),
      styleCommandText: (text) => colored('command', text, process.stdout),
      styleSubcommandText: (text) => colored('command', text, process.stdout),
      styleOptionText: (text) => colored('command', text, process.stdout),
    });
  }
  return program;
}

/** Without what checks a package.json and says what is wrong with it, unless something is. */
async function ownVersion(): Promise<string> {
  try {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    if (typeof version === 'string') return version;
  } catch {
    // Told below, in words.
  }
  return (await import('../experiment/provenance.ts')).varpoolVersion();
}

/** An empty string is no path, no name and no number: it comes from a shell variable that is not set. @throws ConfigError */
function refuseEmpty(command: Command): void {
  const given: [name: string, value: unknown][] = [
    ...command.registeredArguments.map((argument, i): [string, unknown] => [
      argument.name().toUpperCase(),
      command.processedArgs[i],
    ]),
    ...command.options.map((option): [string, unknown] => [
      option.long ?? option.flags,
      command.getOptionValue(option.attributeName()),
    ]),
  ];
  for (const [name, value] of given) {
    if (![value].flat().includes('')) continue;
    throw new ConfigError(`${name}: expected a value, got an empty string — is a shell variable not set?`);
  }
}
