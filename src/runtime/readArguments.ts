// The arguments of the runtime's calls: checked, and copied where the caller may change them afterwards.

import type * as z from 'zod';
import { checkModel, checkPosterior } from '../core/arguments.ts';
import { unchangingMatrix } from '../core/matrix.ts';
import type { Model } from '../core/model.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { checkStateShape } from '../core/training/trainingState.ts';
import { describeValue, mismatch } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import { seedText } from '../random/seed.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import { readAdaptive } from './adaptiveDraws.ts';
import { checkColumns, namedInputs } from './namedInputs.ts';
import { predictOptions } from './optionSchemas.ts';
import type { PredictOptions, RowsLike, TrainingData } from './options.ts';
import { checkData, checkInputs, featureUnits, prepareTraining } from './prepare.ts';
import { familiesOf, type PredictSettings, predictPlan, type TrainSettings } from './settings.ts';

/** What one training takes of its options, or of those of its ensemble. */
export type FitSettings = Pick<
  TrainSettings,
  | 'classNames'
  | 'columns'
  | 'signal'
  | 'onProgress'
  | 'validation'
  | 'earlyStopping'
  | 'select'
  | 'diagnostics'
  | 'checkpoint'
  | 'resume'
  | 'onReport'
>;

/** What a training needs of its arguments, copied; `validation` too, for it is read again and again. */
export function readTraining<Settings extends Omit<TrainSettings, 'onReport'>>(
  given: Model,
  data: TrainingData,
  settings: Settings,
  ownSeed: string,
): { readonly prepared: PreparedTraining; readonly settings: Settings } {
  const { seed, validation } = settings;
  const model = checkModel('train', given);
  settings = withNames(model, data, settings);
  const { resume } = settings as { resume?: unknown };
  if (resume !== undefined) {
    checkStateShape('train: resume', resume);
    settings = { ...settings, resume: structuredClone(resume) };
  }
  const prepared = prepareTraining(model, data, settings, seed === undefined ? ownSeed : seedText(seed));
  if (validation === undefined) return { prepared, settings };
  const held = checkData('train: validation', model, prepared.problem.likelihood, validation);
  const [x, y] = [unchangingMatrix(held.x), unchangingMatrix(held.y)];
  checkInputs('train: validation', model, [prepared.standardization.features], x);
  const kept = { ...validation, x, y };
  return { prepared, settings: { ...settings, validation: kept } };
}

/** Settings with the names that `data` says where they say none. */
function withNames<Settings extends Omit<TrainSettings, 'onReport'>>(
  model: Model,
  data: TrainingData,
  settings: Settings,
): Settings {
  const { classNames, columns } = (typeof data === 'object' && data) || {};
  const names = settings.classNames ?? namesOf(classNames);
  return {
    ...settings,
    ...(names === undefined ? {} : { classNames: names }),
    columns: checkColumns('train: columns', settings.columns ?? columns, model.inputSize),
  };
}

/** A copy of the names that data says. @throws TypeError for what is no list of names, such as the null of a posterior */
function namesOf(given: unknown): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const next = 'pass { x, y }, with names of the classes or without';
  if (!Array.isArray(given))
    throw new TypeError(mismatch('train: classNames', 'a list of names', describeValue(given), next));
  return Array.from(given, (name: unknown, k) => {
    if (typeof name === 'string') return name;
    throw new TypeError(mismatch(`train: classNames[${k}]`, 'a name', describeValue(name), next));
  });
}

/** @throws TypeError or RangeError for members that are there already and are none of this ensemble */
export function checkTrainedMembers({
  trained,
  members,
}: {
  readonly trained?: ReadonlyMap<number, AnyPosterior> | undefined;
  readonly members: number;
}): void {
  for (const [m, posterior] of trained ?? []) {
    if (!Number.isSafeInteger(m) || m < 0 || m >= members) {
      throw new RangeError(
        `trainEnsemble: trained: expected numbers of members from 0 to ${members - 1}, got ${describeValue(m)} — count members from 0`,
      );
    }
    checkPosterior(`trainEnsemble: trained: member ${m}`, posterior);
  }
}

/** The arguments of a prediction, checked and copied. */
export function readPredict(where: string, posterior: AnyPosterior, x: RowsLike, options: PredictOptions) {
  checkPosterior(where, posterior);
  const settings = readAdaptiveOptions(where, familiesOf(posterior), predictOptions, options);
  const features = namedInputs(where, posterior.columns, x);
  return { settings, matrix: checkInputs(where, posterior.model, featureUnits(posterior), features) };
}

/**
 * Options of a call whose rows may draw until they reach a tolerance.
 * @param families of the posterior's members
 * @param schema of all options but such draws
 */
export function readAdaptiveOptions<Settings extends Pick<PredictSettings, 'draws' | 'mode'>>(
  where: string,
  families: ReturnType<typeof familiesOf>,
  schema: z.ZodType<Settings>,
  options: PredictOptions,
) {
  const draws: unknown = options?.draws;
  const isAdaptive = typeof draws === 'object' && draws !== null;
  const adaptive = isAdaptive ? readAdaptive(where, draws, families.length) : null;
  const plain = adaptive === null ? options : { ...options, draws: adaptive.max };
  const settings = checkOptions(where, schema, plain);
  const plan = predictPlan(where, settings, families);
  // In mode mean there is nothing to draw.
  return { ...settings, ...plan, adaptive: plan.mode === 'mean' ? null : adaptive };
}

/** The arguments of an evaluation, checked and copied. */
export function readEvaluation(posterior: AnyPosterior, data: TrainingData, options: PredictOptions) {
  checkPosterior('evaluate', posterior);
  const { model, likelihood } = posterior;
  const { x, y } = checkData('evaluate', model, likelihood, data);
  checkInputs('evaluate', model, featureUnits(posterior), unchangingMatrix(x));
  const settings = checkOptions('evaluate', predictOptions, options);
  return { x, y, settings: { ...settings, ...predictPlan('evaluate', settings, familiesOf(posterior)) } };
}
