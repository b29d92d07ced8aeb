// What a reader of metrics must be told beside them, one line each.

import { coverageWarning } from '../calibration/coverageWarning.ts';

/** Of the metrics of some rows, what is judged here. */
export interface JudgedMetrics {
  readonly rows: number;
  readonly coverage90?: number | null;
}

/** @param rows which they are, in words: `test rows` */
export function evaluationWarnings({ rows: n, coverage90 }: JudgedMetrics, rows: string): string[] {
  const coverage = coverage90 == null ? null : coverageWarning(coverage90, n, 0.9, rows);
  return coverage === null ? [] : [coverage];
}
