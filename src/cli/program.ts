// The commands there are, and what becomes of a command line: a result, or one line on stderr and an exit status.

import { Command, CommanderError } from 'commander';
import { ConfigError } from '../errors.ts';
import { varpoolVersion } from '../experiment/provenance.ts';
import { colored, isColored } from './color.ts';
import { benchCommand } from './commands/bench.ts';
import { compareCommand } from './commands/compare.ts';
import { completionsCommand } from './commands/completions.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { helpCommand } from './commands/help.ts';
import { initCommand } from './commands/init.ts';
import { predictCommand } from './commands/predict.ts';
import { resumeCommand } from './commands/resume.ts';
import { rowsCommand } from './commands/rows.ts';
import { serveCommand } from './commands/serve.ts';
import { sweepCommand } from './commands/sweep.ts';
import { trainCommand } from './commands/train.ts';
import { verifyCommand } from './commands/verify.ts';
import { EXIT, report } from './failure.ts';
import { guardStreams } from './output.ts';
import { usageProblem } from './usage.ts';

/** Runs a command line and resolves to its exit status; never rejects. */
export async function runCli(words: readonly string[]): Promise<number> {
  guardStreams();
  const verbose = words.includes('--verbose');
  // A mistake of ours in some callback still ends in one line.
  process.on('uncaughtException', (error) => process.exit(report(error, verbose)));
  const program = createProgram();
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

export function createProgram(): Command {
  const program = new Command('varpool')
    .description('Bayesian neural networks on every core of a machine')
    .version(varpoolVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExit status: 0 done, 2 bad usage, config or data, 3 diverged, 4 verify found a difference, 5 workers lost, 130 interrupted.\nStart with: varpool demo',
    );
  for (const command of [
    demoCommand(),
    initCommand(),
    trainCommand(),
    resumeCommand(),
    predictCommand(),
    evaluateCommand(),
    verifyCommand(),
    rowsCommand(),
    serveCommand(),
    benchCommand(),
    sweepCommand(),
    compareCommand(),
    doctorCommand(),
    completionsCommand(),
    helpCommand(),
  ]) {
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
