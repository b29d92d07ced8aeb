// From a user's data and options to a problem and the numbers that go into the arena: shapes checked, columns standardized.

import { type Matrix, toMatrix } from '../core/matrix.ts';
import type { LikelihoodSpec, Model } from '../core/model.ts';
import type { OptimizerSpec } from '../core/optimizers/optimizer.ts';
import type { Standardization } from '../core/posterior.ts';
import type { TrainingProblem } from '../core/problem.ts';
import type { KlWeightingSpec } from '../core/schedules/klWeighting.ts';
import type { ScheduleSpec } from '../core/schedules/schedule.ts';
import { learnStandardization } from '../core/standardize.ts';
import {
  fraction,
  likelihoodSpec,
  positive,
  positiveInteger,
  TRAIN_DEFAULTS,
  type TrainingData,
  type TrainOptions,
} from './options.ts';

export interface PreparedTraining {
  readonly problem: TrainingProblem;
  readonly x: Matrix;
  readonly y: Matrix;
  readonly standardization: {
    readonly features: Standardization | null;
    readonly targets: Standardization | null;
  };
  readonly initialRho: number;
}

/** @throws TypeError or RangeError naming the option or the row that does not fit */
export function prepareTraining(
  model: Model,
  data: TrainingData,
  options: TrainOptions,
  seed: string,
): PreparedTraining {
  const settings = { ...TRAIN_DEFAULTS, ...definedOnly(options) };
  const likelihood = likelihoodSpec(options.likelihood);
  const { x, y } = checkData('train', model, likelihood, data);
  const batchSize = positiveInteger('train: batchSize', settings.batchSize);
  if (batchSize > x.rows && options.batchSize !== undefined) {
    throw new RangeError(
      `train: expected batchSize of at most ${x.rows} (the training rows), got ${batchSize} — lower batchSize`,
    );
  }
  if (!Number.isFinite(settings.initialRho)) {
    throw new RangeError(
      `train: expected a finite initialRho, got ${settings.initialRho} — sigma starts at softplus(initialRho)`,
    );
  }
  checkOptimizer(settings.optimizer);
  checkSchedules(settings.schedule, settings.klWeighting);
  checkRest(model, likelihood, options);
  const standardize = options.standardize ?? (likelihood.kind === 'gaussian' ? 'both' : 'features');
  const targets = standardize === 'both' && likelihood.kind === 'gaussian' ? learnStandardization(y) : null;
  return {
    problem: {
      model,
      likelihood: inTrainingUnits(likelihood, targets),
      rowCount: x.rows,
      batchSize: Math.min(batchSize, x.rows),
      draws: positiveInteger('train: draws', settings.draws),
      epochs: positiveInteger('train: epochs', settings.epochs),
      optimizer: settings.optimizer,
      schedule: settings.schedule,
      klWeighting: settings.klWeighting,
      seed,
    },
    x,
    y,
    standardization: { features: standardize === 'none' ? null : learnStandardization(x), targets },
    initialRho: settings.initialRho,
  };
}

/** A fixed noise scale is given in the data's units; the network works in standardized ones. */
function inTrainingUnits(likelihood: LikelihoodSpec, targets: Standardization | null): LikelihoodSpec {
  if (likelihood.kind !== 'gaussian' || likelihood.scale === 'learned' || targets === null) return likelihood;
  if (targets.scale.length > 1) {
    throw new RangeError(
      `train: expected scale 'learned' for ${targets.scale.length} standardized targets, got ${likelihood.scale} — or set standardize to 'features'`,
    );
  }
  return { kind: 'gaussian', scale: likelihood.scale / targets.scale[0] };
}

/** What data must fit. */
type Sizes = Pick<Model, 'inputSize' | 'outputSize'>;

