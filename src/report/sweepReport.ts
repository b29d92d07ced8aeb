// report.html of a sweep: the table of settings, what failed, and how the metric depends on each field that varies.

import { meanAndErrorText } from '../core/metrics/meanAndStandardError.ts';
import { shortNames, valueText } from '../experiment/config/fieldText.ts';
import type { CellResult } from '../experiment/sweep/directory.ts';
import type { Averaged, SweepTable, TableRow } from '../experiment/sweep/table.ts';
import type { ChartSpec } from './charts/chartSpec.ts';
import { extent, padded, round } from './charts/values.ts';
import { metricLabel } from './metrics.ts';
import { number, seconds } from './numbers.ts';
import type { DataTable, ReportData } from './reportData.ts';

/** Settings that a table lists; all of them are in table.csv. */
const MAX_SETTINGS = 200;
const MAX_FAILURES = 50;

export interface SweepReportParts {
  readonly title: string;
  readonly table: SweepTable;
  readonly results: readonly CellResult[];
  readonly wallSeconds: number;
}

export function sweepReport({ title, table, results, wallSeconds }: SweepReportParts): ReportData {
  const { select, fields, rows } = table;
  const best = rows.find((row) => row.best);
  const failed = results.filter(({ status }) => status !== 'finished');
  const cells = rows.reduce((sum, row) => sum + row.cells, 0);
  const chosen = select === null ? null : averaged(best, select.metric);
  return {
    title,
    subtitle: `${rows.length} settings of ${fields.join(', ')}; ${cells} cells`,
    summary: [
      ...(select === null || chosen === null
        ? []
        : [
            {
              label: `best mean ${select.metric}`,
              value: shown(chosen),
              note: settingText(best as TableRow),
            },
          ]),
      { label: 'cells finished', value: `${results.length - failed.length} of ${cells}` },
      ...(failed.length === 0 ? [] : [{ label: 'cells failed', value: String(failed.length) }]),
      { label: 'time', value: seconds(wallSeconds) },
    ],
    sections: [
      {
        id: 'settings',
        heading: 'Settings',
        notes:
          select === null
            ? [
                'There are no validation rows, so nothing says which setting is best: the test rows must not choose.',
              ]
            : [],
        tables: [settingsTable(table)],
        charts: fieldCharts(table),
      },
      ...(failed.length === 0
        ? []
        : [{ id: 'failures', heading: 'Failed cells', tables: [failures(failed)] }]),
    ],
  };
}

function settingsTable({ select, fields, rows }: SweepTable): DataTable {
  const metrics = (['validation', 'test'] as const).flatMap((part) =>
    [...new Set(rows.flatMap((row) => Object.keys(row[part])))].map((name) => ({ part, name })),
  );
  const more = rows.length > MAX_SETTINGS ? ` The first ${MAX_SETTINGS} of ${rows.length}.` : '';
  const order =
    select === null ? '' : `; in bold the ${select.mode === 'min' ? 'least' : 'greatest'} ${select.metric}`;
  return {
    caption: `Means over the cells of a setting, ± the standard error of the mean${order}.${more}`,
    corner: 'setting',
    columns: [...fields, 'cells', ...metrics.map(({ part, name }) => `${part} ${metricLabel(name)}`)],
    rows: rows.slice(0, MAX_SETTINGS).map((row, s) => ({
      label: String(s),
      strong: row.best,
      values: [
        ...fields.map((field) => valueText(row.setting[field])),
        row.finished === row.cells ? String(row.cells) : `${row.finished}/${row.cells}`,
        ...metrics.map(({ part, name }) => (row[part][name] === undefined ? '–' : shown(row[part][name]))),
      ],
    })),
  };
}

/** The metric over each field that has several numbers for values. */
function fieldCharts({ select, fields, rows }: SweepTable): ChartSpec[] {
  const metric = select?.metric ?? 'test.nll';
  return fields.flatMap((field, f) => {
    const found = rows.flatMap((row) => {
      const x = row.setting[field];
      const value = averaged(row, metric);
      return typeof x === 'number' && value !== null && Number.isFinite(value.mean) ? [{ x, value }] : [];
    });
    const values = new Set(found.map(({ x }) => x));
    if (values.size < 2) return [];
    const [least, most] = extent([[...values]]);
    const logarithmic = least > 0 && most / least > 20;
    const place = (x: number) => round(logarithmic ? Math.log10(x) : x);
    const sorted = [...found].sort((a, b) => a.x - b.x);
    const x = sorted.map((one) => place(one.x));
    const y = sorted.map(({ value }) => round(value.mean));
    const error = (sign: number) =>
      sorted.map(({ value }) => round(value.mean + sign * (value.standardError ?? 0)));
    const label = logarithmic ? `log10 ${field}` : field;
    return [
      {
        id: `field-${f}`,
        title: `${metric} by ${field}`,
        caption: `A point a setting, with the standard error of its mean.${fields.length > 1 ? ' Other fields vary too.' : ''}`,
        wide: false,
        xLabel: label,
        yLabel: metric,
        xName: label,
        xFormat: 'number',
        yFormat: 'number',
        intervals: false,
        xRange: padded(extent([x])),
        yRange: padded(extent([y, error(-1), error(1)])),
        x,
        series: [y, error(-1), error(1)].map((list) => ({ style: 'edge', color: 'blue', values: list })),
        bands: [],
        points: [{ color: 'blue', hollow: false, x, y, lower: error(-1), upper: error(1) }],
        shade: null,
        diagonal: false,
        legend: [
          { label: 'mean', color: 'blue', mark: 'dot', series: [0] },
          { label: '± standard error', color: 'blue', mark: 'line', series: [1, 2] },
        ],
      } satisfies ChartSpec,
    ];
  });
}

function failures(failed: readonly CellResult[]): DataTable {
  return {
    ...(failed.length > MAX_FAILURES ? { caption: `The first ${MAX_FAILURES} of ${failed.length}.` } : {}),
    corner: 'cell',
    columns: ['seed', 'how it ended', 'why'],
    rows: failed.slice(0, MAX_FAILURES).map(({ run, seed, status, error }) => ({
      label: run,
      values: [String(seed), status, error ?? '–'],
    })),
  };
}

function settingText({ setting }: TableRow): string {
  const short = shortNames(Object.keys(setting));
  return Object.entries(setting)
    .map(([field, value]) => `${short.get(field)} ${valueText(value)}`)
    .join(', ');
}

function averaged(row: TableRow | undefined, metric: string): Averaged | null {
  const [part, name] = metric.split('.') as ['validation' | 'test', string];
  return row?.[part][name] ?? null;
}

function shown({ mean, standardError }: Averaged): string {
  return standardError === null || standardError === 0 ? number(mean) : meanAndErrorText(mean, standardError);
}
