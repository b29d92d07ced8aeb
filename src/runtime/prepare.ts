// From a user's data and options to a problem and the numbers that go into the arena: shapes checked, columns standardized.

import { type EstimatorSpec, estimatorKind } from '../core/estimators/index.ts';
import { falls } from '../core/klWeightings/index.ts';
import { learnedPriors } from '../core/layerPriors.ts';
import { createLikelihood } from '../core/likelihoods/index.ts';
import { outputsProblem, predictedColumns, targetColumns } from '../core/likelihoods/sizes.ts';
import { MAX_STEPS } from '../core/limits.ts';
import { type Matrix, toMatrix } from '../core/matrix.ts';
import type { LikelihoodSpec, Model } from '../core/model.ts';
import type { Objection } from '../core/objection.ts';
import {
  createOptimizer,
  OPTIMIZERS,
  type OptimizerSettings,
  type OptimizerSpec,
} from '../core/optimizers/index.ts';
import type { AnyPosterior, Standardization } from '../core/posterior.ts';
import { createFamily, type FamilySpec, familyField } from '../core/posteriors/index.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import { createPrior } from '../core/priors/index.ts';
import { firstBeyondFloat32, learnStandardization } from '../core/standardize.ts';
import type { TrainingProblem } from '../core/training/problem.ts';
import { describeValue, listed, mismatch } from '../messages.ts';
import { isEarlier } from '../random/earlierEpochs.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import type { TrainingData } from './options.ts';
import { rowWeights } from './rowWeights.ts';
import type { TrainSettings } from './settings.ts';
import { BATCH_SIZE, DEFAULT_ESTIMATOR } from './trainingFields.ts';
import { readInitial } from './warmStart.ts';

const WEIGHT_NAMES = { weights: 'train: weights', classWeights: 'train: classWeights' };

/** @throws TypeError or RangeError naming the option or the row that does not fit */
export function prepareTraining(
  model: Model,
  data: TrainingData,
  settings: Omit<TrainSettings, 'onReport'>,
  seed: string,
): PreparedTraining {
  const { likelihood, classNames, batchSize, optimizer, schedule, klWeighting, draws, epochs, initialRho } =
    settings;
  const { x, y } = checkData('train', model, likelihood, data);
  const weights = rowWeights(WEIGHT_NAMES, {
    model,
    likelihood,
    y,
    weights: data.weights,
    classWeights: settings.classWeights,
    classNames,
  });
  if (batchSize !== undefined && batchSize > x.rows) {
    throw new RangeError(
      `train: batchSize: expected at most ${x.rows} (the training rows), got ${batchSize} — lower batchSize`,
    );
  }
  const steps = epochs * Math.ceil(x.rows / (batchSize ?? Math.min(BATCH_SIZE, x.rows)));
  if (steps > MAX_STEPS) {
    throw new RangeError(
      `train: epochs: expected at most ${MAX_STEPS} steps in all, got ${steps} — train for fewer epochs`,
    );
  }
  const { targets: stored, onScale } = createLikelihood(likelihood);
  if (stored === 'labels' && classNames && classNames.length !== model.outputSize) {
    throw new RangeError(
      `train: classNames: expected ${model.outputSize} names, got ${classNames.length} — give one name per class`,
    );
  }
  checkOptimizer(model, optimizer as OptimizerSettings, klWeighting, settings.gradientClip !== undefined);
  const estimator = estimatorOf(settings.estimator);
  const family = familyField(settings.posterior);
  if (createFamily(family.family).means === null)
    refuse(estimatorKind(estimator.estimator).objection?.({ draws }));
  else refuse(objectionToMeans(model, family.family, settings));
  const initial = readInitial((settings as { initial?: unknown }).initial, model, likelihood, family.family);
  if (initial !== null && settings.standardize !== undefined) {
    const next = 'leave standardize out: that of the earlier posterior is kept';
    throw new RangeError(mismatch('train: initial', 'no standardize beside it', settings.standardize, next));
  }
  const standardize = settings.standardize ?? (onScale ? 'both' : 'features');
  const { features, targets } = initial?.standardization ?? {
    targets: standardize === 'both' && onScale ? learnStandardization(y) : null,
    features: standardize === 'none' ? null : learnStandardization(x),
  };
  checkRange('train', 'x', x, features);
  checkRange('train', 'y', y, targets);
  return {
    problem: {
      model,
      likelihood: inTrainingUnits(likelihood, targets),
      rowCount: x.rows,
      batchSize: batchSize ?? Math.min(BATCH_SIZE, x.rows),
      draws,
      epochs,
      optimizer: optimizer as OptimizerSettings,
      schedule,
      klWeighting,
      ...family,
      ...estimator,
      ...(settings.gradientClip === undefined ? {} : { gradientClip: settings.gradientClip }),
      ...(weights === null ? {} : { totalWeight: weights.reduce((sum, weight) => sum + weight, 0) }),
      seed,
    },
    x,
    y,
    weights,
    standardization: { features, targets },
    initialRho,
    initial: initial && structuredClone(initial),
  };
}

