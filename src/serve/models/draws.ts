// Output `draws`: every posterior draw of each row, as runtime.draws gives them.

import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import type { Matrix } from '../../core/matrix.ts';
import { reseeded } from '../../core/posteriors/mixture.ts';
import type { PredictionSettings } from '../batching/engine.ts';
import type { OutputTensor } from './outputs.ts';
import type { ServedModel } from './served.ts';

/** [rows, draws, K]: what each drawn network says of the mean or the probabilities, without noise. */
export async function allDraws(
  served: ServedModel,
  x: Matrix,
  { draws, mode, seed }: PredictionSettings,
  signal: AbortSignal,
): Promise<OutputTensor> {
  const { posterior } = served.loaded;
  const of = seed === null ? posterior : reseeded(posterior, seed);
  const K = predictedColumns(posterior);
  const values = new Float64Array(x.rows * draws * K);
  for await (const { draw, values: one } of served.engine.runtime.draws(of, x, { draws, mode, signal })) {
    for (let row = 0; row < x.rows; row++)
      values.set(one.subarray(row * K, (row + 1) * K), (row * draws + draw) * K);
  }
  return { name: 'draws', datatype: 'FP64', shape: [x.rows, draws, K], values };
}
