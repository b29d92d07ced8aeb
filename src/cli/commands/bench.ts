// varpool bench: the project's own measurements on this machine.

import { Argument, Command, Option } from 'commander';
import type { Network } from '../../bench/networks.ts';
import { BENCH_NAMES, type BenchName, type BenchOptions, FULL, runBench, TINY } from '../../bench/suite.ts';
import { benchTables, besideText } from '../../bench/table.ts';
import { BackendUnavailableError, ConfigError } from '../../errors.ts';
import { currentPlatform, varpoolVersion } from '../../experiment/provenance.ts';
import { describeValue, nearest } from '../../messages.ts';
import { nodeBackends } from '../../platform/node/backends.ts';
import { type OutputFlags, withOutput } from '../flags.ts';
import { note, printResult } from '../output.ts';

interface BenchFlags extends OutputFlags {
  readonly backend?: readonly string[];
  readonly workers?: readonly number[];
  readonly sizes?: Network['sizes'];
  readonly batch?: number;
  readonly draws?: number;
  readonly rounds?: number;
  readonly tiny?: boolean;
}

/** What is measured when nothing is named; others (the reference) only when asked for. */
const FAST_BACKENDS = ['wasm', 'native'];

export function benchCommand(): Command {
  return withOutput(
    new Command('bench')
      .description("the project's own measurements on this machine")
      .addArgument(namesArgument())
      .addOption(
        new Option(
          '--backend <names>',
          `auto or some of ${nodeBackends.names.join(', ')}, separated by commas`,
        )
          .argParser((text) => text.split(','))
          .default(undefined, 'wasm and native, where there are'),
      )
      .addOption(
        new Option('--workers <list>', 'numbers of threads, each measured; auto: one per core')
          .argParser((text) => text.split(',').map(parseThreads))
          .default(undefined, '1,2'),
      )
      .addOption(
        new Option('--sizes <list>', 'one network in place of the four, such as 784,1200,1200,10').argParser(
          parseSizes,
        ),
      )
      .addOption(
        new Option('--batch <rows>', 'rows of a minibatch, with --sizes; default 128').argParser((text) =>
          whole('--batch', text, 65_536),
        ),
      )
      .addOption(
        new Option('--draws <s>', 'weight draws of a step, with --sizes; default 1').argParser((text) =>
          whole('--draws', text, 1024),
        ),
      )
      .addOption(
        new Option('--rounds <n>', `times everything is measured; default ${FULL.rounds}`).argParser((text) =>
          whole('--rounds', text, 10_000),
        ),
      )
      .option('--tiny', 'at sizes that take seconds: whether it works, not how fast'),
  ).action(bench);
}

function namesArgument(): Argument {
  const argument = new Argument('[names...]', 'what is measured; default: all');
  argument.argChoices = [...BENCH_NAMES];
  return argument;
}

function whole(flag: string, text: string, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= max) return value;
  throw new ConfigError(
    `${flag}: expected a whole number from 1 to ${max}, got ${describeValue(text)} — correct it`,
  );
}

function parseThreads(text: string): number {
  return text === 'auto' ? currentPlatform().cores : whole('--workers', text, 64);
}

function parseSizes(text: string): number[] {
  const sizes = text.split(/[,-]/).map((part) => whole('--sizes', part, 65_536));
  if (sizes.length >= 2) return sizes;
  throw new ConfigError(
    `--sizes: expected inputs, hidden layers and outputs such as 13,50,1, got ${describeValue(text)} — add the others`,
  );
}

function checkName(name: string): BenchName {
  if ((BENCH_NAMES as readonly string[]).includes(name)) return name as BenchName;
  const near = nearest(name, BENCH_NAMES);
  const next = near === null ? `use some of ${BENCH_NAMES.join(', ')}` : `did you mean ${near}?`;
  throw new ConfigError(`bench: expected the name of a measurement, got ${describeValue(name)} — ${next}`);
}

/** The backends asked for, or those of the fast ones that run here; a note says which do not. */
function chooseBackends(wanted: readonly string[] | undefined): readonly string[] {
  if (wanted !== undefined) {
    const names = wanted.map((name) => (name === 'auto' ? nodeBackends.pick('auto').name : name));
    for (const name of names) {
      const state = nodeBackends.named(name).available();
      if (!state.ok)
        throw new BackendUnavailableError(
          `--backend: expected one that runs here, got ${name}: ${state.reason}`,
        );
    }
    return [...new Set(names)];
  }
  return FAST_BACKENDS.filter((name) => {
    const state = nodeBackends.named(name).available();
    if (!state.ok) note(`varpool: without ${name}: ${state.reason}`);
    return state.ok;
  });
}

function chooseNetworks({ sizes, batch, draws }: BenchFlags, preset: readonly Network[]): readonly Network[] {
  if (sizes !== undefined) return [{ sizes, batchSize: batch ?? 128, draws: draws ?? 1 }];
  for (const [flag, value] of Object.entries({ '--batch': batch, '--draws': draws })) {
    if (value !== undefined)
      throw new ConfigError(`${flag}: expected --sizes with it, got none — name the network too`);
  }
  return preset;
}

async function bench(words: readonly string[], flags: BenchFlags): Promise<void> {
  const names = words.length === 0 ? BENCH_NAMES : [...new Set(words.map(checkName))];
  const platform = currentPlatform();
  const preset = flags.tiny ? TINY : FULL;
  const networks = chooseNetworks(flags, preset.networks);
  const options: BenchOptions = {
    ...preset,
    names,
    networks,
    backends: chooseBackends(flags.backend),
    workers: [
      ...new Set(flags.workers ?? [1, 2].filter((threads) => threads <= Math.max(1, platform.cores))),
    ],
    rounds: flags.rounds ?? preset.rounds,
    onRound: (round) => {
      if (!flags.quiet) note(round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`);
    },
  };
  const result = await runBench(options);
  const { cpu, cores, node } = platform;
  const machine = `varpool ${varpoolVersion()}, Node ${node}, ${cpu}, ${cores} cores; ${options.rounds} rounds`;
  printResult(
    flags,
    () => `${machine}\n${besideText(result.beside)}\n\n${benchTables(result)}`,
    () => ({ varpool: varpoolVersion(), platform, rounds: options.rounds, ...result }),
  );
}