/** @throws RangeError naming the option that the optimizer cannot work with */
function checkOptimizer(
  model: Model,
  optimizer: OptimizerSettings,
  klWeighting: TrainingProblem['klWeighting'],
  clips: boolean,
): void {
  const specs = model.layers.map((layer) => layer.prior ?? model.prior);
  const found = createOptimizer(optimizer).objection?.({
    priors: specs.map((spec) => ({ kind: spec.kind, precision: createPrior(spec).precision })),
    klWeightFalls: falls(klWeighting),
    clips,
  });
  refuse(found);
}

/** Optimizers that update means alone. */
function meansOptimizers(): string[] {
  return (Object.keys(OPTIMIZERS) as OptimizerSpec['kind'][]).filter(
    (kind) => createOptimizer({ kind, learningRate: 1 }).updateMeans !== undefined,
  );
}

/** What does not go with a family whose weights have no sigma. */
function objectionToMeans(
  model: Model,
  family: FamilySpec | undefined,
  { optimizer, estimator }: Pick<TrainSettings, 'optimizer' | 'estimator'>,
): Objection | null {
  const name = family?.kind;
  if (createOptimizer(optimizer).updateMeans === undefined) {
    const { kind } = optimizer;
    const expected = `an optimizer of means alone for the posterior ${name}`;
    return {
      option: 'optimizer',
      expected,
      got: `${kind}, which learns sigma`,
      next: `use ${listed(meansOptimizers())}`,
    };
  }
  // A learned prior is fitted to mu and sigma of its weights.
  const learned = learnedPriors(model).findIndex((each) => each !== null);
  if (learned >= 0) {
    const expected = `a prior that learns nothing for the posterior ${name}`;
    const { kind } = model.layers[learned].prior ?? model.prior;
    return { option: 'prior', expected, got: kind, next: 'give it a fixed scale' };
  }
  const { estimator: other } = estimatorOf(estimator);
  if (other === undefined) return null;
  const expected = `none for the posterior ${name}, whose weights have no sigma`;
  return { option: 'estimator', expected, got: other.kind, next: 'leave it out' };
}

/** @throws RangeError naming the option that a method objects to, where it does */
function refuse(found: Objection | null | undefined): void {
  if (found) throw new RangeError(mismatch(`train: ${found.option}`, found.expected, found.got, found.next));
}

/** Left out where it is the default: states that were saved when there was one estimator only know of none. */
function estimatorOf(estimator: TrainSettings['estimator']): Pick<TrainingProblem, 'estimator'> {
  const spec: EstimatorSpec = typeof estimator === 'string' ? { kind: estimator } : estimator;
  return (spec.kind as string) === DEFAULT_ESTIMATOR ? {} : { estimator: spec };
}

