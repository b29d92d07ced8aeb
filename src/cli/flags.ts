// Options that several commands share, and how their values are checked.

import { type Command, Option } from 'commander';
import { MAX_DRAWS } from '../core/limits.ts';
import { PREDICTION_MODES, type PredictionMode } from '../core/prediction/predictionMode.ts';
import { ConfigError } from '../errors.ts';
import { parseSetting } from '../experiment/config/configWith.ts';
import type { FieldValues } from '../experiment/config/setField.ts';
import { describeValue, listed, mismatch, nearest } from '../messages.ts';
import { createRuntime, type Runtime, type RuntimeOptions } from '../node.ts';
import { nodeBackends } from '../platform/node/backends.ts';
import { type AdaptiveDraws, readAdaptive } from '../runtime/adaptiveDraws.ts';
import { warn } from './output.ts';

/** More threads than this is a typing mistake on any machine there is. */
const MAX_WORKERS = 1024;

export interface RuntimeFlags {
  readonly workers: number | 'auto';
  readonly backend: string;
}

export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Adds --workers and --backend. */
export function withRuntime(command: Command): Command {
  const backend = new Option('--backend <name>', 'what computes; the bits are the same, but for tfjs')
    .argParser(parseBackend)
    .default('auto');
  backend.argChoices = ['auto', ...nodeBackends.names];
  return command
    .addOption(
      new Option('--workers <n>', 'worker threads; the result does not depend on it')
        .argParser(parseWorkers)
        .default('auto' as const, 'auto: one per core'),
    )
    .addOption(backend);
}

/** Adds --json, --quiet and --verbose. */
export function withOutput(command: Command): Command {
  return command
    .option('--json', 'the result as one JSON object, and nothing else on stdout')
    .option('--quiet', 'no progress on stderr')
    .option('--verbose', 'stack traces with errors');
}

/** --set, as often as wanted: a field of the config by its dotted path. */
export interface SetFlags {
  readonly set?: FieldValues;
}

export function setOption(): Option {
  return new Option(
    '--set <field=value>',
    'set a field of the config, such as training.epochs=5; repeat it for more',
  ).argParser((text, before: FieldValues | undefined) => {
    const [field, value] = parseSetting(text);
    if (before !== undefined && Object.hasOwn(before, field))
      throw bad('--set', 'each field once', describeValue(field), 'keep one of the two');
    return { ...before, [field]: value };
  });
}

/** The fields of --set. @throws ConfigError where an option says the same: one of the two would be ignored */
export function settings({
  set = {},
  seed,
  draws,
}: SetFlags & { seed?: unknown; draws?: unknown }): FieldValues {
  const own = { seed: ['--seed', seed], 'prediction.draws': ['--draws', draws] } as const;
  for (const [field, [flag, value]] of Object.entries(own)) {
    if (value === undefined || !Object.hasOwn(set, field)) continue;
    throw bad(`--set ${field}`, `no ${flag} beside it`, 'both', 'keep one of the two');
  }
  return set;
}

/** --data of a run that is trained again or further: where data lies that was moved since. */
export interface MovedFlags {
  readonly data?: readonly string[];
}

export function movedOption(): Option {
  return new Option(
    '--data <path>',
    "where the run's own data is now, if it was moved: a file, or the directory of them; repeat it for more",
  ).argParser((path, before: readonly string[] = []) => [...before, path]);
}

/** --draws. */
export function drawsOption(description: string): Option {
  return new Option('--draws <s>', description).argParser((text) => wholeNumber('--draws', text, MAX_DRAWS));
}

/** --tolerance with --min-draws and --max-draws. */
export interface ToleranceFlags {
  readonly tolerance?: number;
  readonly minDraws?: number;
  readonly maxDraws?: number;
}

