// A prediction as plain objects, one a row, ready for a table or a plot.

import { describeValue, mismatch } from '../../messages.ts';
import { readable } from '../../options/readable.ts';
import { checkPosterior } from '../arguments.ts';
import { predictedColumns } from '../likelihoods/sizes.ts';
import type { AnyPosterior } from '../posterior.ts';
import type { Prediction } from './prediction.ts';
import { predictionColumns } from './predictionColumns.ts';

/** A row of a prediction by the names of what is said of it. */
export type PredictionRow = Readonly<Record<string, number | string>>;

/**
 * Predictions as objects with the names of the columns of `varpool predict`. Numbers: mean, sd, aleatoricSd, epistemicSd and q0.05 … for
 * quantiles. Classes: class, probability, predictiveEntropy, mutualInformation (nats) and p.NAME. Several targets: NAME.mean ….
 *
 *     const rows = toRows(await runtime.predict(posterior, houses, { quantiles: [0.05, 0.95] }), posterior);
 *     rows[0]; // { mean: 3.1, sd: 0.4, aleatoricSd: 0.3, epistemicSd: 0.2, 'q0.05': 2.4, 'q0.95': 3.8 }
 *
 * @param posterior that the prediction is of: it knows the names of targets and classes
 * @param others columns to put in front, such as the `passThrough` of a part of a table: a list for each, with an entry per row
 * @throws TypeError for what is no prediction of the posterior, or a list of another length
 */
export function toRows(
  prediction: Prediction,
  posterior: AnyPosterior,
  others: Readonly<Record<string, ArrayLike<number | string>>> = {},
): PredictionRow[] {
  return readable('toRows', () => {
    checkPosterior('toRows', posterior);
    const { rows, outputs, mean } = (prediction ?? {}) as Partial<Prediction>;
    if (
      !Number.isInteger(rows) ||
      !(mean instanceof Float64Array) ||
      outputs !== predictedColumns(posterior)
    ) {
      const next =
        describeValue(prediction) === 'a promise' ? 'await it first' : 'pass what predict gave for it';
      throw new TypeError(
        mismatch('toRows', 'a prediction of the posterior', describeValue(prediction), next),
      );
    }
    for (const [name, values] of Object.entries(others)) {
      if (values.length === rows) continue;
      const got = describeValue(values);
      throw new TypeError(mismatch(`toRows: ${name}`, `a list of ${rows}`, got, 'pass an entry per row'));
    }
    const names = posterior.columns?.targets ?? null;
    const columns = predictionColumns(prediction, posterior, names?.length === outputs ? names : null);
    return Array.from({ length: rows as number }, (_, row) =>
      Object.fromEntries([
        ...Object.entries(others).map(([name, values]) => [name, values[row]] as const),
        ...columns.map(({ name, value }) => [name, value(row)] as const),
      ]),
    );
  });
}
