// Reads a config and fills in every default: text → values → schema → the defaults and checks that span several fields.
// The fields themselves are in schema.ts.

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { Document, visit } from 'yaml';
import { createLikelihood, DEFAULT_LIKELIHOOD, LIKELIHOODS } from '../../core/likelihoods/index.ts';
import type { Likelihood } from '../../core/likelihoods/likelihood.ts';
import { INITIAL_RHO } from '../../core/training/initialParameters.ts';
import type { DataSpec } from '../../data/spec.ts';
import { ConfigError } from '../../errors.ts';
import { readTextFile } from '../../files/fileProblems.ts';
import { realPath, realPlace } from '../../files/realPath.ts';
import { LIMIT_BYTES, parseYaml } from '../../files/text/yamlText.ts';
import { softplusInverse } from '../../math/float64.ts';
import { describeValue, listed, mismatch } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';
import { checkLimits } from './limits.ts';
import { type ModelConfig, resolveModel } from './network.ts';
import { configSchema, type ParsedConfig } from './schema.ts';
import { resolveSelection, type SelectionConfig } from './selection.ts';

type Task = 'regression' | 'classification';
type Standardize = 'features' | 'both' | 'none';
type Filled<Data> = Data extends { kind: 'csv' | 'npy' }
  ? Data & { task: Task; standardize: Standardize }
  : Data & { standardize: Standardize };

/** Where rows come from; paths are absolute. Left out where the data itself decides (`target`, `delimiter`, `header`, …). */
export type DataConfig = Filled<ParsedConfig['data']>;
export type LikelihoodConfig = NonNullable<ParsedConfig['likelihood']>;
/** `initialSigma` has become `initialRho`. */
export type TrainingConfig = Omit<
  ParsedConfig['training'],
  'initialRho' | 'initialSigma' | keyof SelectionConfig
> & { initialRho: number } & SelectionConfig;
export type CheckpointConfig = ParsedConfig['checkpoint'];
export type EnsembleConfig = NonNullable<ParsedConfig['ensemble']>;
export type PredictionConfig = ParsedConfig['prediction'];

/** A config with every default filled in. */
export interface ResolvedConfig {
  readonly seed: string | number;
  readonly data: DataConfig;
  readonly model: ModelConfig;
  readonly prior: ParsedConfig['prior'];
  readonly likelihood: LikelihoodConfig;
  /** Left out for mean field. */
  readonly posterior?: NonNullable<ParsedConfig['posterior']>;
  readonly training: TrainingConfig;
  readonly checkpoint: CheckpointConfig;
  /** Only where there is one. */
  readonly ensemble?: EnsembleConfig;
  readonly prediction: PredictionConfig;
  readonly logging: ParsedConfig['logging'];
  /** What the user wrote for each path of `data`, by key; relative to `directory`. */
  readonly writtenPaths: Readonly<Record<string, string>>;
  /** Directory of the config file, absolute. */
  readonly directory: string;
}

/**
 * Reads a YAML or JSON config.
 * @throws ConfigError, in one line, naming the file and the place
 */
export function readConfig(path: string): ResolvedConfig {
  return parseConfig(readTextFile(path, 'a config file', LIMIT_BYTES, ConfigError), path);
}

/**
 * The config in `text`, which stands in `file` (relative paths start from its directory; the file is not read).
 * @throws ConfigError, in one line: the first problem in full, the others counted
 */
export function parseConfig(text: string, file: string): ResolvedConfig {
  const { value, written } = parseYaml(text, file);
  if (value === null) throw problem(file, 'a map of keys', 'an empty file', 'name at least data');
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new ConfigError(describeProblems(file, parsed.error.issues, value, written));
  return resolveConfig(parsed.data, file);
}

/**
 * The config that `value` holds, as parsed from YAML or JSON; `where` starts the messages, relative paths start from `directory`.
 * @throws ConfigError as parseConfig
 */
export function configOf(value: unknown, where: string, directory: string): ResolvedConfig {
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new ConfigError(describeProblems(where, parsed.error.issues, value));
  return resolveConfig(parsed.data, where, resolve(directory));
}

