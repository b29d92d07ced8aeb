// What a reader of metrics must be told beside them, one line each.

import { coverageWarning } from '../calibration/coverageWarning.ts';

/** Of the metrics of some rows, what is judged here. */
export interface JudgedMetrics {
  readonly rows: number;
  readonly draws: number;
  readonly nll: number;
  readonly nllMonteCarloError?: number | null;
  readonly coverage90?: number | null;
}

/** A Monte Carlo error of the nll above this, in nats per row, would decide comparisons; so would one above this share of the nll … */
const MATTERS = 0.05;
/** … except for one that would not be printed. */
const NEVER_MATTERS = 0.01;

/** @param rows which they are, in words: `test rows` */
export function evaluationWarnings(metrics: JudgedMetrics, rows: string): string[] {
  const { rows: n, coverage90 } = metrics;
  const coverage = coverage90 == null ? null : coverageWarning(coverage90, n, 0.9, rows);
  return [monteCarloWarning(metrics), coverage].filter((message) => message !== null);
}

function monteCarloWarning({ nll, nllMonteCarloError: error, draws }: JudgedMetrics): string | null {
  if (error == null || !(error > MATTERS || error > Math.max(NEVER_MATTERS, MATTERS * Math.abs(nll))))
    return null;
  const short = (value: number, digits: number) => String(Number(value.toPrecision(digits)));
  return `the NLL of ${short(nll, 4)} averages ${draws} draws, too few: it may be off by ${short(error, 2)} nats per row or more, mostly upwards — set prediction.draws (or --draws) to ${10 * draws} and compare`;
}