export function withTolerance(command: Command): Command {
  const draws = (flag: string, description: string) =>
    new Option(`${flag} <s>`, description).argParser((text) => wholeNumber(flag, text, MAX_DRAWS));
  return command
    .addOption(
      new Option(
        '--tolerance <e>',
        'draw for each row until the standard error of its means for want of draws is at most this, in place of --draws',
      ).argParser((text) => {
        const value = /^\d*\.?\d+(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
        if (value > 0 && value < Number.POSITIVE_INFINITY) return value;
        throw bad('--tolerance', 'a number above 0', describeValue(text), 'give for example 0.01');
      }),
    )
    .addOption(draws('--min-draws', 'with --tolerance: draws of every row; default 32'))
    .addOption(draws('--max-draws', 'with --tolerance: draws after which a row is done; default 4096'));
}

/** The draws of a prediction: those of --tolerance, of --draws, or `otherwise`. @throws ConfigError for flags that exclude each other */
export function drawsOf(
  flags: ToleranceFlags & { readonly draws?: number; readonly mode: PredictionMode },
  otherwise: number,
  members: number,
): number | AdaptiveDraws {
  const { tolerance, minDraws: min, maxDraws: max, draws, mode } = flags;
  if (tolerance === undefined) {
    const flag = min !== undefined ? '--min-draws' : max !== undefined ? '--max-draws' : null;
    if (flag !== null) throw bad(flag, '--tolerance beside it', 'none', 'give both, or take --draws');
    return draws ?? otherwise;
  }
  if (draws !== undefined) throw bad('--tolerance', 'no --draws beside it', 'both', 'keep one of the two');
  if (mode === 'mean')
    throw bad('--tolerance', '--mode sample or marginal', 'mean, which draws nothing', 'leave one out');
  const given = {
    tolerance,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
  try {
    return readAdaptive('predict', given, members);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(error.message.replace(/^predict: draws: (min|max)\b/, '--$1-draws'));
  }
}

/** --seed; what looks like an integer is the same seed as the integer. */
export function seedOption(): Option {
  return new Option('--seed <s>', 'seed of everything random, in place of that of the config').argParser(
    (text) => {
      if (text !== '') return text;
      throw bad('--seed', 'a string that is not empty or an integer', '""', 'give for example run-1');
    },
  );
}

/** --tensorboard */
export function tensorboardOption(): Option {
  return new Option('--tensorboard', 'write TensorBoard event files into the run directory');
}

/** --what-if of a run's report. */
export interface WhatIfFlags {
  readonly whatIf?: boolean;
}

export function whatIfOption(): Option {
  return new Option(
    '--what-if',
    'put the posterior into report.html, which then answers "what if" by itself',
  );
}

/** --member, counted from 0. */
export function memberOption(description: string): Option {
  return new Option('--member <m>', description).argParser((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw bad('--member', 'a whole number from 0', describeValue(text), 'members are counted from 0');
  });
}

/** --quantiles a,b,c */
export function parseLevels(text: string): number[] {
  return text.split(',').map((part) => {
    const level = part.trim() === '' ? Number.NaN : Number(part);
    if (level > 0 && level < 1) return level;
    throw bad('--quantiles', 'levels between 0 and 1 such as 0.05,0.95', describeValue(part), 'correct it');
  });
}

/** An option whose value is one of `choices`; completions know them. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argParser((text) => {
    if (choices.includes(text)) return text;
    const near = nearest(text, choices);
    const next = near === null ? 'use one of these' : `did you mean ${near}?`;
    throw bad(option.long as string, listed(choices), describeValue(text), next);
  });
  option.argChoices = [...choices];
  return option;
}

/** --mode */
export function modeOption(): Option {
  return choiceOption(
    '--mode <mode>',
    'sample: average over weight draws; mean: one pass with every mu; marginal: draws of pre-activations, each row for itself',
    PREDICTION_MODES,
  ).default('sample');
}

function parseWorkers(text: string): number | 'auto' {
  return text === 'auto' ? 'auto' : wholeNumber('--workers', text, MAX_WORKERS, ' or auto');
}

/** A backend there is, whether or not the command will need it: a typo is an error even where nothing is left to compute. */
function parseBackend(text: string): string {
  const { names } = nodeBackends;
  if (text === 'auto' || names.includes(text)) return text;
  throw bad('--backend', `auto or one of ${names.join(', ')}`, describeValue(text), 'pick one of these');
}

export function wholeNumber(flag: string, text: string, max: number, or = ''): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= max) return value;
  throw bad(flag, `a whole number from 1 to ${max}${or}`, describeValue(text), 'correct it');
}

function bad(flag: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(flag, expected, got, next));
}

/** Runs `use` with a runtime and closes it, whatever happens. */
export async function withRuntimeOf<T>(
  flags: RuntimeFlags,
  options: Omit<RuntimeOptions, 'workers' | 'backend'>,
  use: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const { workers, backend } = flags;
  const runtime = createRuntime({ ...options, workers, backend, onWarning: warn });
  try {
    return await use(runtime);
  } finally {
    await runtime.close();
  }
}
