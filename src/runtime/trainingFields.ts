// The options of a training that the library and the config share: said once, with one set of defaults.

import * as z from 'zod';
import { ESTIMATORS } from '../core/estimators/index.ts';
import { KL_WEIGHTINGS } from '../core/klWeightings/index.ts';
import { LIKELIHOODS } from '../core/likelihoods/index.ts';
import { VALIDATION_METRICS } from '../core/likelihoods/likelihood.ts';
import { DEFAULT_DRAWS, MAX_DRAWS } from '../core/limits.ts';
import { OPTIMIZERS } from '../core/optimizers/index.ts';
import { familyField, POSTERIORS } from '../core/posteriors/index.ts';
import { SCHEDULES } from '../core/schedules/index.ts';
import { INITIAL_RHO } from '../core/training/initialParameters.ts';
import {
  between,
  count,
  fraction,
  list,
  nonNegative,
  oneOf,
  positive,
  wholeNumber,
  wordOr,
} from '../options/fields.ts';
import { oneOfKind, shortest } from '../options/kinds.ts';

/** Metrics of held-out rows an epoch can be judged by; of all of them, less is better. */
export { VALIDATION_METRICS };

/** Columns brought to zero mean and unit standard deviation. */
export const STANDARDIZE = ['features', 'both', 'none'] as const;

export const likelihood = oneOfKind(
  LIKELIHOODS,
  'How outputs are read as a distribution of targets. Default: categorical for classes, gaussian for regression.',
);

/** Left out where it is the default, as in configs and states of earlier versions. */
export const posterior = oneOfKind(
  POSTERIORS,
  'The family of distributions that is fitted to the weights. Default: meanField.',
)
  .transform((spec) => familyField(spec).family)
  .optional();

export const diagnosticsEvery = wordOr(
  'auto',
  (expected) => wholeNumber('', expected),
  'auto or a whole number of at least 0',
  'Epochs from one look at KL, collapse, signal-to-noise and gradients to the next; 0 is never.',
).default('auto');

const metric = (description: string) => oneOf(VALIDATION_METRICS, description);

export const earlyStoppingFields = {
  metric: metric('Metric of the validation rows that is to fall.').default('nll'),
  patience: count('Epochs without improvement after which training ends, at the next validation.'),
  minDelta: nonNegative('An improvement is more than this below the last one.').default(0),
};

const bestFields = {
  metric: metric('Metric of the validation rows. Default: that of earlyStopping, else nll.').optional(),
};

/** The epoch whose posterior is the result. */
export const select = oneOfKind(
  { last: { options: () => ({}) }, best: { options: () => bestFields } },
  'The epoch whose posterior is the result: the last, or the best of the validated ones. Default: best with earlyStopping, else last.',
)
  .transform(shortest)
  .optional();

export const DEFAULT_ESTIMATOR = 'reparameterization';

/** Default batch size. */
export const BATCH_SIZE = 32;

const CLASS_WEIGHTS = 'balanced, or a map of classes to weights of at least 0';

const classWeights = wordOr(
  'balanced',
  (error) => z.record(z.string(), nonNegative('Weight of the class.'), { error }),
  CLASS_WEIGHTS,
  'Weights of the training rows of each class, by its name; classes that are not named weigh 1. balanced: all classes count the same in all. Default: 1.',
).optional();

/** Weights by class: `balanced`, or by the names of classes. */
export type ClassWeights = 'balanced' | Readonly<Record<string, number>>;

export const trainingFields = {
  epochs: count('Passes over the training rows.').default(10),
  batchSize: count('Rows of a step.').default(BATCH_SIZE),
  draws: count('Weight draws of a step.', MAX_DRAWS).default(1),
  estimator: oneOfKind(ESTIMATORS, 'How the gradient of the ELBO is estimated.')
    .transform(shortest)
    .prefault(DEFAULT_ESTIMATOR),
  optimizer: oneOfKind(OPTIMIZERS, 'Update rule of mu and rho.').prefault({ kind: 'adam' }),
  schedule: oneOfKind(SCHEDULES, 'Learning rate over the steps.').prefault({ kind: 'constant' }),
  klWeighting: oneOfKind(KL_WEIGHTINGS, 'How the KL term is shared out over the steps of an epoch.')
    .transform(shortest)
    .prefault('uniform'),
  gradientClip: positive(
    'Largest norm of the gradient of a step, over all mu and rho; longer ones are shortened to it.',
  ).optional(),
  classWeights,
  initialRho: between(
    -20,
    20,
    `First rho of every parameter; sigma = log(1 + exp(rho)). Default: ${INITIAL_RHO} (or what follows from initialSigma).`,
  ),
};

/** Posterior draws that predictions average over. */
export const predictionDraws = count('Posterior draws that are averaged.', MAX_DRAWS).default(DEFAULT_DRAWS);

const LEVEL = 'a level between 0 and 1, both excluded';

export const quantileLevels = list(
  fraction('Level.', LEVEL),
  'a list of levels between 0 and 1',
  'Levels of the predictive quantiles.',
);
