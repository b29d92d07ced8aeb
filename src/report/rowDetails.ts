// What a report shows of single test rows: predictions beside what came true, the rows the model is least sure of, confusions.

import { createLikelihood } from '../core/likelihoods/index.ts';
import { type Matrix, toMatrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { selectMatrixRows, type Table } from '../data/dataset.ts';
import type { PreparedRun } from '../experiment/run/data.ts';
import type { PredictOptions } from '../runtime/options.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Measured } from './measure.ts';
import { number, percent } from './numbers.ts';
import type { Confusion, DataTable, FitOfTarget, LeastSure, ReportData } from './reportData.ts';

/** Points beyond this many hide each other. */
const MAX_SHOWN = 300;
const MAX_TARGETS = 4;
const LEAST_SURE = 12;
const LEVEL = 0.9;

export type RowDetails = Pick<ReportData, 'fit' | 'leastSure' | 'confusion'>;

/** Predicts the test rows of a run once more, for what the metrics do not keep; nothing where it has none. */
export async function rowDetails(
  { data, classNames }: PreparedRun,
  runtime: Runtime,
  posterior: AnyPosterior,
  measured: Measured | null,
  options: PredictOptions,
): Promise<RowDetails> {
  const { test, rows } = data;
  if (test === null || measured === null) return {};
  const numbers = rows.test?.indices;
  const nameOf = (r: number) => String(numbers?.[r] ?? r);
  const of = rows.test?.of ?? 'the test data';
  if (measured.prediction !== undefined) {
    const shape = test.source.map((file) => file.shape).find((dimensions) => dimensions.length === 3);
    return ofClasses(test, measured.prediction, classNames ?? [], nameOf, of, shape);
  }
  const { onScale } = createLikelihood(posterior.likelihood);
  if (!onScale || test.targets.kind !== 'values') return {};
  const predicted = await runtime.predict(posterior, test.features, options);
  const least = leastSureNumbers(predicted);
  const shown = evenly(predicted.rows);
  const chosen = [...least.map(({ row }) => row), ...shown];
  const some = await runtime.predict(posterior, selectMatrixRows(test.features, chosen), {
    ...options,
    quantiles: [(1 - LEVEL) / 2, (1 + LEVEL) / 2],
  });
  const { values, names } = test.targets;
  const name = (k: number) => names?.[k] ?? (values.columns === 1 ? 'target' : `target ${k}`);
  return {
    fit: fitOf(values, predicted, some, shown, least.length, name),
    leastSure: { table: numberTable(least, values, predicted, some, { name, nameOf, of }) },
  };
}

/** At most MAX_SHOWN rows. */
function evenly(rows: number): number[] {
  const count = Math.min(rows, MAX_SHOWN);
  return Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
}

function fitOf(
  actual: Matrix,
  predicted: Prediction,
  some: Prediction,
  shown: readonly number[],
  first: number,
  name: (k: number) => string,
): FitOfTarget[] {
  const K = actual.columns;
  const [lower, upper] = some.quantiles as NonNullable<Prediction['quantiles']>;
  const at = (list: ArrayLike<number>, k: number) => shown.map((_, i) => list[(first + i) * K + k]);
  return Array.from({ length: Math.min(K, MAX_TARGETS) }, (_, k) => ({
    name: name(k),
    rows: predicted.rows,
    actual: shown.map((row) => actual.data[row * K + k]),
    mean: at(some.mean, k),
    sd: at(some.variance, k).map(Math.sqrt),
    lower: at(lower.values, k),
    upper: at(upper.values, k),
    level: LEVEL,
  }));
}

interface UnsureRow {
  readonly row: number;
  /** Its least sure target. */
  readonly output: number;
}

/** The rows of the widest predictive distributions; several targets are compared by their own spread over the rows. */
function leastSureNumbers({ variance, rows, outputs: K }: Prediction): UnsureRow[] {
  const mean = Array.from({ length: K }, (_, k) => {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += variance[r * K + k] / rows;
    return sum || 1;
  });
  const found = Array.from({ length: rows }, (_, row) => {
    let output = 0;
    const share = (k: number) => variance[row * K + k] / mean[k];
    for (let k = 1; k < K; k++) if (share(k) > share(output)) output = k;
    return { row, output, share: share(output) };
  });
  return found.sort((a, b) => b.share - a.share).slice(0, LEAST_SURE);
}

interface Naming {
  readonly name: (k: number) => string;
  readonly nameOf: (row: number) => string;
  readonly of: string;
}

function numberTable(
  least: readonly UnsureRow[],
  actual: Matrix,
  predicted: Prediction,
  some: Prediction,
  { name, nameOf, of }: Naming,
): DataTable {
  const K = actual.columns;
  const [lower, upper] = some.quantiles as NonNullable<Prediction['quantiles']>;
  return {
    caption: `The widest predictive distributions; row numbers count ${of} from 0. The epistemic part is what more data would narrow.`,
    corner: 'row',
    columns: [...(K > 1 ? ['target'] : []), 'actual', 'predicted', '90 % interval', 'sd', 'epistemic sd'],
    rows: least.map(({ row, output }, i) => {
      const at = row * K + output;
      const interval = [lower, upper].map(({ values }) => number(values[i * K + output]));
      return {
        label: nameOf(row),
        values: [
          ...(K > 1 ? [name(output)] : []),
          number(actual.data[at]),
          number(predicted.mean[at]),
          interval.join(' … '),
          number(Math.sqrt(predicted.variance[at]), 3),
          number(Math.sqrt(predicted.epistemic[at]), 3),
        ],
      };
    }),
  };
}

function ofClasses(
  test: Table,
  prediction: Prediction,
  classNames: readonly string[],
  nameOf: (row: number) => string,
  of: string,
  shape: readonly number[] | undefined,
): RowDetails {
  const { rows, outputs, mean, predictiveEntropy, mutualInformation } = prediction;
  // Outcomes of their own (several yes or no a row) are no classes of a row.
  if (predictiveEntropy === null || mutualInformation === null || predictiveEntropy.length !== rows)
    return {};
  const labels = labelsOf(test);
  const binary = outputs === 1;
  const classes =
    classNames.length > 0
      ? classNames
      : binary
        ? ['0', '1']
        : Array.from({ length: outputs }, (_, k) => String(k));
  const probability = (r: number, k: number) =>
    binary ? (k === 1 ? mean[r] : 1 - mean[r]) : mean[r * outputs + k];
  const top = Array.from({ length: rows }, (_, r) =>
    classes.reduce((best, _, k) => (probability(r, k) > probability(r, best) ? k : best), 0),
  );
  const counts = classes.map(() => classes.map(() => 0));
  for (let r = 0; r < rows; r++) counts[labels[r]][top[r]]++;
  const least = Array.from({ length: rows }, (_, r) => r)
    .sort((a, b) => predictiveEntropy[b] - predictiveEntropy[a])
    .slice(0, LEAST_SURE);
  const table: DataTable = {
    caption: `The largest predictive entropies; row numbers count ${of} from 0. Mutual information is the part that comes from not knowing the weights.`,
    corner: 'row',
    columns: ['actual', 'predicted', 'probability', 'predictive entropy (nats)', 'mutual information (nats)'],
    rows: least.map((r) => ({
      label: nameOf(r),
      values: [
        classes[labels[r]],
        classes[top[r]],
        percent(probability(r, top[r])),
        number(predictiveEntropy[r], 3),
        number(mutualInformation[r], 3),
      ],
    })),
  };
  const words = (r: number) =>
    `${classes[labels[r]]}, taken for ${classes[top[r]]} (${percent(probability(r, top[r]), 0)})`;
  const images = imagesOf(test.features, least, shape, words);
  const confusion: Confusion = { classes, counts };
  return { confusion, leastSure: { table, ...(images === undefined ? {} : { images }) } };
}

function labelsOf({ targets }: Table): ArrayLike<number> {
  return targets.kind === 'labels' ? targets.labels : toMatrix(targets.values, 'report').data;
}

/** Rows that are pictures, as gray values; nothing where they are none. */
function imagesOf(
  { data, columns }: Matrix,
  rows: readonly number[],
  shape: readonly number[] | undefined,
  words: (row: number) => string,
): LeastSure['images'] {
  if (shape === undefined || shape[1] * shape[2] !== columns) return undefined;
  const items = rows.map((row) => {
    const own = data.subarray(row * columns, (row + 1) * columns);
    let most = 0;
    for (const value of own) most = Math.max(most, value);
    return {
      label: words(row),
      pixels: Array.from(own, (value) => Math.max(0, Math.round((255 * value) / (most || 1)))),
    };
  });
  return { width: shape[2], height: shape[1], items };
}
