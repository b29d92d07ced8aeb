// A prediction as named columns: what a CSV file and plain objects have in common. How numbers are written is left to them.

import { createLikelihood } from '../likelihoods/index.ts';
import type { AnyPosterior } from '../posterior.ts';
import { monteCarloErrors } from './monteCarloErrors.ts';
import type { Prediction } from './prediction.ts';

export interface PredictionColumn {
  readonly name: string;
  value(row: number): number | string;
}

/**
 * Of numbers: mean, sd, aleatoricSd, epistemicSd and a column per quantile. Of classes: class, probability, predictiveEntropy,
 * mutualInformation and p.NAME per class. Several outputs have their name in front. Where rows drew until a tolerance was reached: draws, and
 * monteCarloError, the largest of the row's means.
 * @param targetNames of the outputs; null where they have none
 */
export function predictionColumns(
  prediction: Prediction,
  posterior: AnyPosterior,
  targetNames: readonly string[] | null,
): PredictionColumn[] {
  return [...statistics(prediction, posterior, targetNames), ...adaptiveColumns(prediction)];
}

function adaptiveColumns(prediction: Prediction): PredictionColumn[] {
  const { rowDraws, outputs: K } = prediction;
  if (rowDraws === undefined) return [];
  const errors = monteCarloErrors(prediction);
  const largest = (row: number) => errors.subarray(row * K, (row + 1) * K).reduce((a, b) => Math.max(a, b));
  return [
    { name: 'draws', value: (row) => rowDraws[row] },
    { name: 'monteCarloError', value: largest },
  ];
}

function statistics(
  prediction: Prediction,
  posterior: AnyPosterior,
  targetNames: readonly string[] | null,
): PredictionColumn[] {
  if (createLikelihood(posterior.likelihood).targets === 'labels') return labelColumns(prediction, posterior);
  const { outputs: K } = prediction;
  return Array.from({ length: K }, (_, k) => {
    const prefix = K === 1 ? '' : `${targetName(targetNames, k)}.`;
    return outputColumns(prediction).map(
      ([name, value]): PredictionColumn => ({ name: prefix + name, value: (row) => value(row * K + k) }),
    );
  }).flat();
}

/** What output k is called. @param names of the targets; null where they have none */
export function targetName(names: readonly string[] | null, k: number): string {
  return names?.[k] ?? `output${k}`;
}

/** Names and values of what is said of one output, by the place of the value. */
function outputColumns(prediction: Prediction): (readonly [string, (at: number) => number])[] {
  const { mean, variance, aleatoric, epistemic, quantiles, predictiveEntropy, mutualInformation } =
    prediction;
  if (predictiveEntropy !== null && mutualInformation !== null)
    return [
      ['probability', (at) => mean[at]],
      ['epistemicSd', (at) => Math.sqrt(epistemic[at])],
      ['predictiveEntropy', (at) => shortest(predictiveEntropy[at])],
      ['mutualInformation', (at) => shortest(mutualInformation[at])],
    ];
  return [
    ['mean', (at) => mean[at]],
    ['sd', (at) => Math.sqrt(variance[at])],
    ['aleatoricSd', (at) => Math.sqrt(aleatoric[at])],
    ['epistemicSd', (at) => Math.sqrt(epistemic[at])],
    ...(quantiles ?? []).map(({ level, values }) => [`q${level}`, (at: number) => values[at]] as const),
  ];
}

function labelColumns(prediction: Prediction, posterior: AnyPosterior): PredictionColumn[] {
  const { outputs: K, mean } = prediction;
  const [entropy, mutual] = [prediction.predictiveEntropy, prediction.mutualInformation] as Float32Array[];
  const classes = classNamesOf(posterior);
  const top = topClasses(prediction);
  return [
    { name: 'class', value: (row) => classes[top[row]] },
    { name: 'probability', value: (row) => mean[row * K + top[row]] },
    { name: 'predictiveEntropy', value: (row) => shortest(entropy[row]) },
    { name: 'mutualInformation', value: (row) => shortest(mutual[row]) },
    ...classes.map((name, k): PredictionColumn => ({ name: `p.${name}`, value: (row) => mean[row * K + k] })),
  ];
}

/** What classes are called: by their numbers where they have no names. */
export function classNamesOf(posterior: AnyPosterior): readonly string[] {
  return posterior.classNames ?? Array.from({ length: posterior.model.outputSize }, (_, k) => String(k));
}

/** The most probable class of each row; the first of equals. */
export function topClasses({ rows, outputs, mean }: Prediction): number[] {
  return Array.from({ length: rows }, (_, row) => {
    let top = 0;
    for (let k = 1; k < outputs; k++) if (mean[row * outputs + k] > mean[row * outputs + top]) top = k;
    return top;
  });
}

/** The number with the shortest decimal that reads back as the same float32. */
export function shortest(value: number): number {
  const wanted = Math.fround(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(wanted.toPrecision(digits));
    if (Math.fround(short) === wanted) return short;
  }
  return Number(wanted.toPrecision(9));
}
