// Predictions as a file: CSV with one row per input, NPY of the predictive means, JSON of every array by name.

import { extname } from 'node:path';
import { createLikelihood } from '../core/likelihoods/index.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { monteCarloErrors } from '../core/predictive/monteCarloErrors.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import {
  classNamesOf,
  predictionColumns,
  shortest,
  topClasses,
} from '../core/predictive/predictionColumns.ts';
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

/** What a file holds, as text, bytes, or texts one after the other. */
export function encodePrediction(
  format: PredictionFormat,
  named: NamedPrediction,
): string | Uint8Array | Iterable<string> {
  const { prediction } = named;
  if (format === 'npy') return npyBytes(prediction.mean, [prediction.rows, prediction.outputs]);
  return format === 'csv' ? csvTexts(named) : `${JSON.stringify(predictionObject(named))}\n`;
}

/** One row per input; see the help of `varpool predict` for the columns. */
export function predictionCsv(named: NamedPrediction): string {
  return Array.from(csvTexts(named)).join('');
}

/** Rows of a text: some hundred kilobytes, which no number of rows makes more. */
const TEXT_ROWS = 4096;

/** The CSV as texts one after the other, so that it never is in memory as a whole. */
function* csvTexts({
  prediction,
  posterior,
  targetNames,
  passThrough = [],
}: NamedPrediction): Generator<string> {
  const columns = [
    ...passThrough.map(({ name, codes, texts }) => {
      const cells = texts.map(quoted);
      return { name, cell: (row: number): string | number => cells[codes[row]] };
    }),
    ...predictionColumns(prediction, posterior, targetNames).map(({ name, value }) => ({
      name,
      cell: (row: number) => {
        const found = value(row);
        return typeof found === 'string' ? quoted(found) : found;
      },
    })),
  ];
  yield `${columns.map(({ name }) => quoted(name)).join(',')}\n`;
  for (let first = 0; first < prediction.rows; first += TEXT_ROWS) {
    let text = '';
    for (let row = first; row < Math.min(first + TEXT_ROWS, prediction.rows); row++) {
      for (let c = 0; c < columns.length; c++) text += (c === 0 ? '' : ',') + columns[c].cell(row);
      text += '\n';
    }
    yield text;
  }
}

/** Every array by the name it has in the library; tables as lists of rows. */
export function predictionObject({
  prediction,
  posterior,
  targetNames,
  passThrough = [],
}: NamedPrediction): Record<string, unknown> {
  const { rows, outputs, draws, rowDraws, quantiles } = prediction;
  const table = (values: Float32Array | Float64Array | null) => {
    if (values === null) return undefined;
    const exact = [...values].map(values instanceof Float32Array ? shortest : Number);
    if (values.length === rows && outputs > 1) return exact;
    return Array.from({ length: rows }, (_, row) => exact.slice(row * outputs, (row + 1) * outputs));
  };
  const categorical = createLikelihood(posterior.likelihood).targets === 'labels';
  const classes = classNamesOf(posterior);
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
    ...(rowDraws === undefined
      ? {}
      : { rowDraws: Array.from(rowDraws), monteCarloError: table(monteCarloErrors(prediction)) }),
  };
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
