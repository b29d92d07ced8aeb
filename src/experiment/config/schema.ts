// The zod schema of a config: every field with its default, range and description. The kinds of fields are in options/fields.ts, the
// defaults that depend on other fields in config.ts.

import * as z from 'zod';
import { networkFields } from '../../core/bayesian.ts';
import { MAX_MEMBERS } from '../../core/limits.ts';
import { PRIORS } from '../../core/priors/index.ts';
import { layersField, shapeField } from '../../core/sequential.ts';
import {
  byKind,
  count,
  deviation,
  flag,
  fraction,
  list,
  oneOf,
  path,
  positive,
  section,
} from '../../options/fields.ts';
import { oneOfKind } from '../../options/kinds.ts';
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
} from '../../runtime/trainingFields.ts';
import { layoutFields, tableFields, validationField } from './tableFields.ts';

const SEED =
  'a string that is not empty or an integer from -9007199254740991 to 9007199254740991 — quote it to use it as a string';
const seed = z.union([z.string().min(1, { error: SEED }), z.number().int({ error: SEED })], { error: SEED });
const TASKS = ['regression', 'classification'] as const;

const validation = validationField;
const limit = count('Training rows that are used, from the first, for quick runs.').optional();
const standardize = oneOf(
  STANDARDIZE,
  'What is shifted and scaled to mean 0 and standard deviation 1 of the training rows. Default: both for regression and features for classification from csv and npy, none for idx and synthetic.',
).optional();
const task = oneOf(
  TASKS,
  'What the target is. Default: classification where the likelihood is categorical or bernoulli, else regression.',
).optional();
const split = {
  testIndices: path('File with the numbers (from 0) of the test rows.').optional(),
  trainIndices: path(
    'File with the numbers (from 0) of the training rows. Of the two files, one left out means all other rows.',
  ).optional(),
  testFraction: fraction('Part of the rows held out for the test, picked by seed.').optional(),
  stratify: flag(
    'Whether every class gives rows to test and validation in proportion to its number. Default: false.',
  ).optional(),
  validation,
  limit,
  standardize,
};

const idx = section({
  kind: z.literal('idx'),
  dir: path('Folder with the four IDX files (.gz or not): train and t10k, images and labels.'),
  divisor: positive('Pixels are divided by this.').default(255),
  validation,
  limit,
  standardize,
});

const csv = section({
  kind: z.literal('csv'),
  path: path(
    'Text file, one row a line; JSON lines (.jsonl, .ndjson), an object a line; or Parquet (.parquet), for which the package hyparquet is installed.',
  ),
  testPath: path('Second file of the same layout that is the test part, in place of a split.').optional(),
  task,
  ...layoutFields,
  ...tableFields,
  ...split,
});

const npy = section({
  kind: z.literal('npy'),
  features: path('Array [rows, columns].'),
  targets: path('Array [rows] or [rows, outputs].'),
  task,
  ...split,
});

const synthetic = section({
  kind: z.literal('synthetic'),
  curve: oneOf(
    ['blundell'],
    'y = x + 0.3 sin 2π(x+e) + 0.3 sin 4π(x+e) + e of Blundell et al. 2015, section 5.2.',
  ).default('blundell'),
  rows: count('Rows that are made, before any split.').default(1024),
  testRows: count('Rows of a test part of its own.').optional(),
  low: z.number({ error: 'a number' }).describe('Least x.').default(0),
  high: z.number({ error: 'a number' }).describe('Greatest x.').default(0.5),
  noise: z
    .number({ error: 'a number of at least 0' })
    .min(0, { error: 'a number of at least 0' })
    .describe('Standard deviation of e.')
    .default(0.02),
  seed: seed.describe('Seed of the data. Default: that of the run.').optional(),
  ...split,
});

const model = section(
  {
    hiddenSizes: networkFields.hiddenSizes.unwrap().optional(),
    activation: networkFields.activation.unwrap().optional(),
    inputShape: shapeField.optional(),
    layers: layersField.optional(),
    priors: list(
      oneOfKind(PRIORS, 'Prior.'),
      'a list of priors',
      'Prior of each layer with weights in their order, that of the outputs last. Default: prior for all that name none.',
    ).optional(),
  },
  {},
  ['prior', 'likelihood', 'posterior'],
).describe(
  'The network: hiddenSizes and activation, or layers of any kind between the features and the outputs, which are a dense layer of their own.',
);

const prior = oneOfKind(PRIORS, 'Prior of every weight and bias.');

const training = section({
  ...trainingFields,
  initialRho: trainingFields.initialRho.optional(),
  initialSigma: deviation('First sigma of every parameter, in place of initialRho.', 20).optional(),
  diagnostics: section({ every: diagnosticsEvery })
    .describe('How often the weights are diagnosed. auto: as often as costs about 1 % of the time.')
    .prefault({}),
  earlyStopping: section({
    ...earlyStoppingFields,
    every: count('Epochs between validations. Default: about 100 validations in all.').optional(),
  })
    .describe(
      'Ends training when the validation rows, predicted with the same draws every time, no longer improve.',
    )
    .optional(),
  select,
}).describe('How the posterior is fitted.');

const checkpoint = section({
  everySteps: count('Steps between saves of the training state.').optional(),
  everyMinutes: positive(
    'Minutes between saves of the training state. Default: 5 where everySteps is not given.',
  ).optional(),
  keep: count('States kept, the newest included.').default(2),
}).describe('When the state of training is saved, besides at an interruption.');

const prediction = section({
  draws: predictionDraws,
  quantiles: quantileLevels
    .describe('Levels of the predictive quantiles, rising.')
    .default([0.05, 0.5, 0.95]),
}).describe('How predictions are made.');

const MEMBER = 'a whole number of at least 0';

const ensemble = section({
  members: count(
    'Posteriors that are trained, each by a seed of its own, and predicted from as one mixture.',
    MAX_MEMBERS,
  ),
  member: z
    .number({ error: MEMBER })
    .int({ error: MEMBER })
    .min(0, { error: MEMBER })
    .describe('Train this member alone, from 0: its posterior is that of the same member of the ensemble.')
    .optional(),
}).describe('Several posteriors in place of one.');

const logging = section({
  tensorboard: z
    .boolean({ error: 'true or false' })
    .describe('Write TensorBoard event files into the run directory as training goes.')
    .default(false),
}).describe('What is written beside metrics.jsonl.');

/** What a user may write. */
export const configSchema = section(
  {
    $schema: z.string({ error: 'a string' }).describe('Address of this schema, for editors.').optional(),
    seed: seed.describe('Every random number follows from it.').default('varpool'),
    data: byKind([idx, csv, npy, synthetic], 'Where the rows come from.'),
    model: model.prefault({}),
    prior: prior.prefault({ kind: 'gaussian' }),
    likelihood: likelihood.optional(),
    posterior,
    training: training.prefault({}),
    checkpoint: checkpoint.prefault({}),
    ensemble: ensemble.optional(),
    prediction: prediction.prefault({}),
    logging: logging.prefault({}),
  },
  {
    training: Object.keys(training.shape),
    model: Object.keys(model.shape),
    prediction: ['quantiles'],
    ensemble: ['members'],
  },
);

/** A config as a user writes it. */
export type ConfigInput = z.input<typeof configSchema>;
/** A config with the defaults that depend on nothing else; config.ts fills in the others. */
export type ParsedConfig = z.output<typeof configSchema>;

/** The JSON Schema (draft 2020-12) of what a user may write, published as varpool/schema/config.schema.json. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    title: 'varpool config',
    description: 'What `varpool train` reads. Relative paths are relative to the file.',
    ...schema,
  };
}