/** The config as YAML; relative paths are rewritten to start from `directory` (unless given, where they started before). */
export function formatConfig(config: ResolvedConfig, directory: string = config.directory): string {
  const { writtenPaths, directory: from, ...fields } = config;
  const to = realPath(directory);
  const moved = to !== realPath(from);
  const paths = Object.entries(writtenPaths).map(([key, path]): [string, string] => {
    if (isAbsolute(path) || !moved) return [key, path];
    return [key, relative(to, realPlace(resolve(from, path))).replaceAll('\\', '/') || '.'];
  });
  const document = new Document({ ...fields, data: withPaths(fields.data, paths) });
  visit(document, { Seq: (_, node) => void (node.flow = true) });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** What the readers of data/ take: the data as the user wrote its paths, to be read relative to the config's directory. */
export function dataSpec({ data, writtenPaths }: ResolvedConfig): DataSpec {
  const { standardize: _, ...written } = withPaths(data, Object.entries(writtenPaths));
  if (written.kind === 'csv' || written.kind === 'npy') {
    const { task, ...spec } = written;
    return spec;
  }
  if (written.kind === 'synthetic') {
    const { curve, ...spec } = written;
    return spec;
  }
  return written;
}

/** The files and directories a config reads, absolute. */
export function configReads({ writtenPaths, directory }: ResolvedConfig): string[] {
  return Object.values(writtenPaths).map((path) => resolve(directory, path));
}

/** The config with some of its paths elsewhere, by their place in `data`. */
export function withDataAt(config: ResolvedConfig, places: Readonly<Record<string, string>>): ResolvedConfig {
  const writtenPaths = { ...config.writtenPaths, ...places };
  const { directory, data } = config;
  const absolute = Object.entries(writtenPaths).map(
    ([key, path]) => [key, resolve(directory, path)] as const,
  );
  return { ...config, writtenPaths, data: withPaths(data, absolute) };
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}

/** Fills in what depends on other fields and refuses what does not go together. */
function resolveConfig(
  parsed: ParsedConfig,
  file: string,
  place: string = resolve(dirname(file)),
): ResolvedConfig {
  checkLimits(parsed, file);
  const { task, likelihood } = resolveTask(parsed, file);
  const standardize = resolveStandardize(parsed.data, task, file);
  const hasTask = parsed.data.kind === 'csv' || parsed.data.kind === 'npy';
  // Parsed again for the order of its keys, so that the same config is always written as the same bytes.
  const data = configSchema.shape.data.parse({
    ...parsed.data,
    standardize,
    ...(hasTask ? { task } : {}),
  }) as DataConfig;
  if (data.kind !== 'idx') checkSplit(data, file);
  const writtenPaths = pathsOf(data);
  const directory = baseOf(place, Object.values(writtenPaths));
  const absolute = Object.entries(writtenPaths).map(
    ([key, path]) => [key, resolve(directory, path)] as const,
  );
  const { seed, model, prior, posterior, ensemble, logging } = parsed;
  // In the order of the file's documentation, which is the order config.yaml is written in.
  return {
    seed,
    data: withPaths(data, absolute),
    model: resolveModel(model, file),
    prior,
    likelihood,
    ...(posterior === undefined ? {} : { posterior }),
    training: {
      ...resolveTraining(parsed.training, file),
      ...resolveSelection(parsed.training, data.validation, likelihood, file),
    },
    checkpoint: resolveCheckpoint(parsed.checkpoint),
    ...(ensemble === undefined ? {} : { ensemble: checkEnsemble(ensemble, file) }),
    prediction: checkPrediction(parsed.prediction, file),
    logging,
    writtenPaths,
    directory,
  };
}

/**
 * The directory that relative paths start from: the real one, whatever links lead to it. Configs of older versions may mean the named
 * one, which is taken where only it leads to files.
 */
function baseOf(named: string, paths: readonly string[]): string {
  const real = realPath(named);
  if (real === named) return real;
  const all = (directory: string) => paths.every((path) => existsSync(resolve(directory, path)));
  return !all(real) && all(named) ? named : real;
}

function resolveTask(
  { data, likelihood }: ParsedConfig,
  file: string,
): { task: Task; likelihood: LikelihoodConfig } {
  const implied: Task | undefined =
    data.kind === 'idx' ? 'classification' : data.kind === 'synthetic' ? 'regression' : data.task;
  const found = likelihood && createLikelihood(likelihood);
  const task =
    implied ?? (found === undefined || found.task === 'regression' ? 'regression' : 'classification');
  if (found !== undefined && !fitsTask(found, task, data.kind === 'idx')) {
    const which = data.kind === 'csv' || data.kind === 'npy' ? task : `${data.kind} data`;
    const others = Object.keys(LIKELIHOODS) as (keyof typeof LIKELIHOODS)[];
    const fitting = others.filter((kind) =>
      fitsTask(createLikelihood({ kind } as LikelihoodConfig), task, data.kind === 'idx'),
    );
    throw problem(
      `${file}: likelihood.kind`,
      `${listed(fitting)} for ${which}`,
      describeValue(found.kind),
      'change it or the data',
    );
  }
  return { task, likelihood: likelihood ?? DEFAULT_LIKELIHOOD[task] };
}

/** Whether a likelihood takes the targets of a task; IDX files hold labels. */
function fitsTask(likelihood: Likelihood, task: Task, labels: boolean): boolean {
  if (labels) return likelihood.targets === 'labels';
  return (likelihood.task === 'regression') === (task === 'regression');
}

function resolveStandardize(data: ParsedConfig['data'], task: Task, file: string): Standardize {
  if (data.standardize === 'both' && task === 'classification') {
    throw problem(
      `${file}: data.standardize`,
      'features or none for classes',
      '"both"',
      'classes cannot be shifted or scaled',
    );
  }
  if (data.standardize !== undefined) return data.standardize;
  if (data.kind === 'idx' || data.kind === 'synthetic') return 'none';
  return task === 'regression' ? 'both' : 'features';
}

function checkSplit(data: Exclude<DataConfig, { kind: 'idx' }>, file: string): void {
  const listed = data.testIndices === undefined ? 'trainIndices' : 'testIndices';
  if (data.testFraction !== undefined && data[listed] !== undefined) {
    throw problem(
      `${file}: data.testFraction`,
      `no testFraction next to ${listed}`,
      `${data.testFraction}`,
      'keep one of the two',
    );
  }
  if (data.kind === 'synthetic' && data.low >= data.high) {
    throw problem(
      `${file}: data.high`,
      `a number above low (${data.low})`,
      `${data.high}`,
      'change one of the two',
    );
  }
}

const PATH_KEYS = {
  idx: ['dir'],
  csv: ['path', 'testPath', 'targetPath', 'target.file', 'features.file', 'testIndices', 'trainIndices'],
  npy: ['features', 'targets', 'testIndices', 'trainIndices'],
  synthetic: ['testIndices', 'trainIndices'],
} as const;

/** The paths of a config by their place in `data`. */
function pathsOf(data: DataConfig): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const place of PATH_KEYS[data.kind]) {
    const [key, inner] = place.split('.');
    const value = (data as Record<string, unknown>)[key];
    const path = inner === undefined ? value : (value as Record<string, unknown> | undefined)?.[inner];
    if (typeof path === 'string') paths[place] = path;
  }
  return paths;
}

