// Measures a posterior on a table of rows, once for the metrics and for the charts of a report.

import { coverageCurve, mixturePit } from '../core/calibration/coverage.ts';
import { reliability } from '../core/calibration/reliability.ts';
import { createLikelihood } from '../core/likelihoods/index.ts';
import type { Matrix } from '../core/matrix.ts';
import { toMatrix } from '../core/matrix.ts';
import { countPit, countQuantiles } from '../core/metrics/countMixture.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { mixtureQuantiles } from '../core/predictive/quantiles.ts';
import type { Table } from '../data/dataset.ts';
import { trainingData } from '../experiment/run/data.ts';
import type { PredictOptions } from '../runtime/options.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateDiscrete } from '../scheduler/prediction/evaluate.ts';
import type { Evaluation } from '../scheduler/training/reports.ts';
import type { CoverageSection, RegressionPicture, ReliabilitySection } from './reportData.ts';

/** Metrics of a table, and what a report shows of it. */
export interface Measured {
  readonly evaluation: Evaluation;
  readonly coverage?: CoverageSection;
  readonly reliability?: ReliabilitySection;
  /** Discrete targets only. */
  readonly prediction?: Prediction;
  /** Where each target falls in its predictive distribution, [rows, outputs]; targets on a scale only. */
  readonly pit?: Float64Array;
}

export async function measureTable(
  runtime: Runtime,
  posterior: AnyPosterior,
  table: Table,
  options: PredictOptions,
): Promise<Measured> {
  const data = trainingData(table);
  const { score, targets } = createLikelihood(posterior.likelihood);
  if (score === null) {
    const evaluation = await runtime.evaluate(posterior, data, options);
    // The curve is made from draws of all rows, one at a time, which this mode has not.
    if (options.mode === 'marginal') return { evaluation };
    const pit = await pitOf(runtime, posterior, table.features, toMatrix(data.y, 'y'), options);
    return { evaluation, pit, coverage: { points: coverageCurve(pit), rows: evaluation.rows } };
  }
  const prediction = await runtime.predict(posterior, data.x, options);
  const y = toMatrix(data.y, 'evaluate: y');
  const evaluation = evaluateDiscrete(
    posterior.likelihood,
    prediction,
    y,
    options.mode !== 'mean',
    posterior.columns?.targets ?? null,
  );
  if (targets !== 'labels') return { evaluation, prediction };
  const bins = reliability(prediction.mean, y.data, prediction.outputs);
  return { evaluation, prediction, reliability: { bins, ece: evaluation.ece as number } };
}

/** Where each target falls in its predictive distribution: the mean over draws of the CDF, one draw in memory at a time. */
async function pitOf(
  runtime: Runtime,
  posterior: AnyPosterior,
  x: Matrix,
  y: Matrix,
  options: PredictOptions,
): Promise<Float64Array> {
  const { noise, counts = null } = createLikelihood(posterior.likelihood);
  const pit = new Float64Array(y.data.length);
  let draws = 0;
  for await (const { values, noiseScale } of runtime.draws(posterior, x, options)) {
    const one =
      counts === null
        ? mixturePit(values, noiseScale ?? [], y.data, noise ?? undefined, y.columns)
        : countPit(values, noiseScale ?? [], y.data, counts);
    for (let i = 0; i < pit.length; i++) pit[i] += one[i];
    draws++;
  }
  // A sum of numbers up to 1, divided: above 1 by no more than a rounding.
  return pit.map((sum) => Math.min(1, sum / draws));
}

/** The bands of a regression with one input and one output over a grid of inputs. */
export async function regressionBands(
  runtime: Runtime,
  posterior: AnyPosterior,
  grid: readonly number[],
  options: PredictOptions,
  level = 0.9,
): Promise<Pick<RegressionPicture, 'x' | 'mean' | 'epistemic' | 'total' | 'level'>> {
  const x = Float64Array.from(grid);
  const rows: Float64Array[] = [];
  const scales: (Float64Array | null)[] = [];
  const { noise, counts = null } = createLikelihood(posterior.likelihood);
  for await (const { values, noiseScale } of runtime.draws(posterior, x, options)) {
    rows.push(values);
    scales.push(noiseScale);
  }
  const levels = [(1 - level) / 2, (1 + level) / 2];
  const bands = { epistemic: band(), total: band() };
  const mean: number[] = [];
  const out = new Float64Array(2);
  for (let i = 0; i < x.length; i++) {
    const draws = rows.map((values) => values[i]);
    // One scale for all rows of a draw, or one for each.
    const noises = scales.map((scale) => scale?.[i % scale.length] ?? 0);
    mean.push(draws.reduce((sum, value) => sum + value, 0) / draws.length);
    for (const [kind, scale] of [
      ['epistemic', 0],
      ['total', noises],
    ] as const) {
      if (counts !== null && kind === 'total') countQuantiles(out, levels, draws, noises, counts);
      else mixtureQuantiles(out, levels, draws, scale, noise ?? undefined);
      bands[kind].lower.push(out[0]);
      bands[kind].upper.push(out[1]);
    }
  }
  return { x: [...x], mean, level, ...bands };
}

function band(): { lower: number[]; upper: number[] } {
  return { lower: [], upper: [] };
}
