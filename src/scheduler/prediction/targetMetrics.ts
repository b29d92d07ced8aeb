// Metrics of each of several targets, beside those of all of them: by the names that columns of predictions have.

import type { Matrix } from '../../core/matrix.ts';
import { average } from '../../core/metrics/meanAndStandardError.ts';
import { mae, rmse } from '../../core/metrics/regression.ts';
import { targetName } from '../../core/predictive/predictionColumns.ts';
import type { Evaluation } from '../training/reports.ts';

/** What is known of each target of each row, [rows, K]. */
export interface TargetScores {
  readonly nll: Float64Array;
  readonly pit: Float64Array;
  readonly mean: Float64Array;
}

/** Whether a metric of an evaluation is of one of several targets. */
export function isOfOneTarget(metric: string): boolean {
  return metric.includes('.');
}

/** The metrics of an evaluation that are of all targets together. */
export function ofAllTargets(evaluation: Evaluation): Evaluation {
  return Object.fromEntries(
    Object.entries(evaluation).filter(([name]) => !isOfOneTarget(name)),
  ) as unknown as Evaluation;
}

/** `price.nll`, `price.rmse` and so on; of counts and values. @param names of the targets; null where they have none */
export function valueTargetMetrics(
  { nll, pit, mean }: TargetScores,
  y: Matrix,
  names: readonly string[] | null,
): Partial<Evaluation> {
  return eachTarget(y, names, (column) => {
    const [target, predicted] = [column(y.data), column(mean)];
    const inside = column(pit).filter((p) => p >= 0.05 && p <= 0.95).length;
    return {
      nll: average(column(nll)),
      rmse: rmse(predicted, target),
      mae: mae(predicted, target),
      coverage90: inside / y.rows,
    };
  });
}

/** What `of` says of each target, under its name; `column` takes a target's part of values [rows, K]. */
export function eachTarget(
  { rows, columns: K }: Matrix,
  names: readonly string[] | null,
  of: (column: (values: ArrayLike<number>) => Float64Array) => Readonly<Record<string, number>>,
): Partial<Evaluation> {
  const metrics = Array.from({ length: K }, (_, k) =>
    Object.entries(of((values) => Float64Array.from({ length: rows }, (_, r) => values[r * K + k]))).map(
      ([name, value]) => [`${targetName(names, k)}.${name}`, value] as const,
    ),
  );
  return Object.fromEntries(metrics.flat()) as Partial<Evaluation>;
}