/** A fixed noise scale is given in the data's units; the network works in standardized ones. */
function inTrainingUnits(likelihood: LikelihoodSpec, targets: Standardization | null): LikelihoodSpec {
  const { scale, scaleOption } = createLikelihood(likelihood);
  if (scaleOption === undefined || typeof scale !== 'number' || targets === null) return likelihood;
  if (targets.scale.length > 1) {
    throw new RangeError(
      `train: expected ${scaleOption} 'learned' for ${targets.scale.length} standardized targets, got ${scale} — or set standardize to 'features'`,
    );
  }
  return { ...likelihood, [scaleOption]: scale / targets.scale[0] } as LikelihoodSpec;
}

/** What data must fit. */
type Sizes = Pick<Model, 'inputSize' | 'outputSize'>;

/** Tables of the right shape with finite values and targets the likelihood can have. */
export function checkData(
  where: string,
  model: Sizes,
  likelihood: LikelihoodSpec,
  data: TrainingData,
): { x: Matrix; y: Matrix } {
  if (typeof data !== 'object' || data === null)
    throw new TypeError(
      `${where}: expected data { x, y }, got ${describeValue(data)} — pass rows and their targets`,
    );
  const x = checkFeatures(where, model, data.x);
  const y = toMatrix(data.y, `${where}: y`);
  if (y.rows !== x.rows)
    throw new RangeError(
      `${where}: expected ${x.rows} targets like rows of x, got ${y.rows} — pass one target per row`,
    );
  const misfit = outputsProblem({ model, likelihood });
  if (misfit !== null)
    throw new RangeError(mismatch(`${where}: outputSize`, misfit.expected, misfit.got, misfit.next));
  const { kind, expects, fits } = createLikelihood(likelihood);
  const columns = targetColumns({ model, likelihood });
  const predicted = predictedColumns({ model, likelihood });
  if (y.columns !== columns) {
    throw new RangeError(
      `${where}: expected ${columns} target columns for ${kind}, got ${y.columns} — check outputSize`,
    );
  }
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i];
    if (!fits(value, predicted)) {
      throw new RangeError(
        `${where}: expected ${expects(predicted)}, got ${value} in row ${Math.floor(i / columns)} of y — clean the targets`,
      );
    }
  }
  return { x, y };
}

/** Units in which features must fit float32: those of each member, and before kernel epoch 3 also the data's own. */
export function featureUnits(posterior: AnyPosterior): readonly (Standardization | null)[] {
  return membersOf(posterior).flatMap(({ standardization: { features }, kernelEpoch }) =>
    isEarlier(kernelEpoch) ? [null, features] : [features],
  );
}

/** Features of the right shape that fit float32 in all `units`. @throws TypeError or RangeError naming the row that does not */
export function checkInputs(
  where: string,
  model: Sizes,
  units: readonly (Standardization | null)[],
  input: TrainingData['x'],
): Matrix {
  const x = checkFeatures(where, model, input);
  for (const by of new Set(units)) checkRange(where, 'x', x, by);
  return x;
}

/** Training and prediction compute in float32, in standardized units where there are such. @throws RangeError */
function checkRange(where: string, name: string, table: Matrix, by: Standardization | null): void {
  const bad = firstBeyondFloat32(table, by);
  if (bad < 0) return;
  const { data, columns } = table;
  const place = `row ${Math.floor(bad / columns)}, column ${bad % columns} of ${name}`;
  const [expected, next] =
    by === null
      ? ['numbers up to 3.4e38, as float32 holds', 'rescale the column, or standardize it']
      : [
          `numbers within 3.4e38 standard deviations (${by.scale[bad % columns]}) of the training mean`,
          'check the units of the column',
        ];
  throw new RangeError(`${where}: expected ${expected}, got ${data[bad]} in ${place} — ${next}`);
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
