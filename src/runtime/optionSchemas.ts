// The options of the library's calls as schemas: what is not in them is refused, what is left out has the default of the config.

import type { TableColumns } from '../columns/tableColumns.ts';
import { KL_WEIGHTINGS } from '../core/klWeightings/index.ts';
import { LIKELIHOODS } from '../core/likelihoods/index.ts';
import { MAX_MEMBERS } from '../core/limits.ts';
import type { MatrixLike } from '../core/matrix.ts';
import { OPTIMIZERS } from '../core/optimizers/index.ts';
import type { Posterior } from '../core/posterior.ts';
import { POSTERIORS } from '../core/posteriors/index.ts';
import { PREDICTION_MODES } from '../core/prediction/predictionMode.ts';
import { SCHEDULES } from '../core/schedules/index.ts';
import { INITIAL_RHO } from '../core/training/initialParameters.ts';
import type { TrainingState } from '../core/training/trainingState.ts';
import {
  callback,
  count,
  flag,
  instance,
  list,
  oneOf,
  positive,
  section,
  text,
  unchecked,
  wholeNumber,
  wordOr,
} from '../options/fields.ts';
import { optionNames } from '../options/kinds.ts';
import type { Seed } from '../random/seed.ts';
import type { CheckpointOptions } from '../scheduler/training/checkpointer.ts';
import type { EnsembleOptions, PredictOptions, TrainOptions } from './options.ts';
import {
  diagnosticsEvery,
  earlyStoppingFields,
  likelihood,
  posterior,
  predictionDraws,
  quantileLevels,
  STANDARDIZE,
  select,
  trainingFields,
} from './trainingFields.ts';

const backend = text('a name such as auto, native or wasm', 'What computes.')
  .regex(/^[\w-]{1,40}$/, { error: 'a name such as auto, native or wasm' })
  .default('auto');
const seed = unchecked<Seed>('Seed of everything random: a string or an integer.').optional();

const signal = instance<AbortSignal>(
  (value) => value instanceof AbortSignal,
  'an AbortSignal — pass the signal of an AbortController',
  'Ends the call.',
).optional();

/** More threads than any machine of today has cores. */
export const MAX_WORKERS = 1024;

export const runtimeOptions = section({
  workers: wordOr(
    'auto',
    (expected) => count('', MAX_WORKERS, expected),
    'auto or a whole number of at least 1',
    'Worker threads.',
  ).default('auto'),
  backend,
  seed,
  onWarning: callback<(message: string) => void>(
    'Called with messages about problems that were recovered from.',
  ).optional(),
  workerHook: text('the URL of a module', 'What every worker loads, for tests.').optional(),
  workerHeapMb: positive('Limit of a JavaScript heap in MiB, for tests.').optional(),
  testing: section({
    entry: text('the URL of a module', 'Another program for the workers.').optional(),
    patience: positive('Milliseconds a worker may stand still.').optional(),
    endMs: positive('Milliseconds a thread may take to end.').optional(),
  }).optional(),
});

const shared = {
  ...trainingFields,
  // Left out it is no more than there are rows.
  batchSize: trainingFields.batchSize.unwrap().optional(),
  initialRho: trainingFields.initialRho.default(INITIAL_RHO),
  diagnostics: section({ every: diagnosticsEvery }).optional(),
  likelihood: likelihood.prefault('gaussian'),
  posterior,
  standardize: oneOf(STANDARDIZE, 'Columns brought to mean 0 and standard deviation 1.').optional(),
  classNames: list(text('a name', ''), 'a list of names', 'What classes are called.').optional(),
  columns: unchecked<TableColumns>('Columns of the table that rows came from.').optional(),
  seed,
  validation: section({
    x: unchecked<MatrixLike>('Rows.'),
    y: unchecked<MatrixLike>('Targets.'),
    weights: unchecked<MatrixLike>('Weights of training rows; metrics count every row once.').optional(),
    classNames: unchecked<readonly string[]>('Those of the training rows.').optional(),
    columns: unchecked<TableColumns>('Those of the training rows.').optional(),
    // What a part of a table says besides.
    featureNames: unchecked('Names of the columns of x.').optional(),
    rows: unchecked('Numbers of the rows.').optional(),
    passThrough: unchecked('Further columns.').optional(),
    every: count('Epochs from one validation to the next.').optional(),
    draws: predictionDraws.unwrap().optional(),
  }).optional(),
  earlyStopping: section(earlyStoppingFields).optional(),
  select,
  signal,
  onProgress: callback<NonNullable<TrainOptions['onProgress']>>('Called after steps.').optional(),
};

const checkpoint = section({
  everySteps: count('Steps from one save to the next.').optional(),
  everySeconds: positive('Seconds from one save to the next.').optional(),
  save: callback<CheckpointOptions['save']>('Keeps a state.', 'a function — give one that keeps the state'),
}).optional();

/** Where the options of a call are mistaken for those of a part of it. */
const HOMES = {
  optimizer: optionNames(OPTIMIZERS),
  schedule: optionNames(SCHEDULES),
  klWeighting: optionNames(KL_WEIGHTINGS),
  likelihood: optionNames(LIKELIHOODS),
  posterior: optionNames(POSTERIORS),
  checkpoint: ['everySteps', 'everySeconds', 'save'],
  earlyStopping: ['patience', 'minDelta', 'metric'],
};

export const trainOptions = section(
  {
    ...shared,
    onReport: callback<NonNullable<TrainOptions['onReport']>>('Given the report of each epoch.').optional(),
    checkpoint,
    initial: unchecked<Posterior>('A posterior to start from.').optional(),
    resume: unchecked<TrainingState>('A saved state to resume from.').optional(),
  },
  HOMES,
);

export const ensembleOptions = section(
  {
    members: count('Posteriors to train.', MAX_MEMBERS),
    ...shared,
    trained: instance<NonNullable<EnsembleOptions['trained']>>(
      (value) => value instanceof Map,
      'a Map of member numbers to posteriors',
      'Members that are there already.',
    ).optional(),
    onMember: callback<NonNullable<EnsembleOptions['onMember']>>(
      'Given each member when it is done.',
    ).optional(),
    onReport: callback<NonNullable<EnsembleOptions['onReport']>>(
      'Given the report of each epoch.',
    ).optional(),
    memberOptions:
      callback<NonNullable<EnsembleOptions['memberOptions']>>('How a member is saved.').optional(),
  },
  HOMES,
);

const prediction = {
  draws: predictionDraws,
  mode: oneOf(PREDICTION_MODES, 'What is drawn.').default('sample'),
  quantiles: quantileLevels.default([]),
};

export const predictOptions = section({
  ...prediction,
  signal,
  onProgress: callback<NonNullable<PredictOptions['onProgress']>>('Called after tiles.').optional(),
});

export const sessionPredictOptions = section({
  ...prediction,
  posterior: text('the name of a posterior', 'Which posterior answers, of several.').optional(),
  signal,
});

export const sessionOptions = section({
  backend,
  capacity: count('Rows worked on at once.').default(256),
  cacheBytes: wholeNumber('Bytes of drawn weights kept between requests.').optional(),
  gather: flag('Whether calls may wait a moment for others.').default(true),
  onWarning: callback<(message: string) => void>('Given the text of each warning.').optional(),
});
