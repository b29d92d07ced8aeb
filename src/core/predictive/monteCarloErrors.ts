// How far means of a prediction may be off because they average a finite number of draws.

import type { PredictionMode } from '../prediction/predictionMode.ts';
import type { Prediction } from './prediction.ts';

/**
 * The standard error of each mean, sqrt(epistemic / (draws − 1)) with the draws of its row, in the data's units, [rows, outputs]: of classes, that of
 * each probability. Of an ensemble, whose draws go over its members in turn, an upper bound. 0 in mode `mean`, which draws nothing.
 * @param mode of the prediction
 * @example Math.max(...monteCarloErrors(await runtime.predict(posterior, x, { draws: 100 })))
 */
export function monteCarloErrors(
  { epistemic, outputs, draws, rowDraws }: Prediction,
  mode: PredictionMode = 'sample',
): Float64Array {
  return epistemic.map((variance, i) => {
    const n = rowDraws?.[Math.floor(i / outputs)] ?? draws;
    return mode === 'mean' || n < 2 ? 0 : Math.sqrt(variance / (n - 1));
  });
}
