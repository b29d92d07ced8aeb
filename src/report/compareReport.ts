// The report of several runs: one table, and their curves in one chart.

import type { ComparedRun, Comparison } from '../experiment/compare.ts';
import { shortNames, valueText } from '../experiment/config/fieldText.ts';
import { isMap } from '../experiment/config/setField.ts';
import type { EpochMetrics } from '../experiment/run/metricsLog.ts';
import type { ChartSpec, Color } from './charts/chartSpec.ts';
import { epochChart } from './charts/trainingCharts.ts';
import { metricLabel, metricText } from './metrics.ts';
import { seconds } from './numbers.ts';
import type { DataTable, ReportData, ReportSection } from './reportData.ts';

const COLORS: readonly Color[] = ['blue', 'orange', 'green', 'purple', 'ink', 'muted'];
/** More points than pixels say nothing. */
const MAX_POINTS = 300;
/** Characters of what a map holds; all of it is in the JSON and the configs. */
const LONGEST_MAP = 40;

/** The table, for a terminal or a page. @param short names of fields as the table has room for */
export function comparisonTable(
  { runs, fields, metrics }: Comparison,
  short = shortNames(fields),
): DataTable {
  const statuses = runs.some(({ status }) => status !== 'finished');
  return {
    corner: 'run',
    columns: [
      ...(statuses ? ['status'] : []),
      ...fields.map((field) => short.get(field) as string),
      ...metrics.map(metricLabel),
      'epochs done',
      'time',
    ],
    rows: runs.map((run) => ({
      label: run.run,
      strong: run.best,
      values: [
        ...(statuses ? [run.status] : []),
        ...fields.map((field) => fieldText(run.config[field])),
        ...metrics.map((name) => metricText(name, run.test?.[name])),
        String(run.epochs),
        seconds(run.wallSeconds),
      ],
    })),
  };
}

/** A value in the table; of a long map its beginning. */
function fieldText(value: unknown): string {
  const text = valueText(value);
  const isLong = isMap(value) && text.length > LONGEST_MAP;
  return isLong ? `${text.slice(0, LONGEST_MAP)}… (${Object.keys(value).length})` : text;
}

/** @param curves the epochs of each run, in the order of the comparison */
export function compareReport(
  comparison: Comparison,
  curves: readonly (readonly EpochMetrics[])[],
): ReportData {
  const { runs, fields, notes, comparable } = comparison;
  const best = runs.find((run) => run.best);
  const nll = (run: ComparedRun | undefined) => metricText('nll', run?.test?.nll);
  const sections: ReportSection[] = [
    {
      id: 'runs',
      heading: 'Runs',
      notes,
      tables: [
        {
          ...comparisonTable(comparison, new Map(fields.map((field) => [field, field]))),
          caption: comparable
            ? 'Metrics on the same test rows; in bold the least NLL. A difference below the Monte Carlo error of the NLL, or of a few rows, is none.'
            : 'What each run came to on test rows of its own.',
        },
      ],
    },
    { id: 'curves', heading: 'Training', charts: curveCharts(runs, curves) },
  ];
  return {
    title: 'varpool · compare',
    subtitle: runs.map(({ run }) => run).join(' · '),
    summary: [
      { label: 'runs', value: String(runs.length) },
      ...(best === undefined ? [] : [{ label: 'least test NLL', value: nll(best), note: best.run }]),
      { label: 'fields that differ', value: String(fields.length) },
    ],
    sections: sections.filter(({ charts, tables }) => (charts ?? tables ?? []).length > 0),
  };
}

function curveCharts(runs: readonly ComparedRun[], all: readonly (readonly EpochMetrics[])[]): ChartSpec[] {
  const shown = all.slice(0, COLORS.length).map((epochs) => {
    const own = epochs.filter(({ member = 0 }) => member === 0);
    return new Map(own.map((one) => [one.epoch, one]));
  });
  const more = all.length > shown.length ? ` The first ${shown.length} runs.` : '';
  const members = runs.some((run) => run.members !== null) ? ' Of an ensemble, member 0.' : '';
  const every = [...new Set(shown.flatMap((epochs) => [...epochs.keys()]))].sort((a, b) => a - b);
  const stride = Math.ceil(every.length / MAX_POINTS);
  const chart = (
    id: string,
    title: string,
    caption: string,
    value: (one: EpochMetrics) => number | null | undefined,
  ) => {
    const having = every.filter((epoch) =>
      shown.some((epochs) => value(epochs.get(epoch) ?? ({} as EpochMetrics)) != null),
    );
    const at = having.filter((_, i) => (having.length - 1 - i) % stride === 0);
    const curves = shown.flatMap((epochs, r) => {
      const values = at.map((epoch) => value(epochs.get(epoch) ?? ({} as EpochMetrics)) ?? null);
      return values.every((one) => one === null) ? [] : [{ label: runs[r].run, color: COLORS[r], values }];
    });
    return at.length < 2
      ? []
      : [epochChart(at, id, title, `${caption}${members}${more}`, 'nats per row', curves)];
  };
  return [
    ...chart(
      'compare-validation',
      'Validation NLL',
      'On rows held out of training.',
      (one) => one.validation?.nll,
    ),
    ...chart('compare-nll', 'Training NLL', 'Misfit to the training rows.', (one) => one.nll),
    ...chart('compare-kl', 'KL', 'Distance from the prior, per training row.', (one) => one.kl),
  ];
}
