// Predictions as a file: CSV with one row per input, NPY of the predictive means, JSON of every array by name.

import { extname } from 'node:path';
import { createLikelihood } from '../core/likelihoods/index.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { npyBytes } from '../data/formats/npy.ts';
import type { TextColumn } from '../data/table/frame.ts';
import { ConfigError } from '../errors.ts';

export type PredictionFormat = 'csv' | 'npy' | 'json';

/** The format a file name asks for. @throws ConfigError for another ending */
export function formatOf(path: string): PredictionFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv' || ending === '.npy' || ending === '.json')
    return ending.slice(1) as PredictionFormat;
  throw new ConfigError(
    `--out: expected a name that ends in .csv, .npy or .json, got ${JSON.stringify(path)} — change the ending`,
  );
}

export interface NamedPrediction {
  readonly prediction: Prediction;
  readonly posterior: AnyPosterior;
  /** Names of the outputs; null where they have none. */
  readonly targetNames: readonly string[] | null;
  /** Columns of the rows that come back as they are, in front. */
  readonly passThrough?: readonly TextColumn[];
}

export function encodePrediction(format: PredictionFormat, named: NamedPrediction): string | Uint8Array {
  const { prediction } = named;
  if (format === 'npy') return npyBytes(prediction.mean, [prediction.rows, prediction.outputs]);
  return format === 'csv' ? predictionCsv(named) : `${JSON.stringify(predictionObject(named))}\n`;
}

interface Column {
  readonly name: string;
  cell(row: number): string;
}

/** One row per input; see the help of `varpool predict` for the columns. */
export function predictionCsv(named: NamedPrediction): string {
  const own = named.prediction.predictiveEntropy === null ? valueColumns(named) : classColumns(named);
  const columns = [...(named.passThrough ?? []).map(textColumn), ...own];
  const lines = [columns.map(({ name }) => quoted(name)).join(',')];
  for (let row = 0; row < named.prediction.rows; row++)
    lines.push(columns.map((column) => column.cell(row)).join(','));
  return `${lines.join('\n')}\n`;
}

function textColumn({ name, codes, texts }: TextColumn): Column {
  return { name, cell: (row) => quoted(texts[codes[row]]) };
}

function valueColumns({ prediction, targetNames }: NamedPrediction): Column[] {
  const { outputs: K, mean, variance, aleatoric, epistemic, quantiles } = prediction;
  return Array.from({ length: K }, (_, k) => {
    const prefix = K === 1 ? '' : `${targetNames?.[k] ?? `output${k}`}.`;
    const column = (name: string, value: (at: number) => number): Column => ({
      name: prefix + name,
      cell: (row) => String(value(row * K + k)),
    });
    return [
      column('mean', (at) => mean[at]),
      column('sd', (at) => Math.sqrt(variance[at])),
      column('aleatoricSd', (at) => Math.sqrt(aleatoric[at])),
      column('epistemicSd', (at) => Math.sqrt(epistemic[at])),
      ...(quantiles ?? []).map(({ level, values }) => column(`q${level}`, (at) => values[at])),
    ];
  }).flat();
}

function classColumns({ prediction, posterior, targetNames }: NamedPrediction): Column[] {
  const { outputs: K, mean, epistemic, predictiveEntropy, mutualInformation } = prediction;
  const [entropy, mutual] = [predictiveEntropy as Float32Array, mutualInformation as Float32Array];
  if (createLikelihood(posterior.likelihood).targets !== 'labels') {
    return Array.from({ length: K }, (_, k) => {
      const prefix = K === 1 ? '' : `${targetNames?.[k] ?? `output${k}`}.`;
      const column = (name: string, cell: (at: number) => string): Column => ({
        name: prefix + name,
        cell: (row) => cell(row * K + k),
      });
      return [
        column('probability', (at) => String(mean[at])),
        column('epistemicSd', (at) => String(Math.sqrt(epistemic[at]))),
        column('predictiveEntropy', (at) => short(entropy[at])),
        column('mutualInformation', (at) => short(mutual[at])),
      ];
    }).flat();
  }
  const classes = classNames(posterior);
  const top = topClasses(prediction);
  return [
    { name: 'class', cell: (row) => quoted(classes[top[row]]) },
    { name: 'probability', cell: (row) => String(mean[row * K + top[row]]) },
    { name: 'predictiveEntropy', cell: (row) => short(entropy[row]) },
    { name: 'mutualInformation', cell: (row) => short(mutual[row]) },
    ...classes.map((name, k): Column => ({ name: `p.${name}`, cell: (row) => String(mean[row * K + k]) })),
  ];
}

/** Every array by the name it has in the library; tables as lists of rows. */
export function predictionObject({
  prediction,
  posterior,
  targetNames,
  passThrough = [],
}: NamedPrediction): Record<string, unknown> {
  const { rows, outputs, draws, quantiles } = prediction;
  const table = (values: Float32Array | Float64Array | null) => {
    if (values === null) return undefined;
    const exact = [...values].map(values instanceof Float32Array ? (value) => Number(short(value)) : Number);
    if (values.length === rows && outputs > 1) return exact;
    return Array.from({ length: rows }, (_, row) => exact.slice(row * outputs, (row + 1) * outputs));
  };
  const categorical = createLikelihood(posterior.likelihood).targets === 'labels';
  const classes = classNames(posterior);
  return {
    rows,
    outputs,
    draws,
    ...(passThrough.length === 0
      ? {}
      : {
          passThrough: Object.fromEntries(
            passThrough.map(({ name, codes, texts }) => [name, Array.from(codes, (code) => texts[code])]),
          ),
        }),
    ...(targetNames === null ? {} : { targetNames }),
    ...(categorical ? { classNames: classes, class: topClasses(prediction).map((k) => classes[k]) } : {}),
    mean: table(prediction.mean),
    variance: table(prediction.variance),
    aleatoric: table(prediction.aleatoric),
    epistemic: table(prediction.epistemic),
    predictiveEntropy: table(prediction.predictiveEntropy),
    expectedEntropy: table(prediction.expectedEntropy),
    mutualInformation: table(prediction.mutualInformation),
    ...(quantiles === null
      ? {}
      : { quantiles: quantiles.map(({ level, values }) => ({ level, values: table(values) })) }),
  };
}

function classNames(posterior: AnyPosterior): readonly string[] {
  return posterior.classNames ?? Array.from({ length: posterior.model.outputSize }, (_, k) => String(k));
}

/** The most probable class of each row; the first of equals. */
function topClasses({ rows, outputs, mean }: Prediction): number[] {
  return Array.from({ length: rows }, (_, row) => {
    let top = 0;
    for (let k = 1; k < outputs; k++) if (mean[row * outputs + k] > mean[row * outputs + top]) top = k;
    return top;
  });
}

/** The shortest decimal that reads back as the same float32. */
function short(value: number): string {
  const wanted = Math.fround(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(wanted.toPrecision(digits));
    if (Math.fround(text) === wanted) return String(text);
  }
  return String(Number(wanted.toPrecision(9)));
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