/** A copy of the data with other paths. */
function withPaths(data: DataConfig, paths: readonly (readonly [string, string])[]): DataConfig {
  const copy: Record<string, unknown> = { ...data };
  for (const [place, path] of paths) {
    const [key, inner] = place.split('.');
    copy[key] = inner === undefined ? path : { [inner]: path };
  }
  return copy as DataConfig;
}

function resolveTraining(training: ParsedConfig['training'], file: string) {
  const { initialRho, initialSigma, earlyStopping: _, select: __, ...rest } = training;
  if (initialRho !== undefined && initialSigma !== undefined) {
    const expected = 'no initialSigma next to initialRho';
    throw problem(`${file}: training.initialSigma`, expected, `${initialSigma}`, 'keep one of the two');
  }
  if (initialSigma !== undefined) return { ...rest, initialRho: softplusInverse(initialSigma) };
  return { ...rest, initialRho: initialRho ?? INITIAL_RHO };
}

/** Minutes of work that a kill may cost, where the config does not say. */
const CHECKPOINT_MINUTES = 5;

function resolveCheckpoint({ everySteps, everyMinutes, keep }: CheckpointConfig): CheckpointConfig {
  if (everySteps === undefined) return { everyMinutes: everyMinutes ?? CHECKPOINT_MINUTES, keep };
  return { everySteps, ...(everyMinutes === undefined ? {} : { everyMinutes }), keep };
}

function checkEnsemble(ensemble: EnsembleConfig, file: string): EnsembleConfig {
  const { members, member = 0 } = ensemble;
  if (member >= members) {
    const expected = `a member from 0 to ${members - 1}`;
    throw problem(`${file}: ensemble.member`, expected, `${member}`, 'members are counted from 0');
  }
  return ensemble;
}

function checkPrediction(prediction: PredictionConfig, file: string): PredictionConfig {
  const { quantiles } = prediction;
  const i = quantiles.findIndex((level, at) => at > 0 && level <= quantiles[at - 1]);
  if (i > 0) {
    throw problem(
      `${file}: prediction.quantiles[${i}]`,
      `a level above ${quantiles[i - 1]}`,
      `${quantiles[i]}`,
      'list the levels in rising order',
    );
  }
  return prediction;
}

/** Where a run of this config goes unless the user says: the name of the config file without its ending. */
export function runName(file: string): string {
  const base = file.replace(/^.*[\\/]/, '').replace(/\.(ya?ml|json)$/i, '');
  return base.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'run';
}