/** Tables of the right shape with finite values and targets the likelihood can have. */
export function checkData(
  where: string,
  model: Sizes,
  likelihood: { readonly kind: LikelihoodSpec['kind'] },
  data: TrainingData,
): { x: Matrix; y: Matrix } {
  const x = checkFeatures(where, model, data.x);
  const y = toMatrix(data.y, `${where}: y`);
  if (y.rows !== x.rows)
    throw new RangeError(
      `${where}: expected ${x.rows} targets like rows of x, got ${y.rows} — pass one target per row`,
    );
  const columns = likelihood.kind === 'categorical' ? 1 : model.outputSize;
  if (y.columns !== columns) {
    throw new RangeError(
      `${where}: expected ${columns} target columns for ${likelihood.kind}, got ${y.columns} — check outputSize`,
    );
  }
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i];
    const fits =
      likelihood.kind === 'categorical'
        ? Number.isInteger(value) && value >= 0 && value < model.outputSize
        : likelihood.kind === 'bernoulli'
          ? value === 0 || value === 1
          : Number.isFinite(value);
    if (!fits) {
      const wanted = {
        categorical: `class numbers 0 to ${model.outputSize - 1}`,
        bernoulli: 'targets 0 or 1',
        gaussian: 'finite targets',
      };
      throw new RangeError(
        `${where}: expected ${wanted[likelihood.kind]}, got ${value} in row ${Math.floor(i / columns)} of y — clean the targets`,
      );
    }
  }
  return { x, y };
}

export function checkFeatures(where: string, model: Sizes, input: TrainingData['x']): Matrix {
  const x = toMatrix(input, `${where}: x`);
  if (x.columns !== model.inputSize) {
    throw new RangeError(
      `${where}: expected ${model.inputSize} columns, got ${x.columns} — is the label column still in?`,
    );
  }
  if (x.rows === 0)
    throw new RangeError(`${where}: expected at least one row, got none — pass a non-empty table`);
  const bad = x.data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(
      `${where}: expected finite numbers, got ${x.data[bad]} in row ${Math.floor(bad / x.columns)}, column ${bad % x.columns} of x — clean the data`,
    );
  }
  return x;
}

function checkOptimizer(optimizer: OptimizerSpec): void {
  positive('train: optimizer.learningRate', optimizer.learningRate);
  if (optimizer.kind === 'sgd') fraction('train: optimizer.momentum', optimizer.momentum ?? 0);
  else if (optimizer.kind === 'adam') {
    fraction('train: optimizer.beta1', optimizer.beta1 ?? 0.9);
    fraction('train: optimizer.beta2', optimizer.beta2 ?? 0.999);
    positive('train: optimizer.eps', optimizer.eps ?? 1e-8);
  } else {
    throw new TypeError(
      `train: expected optimizer adam or sgd, got ${String((optimizer as { kind: unknown }).kind)} — use one of these`,
    );
  }
}

function checkSchedules(schedule: ScheduleSpec, klWeighting: KlWeightingSpec): void {
  oneOf('train: schedule', schedule.kind, ['constant', 'cosine']);
  if (schedule.kind === 'cosine') fraction('train: schedule.finalFraction', schedule.finalFraction ?? 0);
  if (typeof klWeighting === 'object' && klWeighting !== null) {
    oneOf('train: klWeighting', klWeighting.kind, ['warmup']);
    positive('train: klWeighting.epochs', klWeighting.epochs);
  } else oneOf('train: klWeighting', klWeighting, ['uniform', 'blundell', "{ kind: 'warmup', epochs }"]);
}

function checkRest(model: Model, likelihood: LikelihoodSpec, options: TrainOptions): void {
  const { standardize, classNames, validation } = options;
  if (standardize !== undefined) oneOf('train: standardize', standardize, ['both', 'features', 'none']);
  if (validation?.every !== undefined) positiveInteger('train: validation.every', validation.every);
  if (validation?.draws !== undefined) positiveInteger('train: validation.draws', validation.draws);
  const every = options.diagnostics?.every ?? 'auto';
  if (every !== 'auto' && !(Number.isSafeInteger(every) && every >= 0)) {
    throw new RangeError(
      `train: diagnostics.every: expected 'auto', 0 or a positive integer, got ${String(every)} — count epochs`,
    );
  }
  if (likelihood.kind === 'categorical' && classNames && classNames.length !== model.outputSize) {
    throw new RangeError(
      `train: expected ${model.outputSize} classNames, got ${classNames.length} — give one name per class`,
    );
  }
}

function oneOf(where: string, value: unknown, names: readonly string[]): void {
  if (!names.includes(value as string)) {
    throw new TypeError(`${where}: expected ${names.join(' or ')}, got ${String(value)} — use one of these`);
  }
}

/** Options given as undefined count as not given. */
function definedOnly<T extends object>(options: T): Partial<{ [K in keyof T]: Exclude<T[K], undefined> }> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
