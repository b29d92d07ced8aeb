// Metrics as people read them: which there are, in which order, with which unit.

import { evaluationWarnings } from '../core/metrics/evaluationWarnings.ts';
import type { Manifest } from '../experiment/manifest/manifest.ts';
import type { TrainedRun } from '../experiment/run/train.ts';
import type { Evaluation } from '../scheduler/training/reports.ts';
import { number, percent } from './numbers.ts';
import type { DataTable } from './reportData.ts';

interface Metric {
  readonly key: keyof Evaluation;
  readonly label: string;
  show(value: number, evaluation: Evaluation): string;
}

const METRICS: readonly Metric[] = [
  { key: 'nll', label: 'NLL', show: (value) => `${number(value)} nats per row` },
  {
    key: 'nllMonteCarloError',
    label: 'NLL, Monte Carlo error',
    show: (value) => `${number(value, 2)} nats per row`,
  },
  { key: 'error', label: 'error', show: (value) => percent(value, 2) },
  { key: 'brier', label: 'Brier score', show: (value) => number(value) },
  { key: 'ece', label: 'calibration error', show: (value) => percent(value, 2) },
  { key: 'rmse', label: 'RMSE', show: (value) => number(value) },
  { key: 'mae', label: 'mean absolute error', show: (value) => number(value) },
  {
    key: 'coverage90',
    label: 'coverage of the 90 % interval',
    show: (value, { rows }) =>
      rows > 0 ? `${percent(value)} (± ${percent(Math.sqrt(0.09 / rows))} by chance)` : percent(value),
  },
];

/** A metric by the name manifests have for it, as a heading. */
export function metricLabel(name: string): string {
  return METRICS.find(({ key }) => key === name)?.label ?? name;
}

/** Its value in a table, whose heading says the unit. */
export function metricText(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const share = ['error', 'ece', 'coverage90'].includes(name);
  return share ? percent(value, name === 'coverage90' ? 1 : 2) : number(value);
}

/** Those metrics that apply. */
export function metricRows(evaluation: Evaluation, prefix = 'test '): [label: string, value: string][] {
  return METRICS.flatMap(({ key, label, show }): [string, string][] => {
    const value = evaluation[key];
    return value === undefined ? [] : [[`${prefix}${label}`, show(value, evaluation)]];
  });
}

/** Metrics of each of several targets: `price` → [['nll', 1.2], …], in the order of the targets. */
function metricsOfTargets(evaluation: Readonly<Record<string, unknown>>): Map<string, [string, number][]> {
  const targets = new Map<string, [string, number][]>();
  for (const [key, value] of Object.entries(evaluation)) {
    const dot = key.lastIndexOf('.');
    if (dot < 0 || typeof value !== 'number') continue;
    const target = key.slice(0, dot);
    targets.set(target, [...(targets.get(target) ?? []), [key.slice(dot + 1), value]]);
  }
  return targets;
}

/** A line for each of several targets; none of one. */
export function targetRows(evaluation: object, prefix = ''): [label: string, value: string][] {
  const targets = metricsOfTargets(evaluation as Record<string, unknown>);
  return [...targets].map(([target, metrics]) => [
    `${prefix}${target}`,
    metrics.map(([name, value]) => `${metricLabel(name)} ${metricText(name, value)}`).join(', '),
  ]);
}

/** The table of a report; null of one target. */
export function targetTable(evaluation: object): DataTable | null {
  const targets = metricsOfTargets(evaluation as Record<string, unknown>);
  const [first] = targets.values();
  if (first === undefined) return null;
  return {
    caption: 'Metrics of each target on the test rows, in its own units.',
    corner: 'target',
    columns: first.map(([name]) => (name === 'nll' ? 'NLL (nats per row)' : metricLabel(name))),
    rows: [...targets].map(([label, metrics]) => ({
      label,
      values: metrics.map(([name, value]) => metricText(name, value)),
    })),
  };
}

/** What is to be said beside the metrics of a training: of its test rows or, where there are none, of the validation of the epoch kept. */
export function metricWarnings({ test, reports, manifest }: TrainedRun): string[] {
  if (test !== null) return evaluationWarnings(test, 'test rows');
  const kept = manifest.selection?.epoch ?? manifest.epochs;
  // Of an ensemble each member is validated alone, which says little of the mixture.
  const validated = reports.find(({ member, epoch }) => member === undefined && epoch === kept)?.validation;
  return validated == null ? [] : evaluationWarnings(validated, 'validation rows');
}

/** The epoch whose posterior is the result and why, where there was a choice; null where it is simply the last. */
export function keptEpoch({ selection, epochs }: Manifest): { epoch: number; note: string } | null {
  if (!selection || (selection.metric === null && selection.stopped === 'epochs')) return null;
  const why = selection.metric === null ? 'the last' : `best validation ${selection.metric}`;
  const end = selection.stopped === 'epochs' ? `of ${epochs}` : `stopped early after ${epochs}`;
  return { epoch: selection.epoch, note: `${why}, ${end}` };
}
