// From a config to the rows and the network it means: which reader, which hold-outs, which made numbers.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { toMatrix, unchangingMatrix } from '../../core/matrix.ts';
import type { Model } from '../../core/model.ts';
import type { Table, Task } from '../../data/dataset.ts';
import { type LoadedData, loadData } from '../../data/load.ts';
import type { CurveSources } from '../../data/synthetic.ts';
import { ConfigError, DataError } from '../../errors.ts';
import { sin } from '../../math/float64.ts';
import { oneLine } from '../../messages.ts';
import { seedKeyOf, shuffledOf } from '../../random/earlierEpochs.ts';
import { normal } from '../../random/normal.ts';
import { memberSeed, type Seed, seedText } from '../../random/seed.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import { uniform } from '../../random/uniform.ts';
import type { TrainingData } from '../../runtime/options.ts';
import { rowWeights } from '../../runtime/rowWeights.ts';
import { BATCH_SIZE } from '../../runtime/trainingFields.ts';
import { dataSpec, type ResolvedConfig } from '../config/config.ts';
import { checkSizes } from '../config/limits.ts';
import { networkOf } from '../config/network.ts';

/** Draw numbers of synthetic rows by what the rows are for; different parts never share a number. */
export const SYNTHETIC_PART = { train: 0, test: 1, outside: 2 } as const;

/** A config with all it needs to be trained. */
export interface PreparedRun {
  readonly config: ResolvedConfig;
  readonly data: LoadedData;
  readonly model: Model;
  /** What classes are called; null where targets are no classes. */
  readonly classNames: readonly string[] | null;
}

/**
 * Reads and divides the data of a config, as a run of `kernelEpoch` has them.
 * @param next what to do where a file is not there; `{field}` stands for that of the config which names it
 * @throws DataError, in one line
 */
export function loadRunData(
  config: ResolvedConfig,
  next = 'put it there, or correct {field} of the config',
  kernelEpoch: number = KERNEL_EPOCH,
): LoadedData {
  const { directory, writtenPaths } = config;
  for (const [key, path] of Object.entries(writtenPaths)) {
    if (existsSync(resolve(directory, path))) continue;
    const step = next.replace('{field}', `data.${key}`);
    throw new DataError(
      oneLine(`${path} (from ${directory}): expected data, got nothing at this path — ${step}`),
    );
  }
  const { standardize } = config.data;
  return loadData(dataSpec(config), {
    baseDir: config.directory,
    task: dataTask(config),
    standardized: { features: standardize !== 'none', targets: standardize === 'both' },
    shuffle: (order, purpose) =>
      void order.set(shuffledOf(kernelEpoch, order.length, config.seed, `${purpose} rows`)),
    curveSources: (part, seed) => curveSources(SYNTHETIC_PART[part], seed ?? config.seed, kernelEpoch),
  });
}

/**
 * Reads the data of a config and builds its network.
 * @param where what errors call the config: its file
 * @param data of the config, where they were read before
 * @throws DataError or ConfigError, in one line, for anything that would stop the training before its first step
 */
export function prepareRun(
  config: ResolvedConfig,
  where: string,
  data: LoadedData = loadRunData(config, `put it there, or correct {field} in ${where}`),
): PreparedRun {
  const { features, targets } = data.train;
  const { batchSize } = config.training;
  // The default is lowered to the rows there are, as the library does; trainOptions says so to it.
  if (batchSize > features.rows && batchSize !== BATCH_SIZE) {
    throw new ConfigError(
      `${where}: training.batchSize: expected at most ${features.rows} (the training rows), got ${batchSize} — lower it`,
    );
  }
  const { likelihood, prior, model } = config;
  const columns = targets.kind === 'labels' ? targets.classNames.length : targets.values.columns;
  const { scale, scaleOption, heads = 1 } = createLikelihood(likelihood);
  if (
    typeof scale === 'number' &&
    scaleOption !== undefined &&
    columns > 1 &&
    config.data.standardize === 'both'
  ) {
    throw new ConfigError(
      `${where}: likelihood.${scaleOption}: expected learned for ${columns} standardized targets, got ${scale} — or set data.standardize to features`,
    );
  }
  const { members = 1, member } = config.ensemble ?? {};
  if (member === undefined && config.prediction.draws < members) {
    throw new ConfigError(
      `${where}: prediction.draws: expected at least ${members} for ${members} members, got ${config.prediction.draws} — use a multiple of ${members}`,
    );
  }
  const network = networkOf(model, features.columns, heads * columns, prior, where);
  checkWeights(config, network, data.train, where);
  checkSizes(config, network, features.rows, where);
  return {
    config,
    data,
    model: network,
    classNames: targets.kind === 'labels' ? targets.classNames : null,
  };
}

/** @throws ConfigError for weights that do not go with the targets, or come to nothing */
function checkWeights(
  { likelihood, training }: ResolvedConfig,
  model: Model,
  train: Table,
  where: string,
): void {
  const { targets, weights } = train;
  const names = { weights: `${where}: data.weights`, classWeights: `${where}: training.classWeights` };
  try {
    rowWeights(names, {
      model,
      likelihood,
      y: toMatrix(trainingData(train).y, where),
      weights,
      classWeights: training.classWeights,
      classNames: targets.kind === 'labels' ? targets.classNames : undefined,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(error.message);
  }
}

/** The seed training uses; data are split and made by `config.seed`, so that a member trained alone has the rows it has among others. */
export function trainingSeed({ seed, ensemble }: ResolvedConfig): string {
  return ensemble?.member === undefined ? seedText(seed) : memberSeed(seed, ensemble.member);
}

/** How the reader has to take the target column. */
export function dataTask(config: ResolvedConfig): Task {
  return createLikelihood(config.likelihood).task;
}

/** Rows and targets as the runtime takes them; a table that has been read never changes, so it need not be copied. */
export function trainingData(table: Table): TrainingData {
  const { targets } = table;
  const y = targets.kind === 'labels' ? targets.labels : unchangingMatrix(targets.values);
  const { weights } = table;
  return { x: unchangingMatrix(table.features), y, ...(weights === undefined ? {} : { weights }) };
}

/** Numbers of a made data set: x from tensor 0, e from tensor 1 of its purpose. */
export function curveSources(part: number, seed: Seed, kernelEpoch: number = KERNEL_EPOCH): CurveSources {
  const key = seedKeyOf(kernelEpoch, seed);
  const [place, noise] = [stream(PURPOSE.synthetic, 0), stream(PURPOSE.synthetic, 1)];
  return {
    uniform: (i) => uniform(key, 0, part, place, i),
    normal: (i) => normal(key, 0, part, noise, i),
    sin,
  };
}
