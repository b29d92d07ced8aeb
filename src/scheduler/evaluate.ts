// Metrics of a posterior on rows with known targets, in the data's own units.

import { mixturePit } from '../core/calibration/coverage.ts';
import type { Matrix } from '../core/matrix.ts';
import { bernoulliNll, brier, categoricalNll, errorRate } from '../core/metrics/classification.ts';
import { expectedCalibrationError } from '../core/metrics/expectedCalibrationError.ts';
import { gaussianMixtureNll } from '../core/metrics/gaussianMixture.ts';
import { mae, rmse } from '../core/metrics/regression.ts';
import type { Posterior } from '../core/posterior.ts';
import { type DrawChunk, originalNoiseScale, toOriginalUnits } from '../core/predictive/drawQuantiles.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import type { Evaluation } from './options.ts';

/** Metrics of averaged class probabilities. */
export function evaluateClasses(prediction: Prediction, y: Matrix): Evaluation {
  const K = prediction.outputs;
  return {
    rows: prediction.rows,
    draws: prediction.draws,
    nll: average(categoricalNll(prediction.mean, y.data, K)),
    error: errorRate(prediction.mean, y.data, K),
    brier: average(brier(prediction.mean, y.data, K)),
    ece: expectedCalibrationError(prediction.mean, y.data, K),
  };
}

/** Metrics of averaged Bernoulli probabilities; error counts outputs on the wrong side of one half. */
export function evaluateBinary(prediction: Prediction, y: Matrix): Evaluation {
  const { mean } = prediction;
  let wrong = 0;
  let squared = 0;
  for (let i = 0; i < mean.length; i++) {
    if (mean[i] > 0.5 !== y.data[i] > 0.5) wrong++;
    const error = mean[i] - y.data[i];
    squared += error * error;
  }
  return {
    rows: prediction.rows,
    draws: prediction.draws,
    nll: average(bernoulliNll(mean, y.data, prediction.outputs)),
    error: wrong / mean.length,
    brier: squared / mean.length,
  };
}

/** Metrics of a regression from all draws, taken chunk by chunk. */
export async function evaluateValues(
  posterior: Posterior,
  chunks: AsyncIterable<DrawChunk>,
  y: Matrix,
): Promise<Evaluation> {
  const K = posterior.model.outputSize;
  const noise = originalNoiseScale(posterior);
  const nll = new Float64Array(y.rows);
  const pit = new Float64Array(y.rows * K);
  const mean = new Float64Array(y.rows * K);
  let draws = 0;
  for await (const chunk of chunks) {
    draws = chunk.draws;
    const values = toOriginalUnits(posterior, chunk.values);
    const targets = Float64Array.from(y.data.subarray(chunk.firstRow * K, (chunk.firstRow + chunk.rows) * K));
    nll.set(gaussianMixtureNll(values, noise, targets), chunk.firstRow);
    pit.set(mixturePit(values, noise, targets), chunk.firstRow * K);
    for (let i = 0; i < targets.length; i++) {
      for (let s = 0; s < draws; s++) mean[chunk.firstRow * K + i] += values[s * targets.length + i];
      mean[chunk.firstRow * K + i] /= draws;
    }
  }
  const inside = pit.reduce((count, p) => count + (p >= 0.05 && p <= 0.95 ? 1 : 0), 0);
  return {
    rows: y.rows,
    draws,
    nll: average(nll),
    rmse: rmse(mean, y.data),
    mae: mae(mean, y.data),
    coverage90: inside / pit.length,
  };
}

function average(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
