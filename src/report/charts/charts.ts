// From report data to charts: which curves, ranges, words. Pure functions; nothing here knows HTML or a canvas.

import type {
  DataTable,
  RegressionPicture,
  ReportData,
  ReportSection,
  UncertaintySection,
  Value,
} from '../reportData.ts';
import { coverageChart, reliabilityChart } from './calibrationCharts.ts';
import type { ChartSpec } from './chartSpec.ts';
import { diagnosticsCharts } from './diagnosticsCharts.ts';
import { fitCharts } from './fitCharts.ts';
import { trainingCharts } from './trainingCharts.ts';
import { clean, extent, padded, percent, round } from './values.ts';

/** Points beyond this many hide each other: every n-th is drawn. */
const MAX_POINTS = 1500;
const HISTOGRAM_BINS = 40;

/** A section of the page with all it has. */
export type ChartSection = Required<Pick<ReportSection, 'id' | 'heading' | 'charts'>> & ReportSection;

/** Sections of the report that have data, in reading order. @throws RangeError if arrays that belong together differ in length */
export function chartSections(data: ReportData): ChartSection[] {
  const sections: ChartSection[] = (data.sections ?? []).map((one) => ({ charts: [], ...one }));
  const add = (
    id: string,
    heading: string,
    charts: readonly ChartSpec[],
    more: Partial<ReportSection> = {},
  ) => {
    if (charts.length > 0 || (more.tables ?? []).length > 0) sections.push({ id, heading, charts, ...more });
  };
  if (data.regression) add('picture', 'Prediction with uncertainty', [regressionChart(data.regression)]);
  add('fit', 'Predictions of test rows', fitCharts(data.fit ?? []), {
    tables: data.targets === undefined ? [] : [data.targets],
  });
  add(
    'calibration',
    'Calibration',
    [
      ...(data.coverage ? [coverageChart(data.coverage)] : []),
      ...(data.reliability ? [reliabilityChart(data.reliability)] : []),
    ],
    { notes: data.coverage?.warnings ?? [] },
  );
  if (data.uncertainty) add('uncertainty', 'Uncertainty of test rows', uncertaintyCharts(data.uncertainty));
  if (data.training) {
    const { training } = data;
    const charts = trainingCharts(training);
    add('training', 'Training', charts.filter(isCurve), { tables: onlyValues(charts) });
  }
  if (data.diagnostics) {
    const charts = diagnosticsCharts(data.diagnostics);
    add('diagnostics', 'Weights', charts.filter(isCurve), {
      notes: data.diagnostics.warnings,
      tables: onlyValues(charts),
    });
  }
  return sections;
}

/** One point makes no curve. */
function isCurve({ x }: ChartSpec): boolean {
  return x.length > 1;
}

/** What charts of a single point would have shown, as a table. */
function onlyValues(charts: readonly ChartSpec[]): DataTable[] {
  const single = charts.filter(({ x }) => x.length === 1);
  const shown = ({ values }: ChartSpec['series'][number], format: string) =>
    values[0] === null
      ? '–'
      : format === 'percent'
        ? percent(values[0], 1)
        : String(Number(values[0].toPrecision(4)));
  const rows = single.flatMap(({ title, yLabel, yFormat, legend, series }) => {
    const curves = legend.filter((entry) => entry.series.length === 1);
    return curves.map((entry) => {
      const unit = yLabel === entry.label ? '' : yLabel;
      const label = curves.length > 1 ? `${title}: ${entry.label}` : title;
      return { label, values: [shown(series[entry.series[0]], yFormat), unit] };
    });
  });
  if (rows.length === 0) return [];
  const caption = `Epoch ${single[0].x[0]} is the only one there is a number of, so there are no curves.`;
  return [{ caption, corner: 'what', columns: ['value', 'unit'], rows }];
}

function regressionChart(picture: RegressionPicture): ChartSpec {
  const { x, mean, epistemic, total, train, test, truth } = picture;
  const curves: Record<string, readonly Value[]> = {
    mean,
    'epistemic.lower': epistemic.lower,
    'epistemic.upper': epistemic.upper,
    'total.lower': total.lower,
    'total.upper': total.upper,
    ...(truth ? { truth } : {}),
  };
  for (const [name, curve] of Object.entries(curves)) {
    if (curve.length !== x.length) {
      throw new RangeError(
        `renderReport: expected ${x.length} values in regression.${name}, got ${curve.length} — give one per grid point`,
      );
    }
  }
  // Bands may grow without bound away from the data; beyond a span and a quarter they only squash what matters.
  const [low, high] = extent([train.y, test?.y ?? [], mean]);
  const span = high - low || 1;
  const [bandLow, bandHigh] = extent([[low, high], total.lower, total.upper, truth ?? []]);
  const yRange = padded([Math.max(bandLow, low - 1.25 * span), Math.min(bandHigh, high + 1.25 * span)]);
  const level = percent(picture.level);
  const shade = picture.trainRange ?? (train.x.length > 0 ? extent([train.x]) : null);
  return {
    ...plain,
    id: 'regression',
    title: 'Predictive distribution',
    caption:
      `The inner band holds the mean with ${level} probability (epistemic: more data would narrow it), the outer one a new ` +
      'observation (noise included). A narrow band where there are no data is no knowledge: mean-field posteriors are too sure there.',
    wide: true,
    xLabel: picture.inputLabel,
    yLabel: picture.targetLabel,
    xName: picture.inputLabel,
    xRange: extent([x]),
    yRange: yRange.map(round) as [number, number],
    x: x.map(round),
    series: [
      { style: 'edge', color: 'blue', values: clean(total.upper) },
      { style: 'edge', color: 'blue', values: clean(total.lower) },
      { style: 'edge', color: 'blue', values: clean(epistemic.upper) },
      { style: 'edge', color: 'blue', values: clean(epistemic.lower) },
      ...(truth ? ([{ style: 'dashed', color: 'green', values: clean(truth) }] as const) : []),
      { style: 'line', color: 'blue', values: clean(mean) },
    ],
    bands: [
      { upper: 0, lower: 1, color: 'blue', opacity: 0.2 },
      { upper: 2, lower: 3, color: 'blue', opacity: 0.34 },
    ],
    points: [
      { color: 'orange', hollow: false, ...thinned(train) },
      ...(test ? [{ color: 'purple' as const, hollow: true, ...thinned(test) }] : []),
    ],
    shade: shade && [round(shade[0]), round(shade[1])],
    legend: [
      { label: 'predictive mean', color: 'blue', mark: 'line', series: [truth ? 5 : 4] },
      { label: `epistemic, ${level}`, color: 'blue', mark: 'strongBand', series: [3, 2] },
      { label: `total, ${level}`, color: 'blue', mark: 'band', series: [1, 0] },
      ...(truth ? ([{ label: 'true function', color: 'green', mark: 'dashed', series: [4] }] as const) : []),
      { label: `training data (${train.x.length})`, color: 'orange', mark: 'dot', series: [] },
      ...(test
        ? ([{ label: `test data (${test.x.length})`, color: 'purple', mark: 'dot', series: [] }] as const)
        : []),
      ...(shade ? ([{ label: 'training range', color: 'muted', mark: 'shade', series: [] }] as const) : []),
    ],
  };
}

const STATISTICS = [
  {
    key: 'predictiveEntropy',
    title: 'Predictive entropy',
    caption: 'All uncertainty about the class of a row: 0 is certain.',
  },
  {
    key: 'mutualInformation',
    title: 'Mutual information',
    caption: 'The part of the entropy that comes from not knowing the weights: how much the draws disagree.',
  },
] as const;

function uncertaintyCharts({ test, outside, auroc }: UncertaintySection): ChartSpec[] {
  // A histogram of one row says less than its number, which stands in the table of rows.
  if (test.predictiveEntropy.length < 2) return [];
  return STATISTICS.map(({ key, title, caption }) => {
    const [, high] = extent([test[key], outside?.[key] ?? []]);
    const top = high > 0 ? high : 1;
    const groups = [test, ...(outside ? [outside] : [])].map((group) => histogram(group[key], top));
    const area = auroc?.[key];
    return {
      ...plain,
      id: key,
      title: area === undefined ? title : `${title} — AUROC ${area.toFixed(3)}`,
      caption: outside
        ? `${caption} Rows of “${outside.label}” should lie to the right of “${test.label}”.`
        : caption,
      wide: false,
      intervals: true,
      xLabel: `${title.toLowerCase()} (nats)`,
      yLabel: 'share of rows',
      yFormat: 'percent',
      xName: 'nats',
      xRange: [0, round(top)],
      yRange: [0, round(1.05 * Math.max(...groups.flat()))],
      x: Array.from({ length: HISTOGRAM_BINS + 1 }, (_, b) => round((b * top) / HISTOGRAM_BINS)),
      series: groups.map((values, g) => ({
        style: 'steps',
        color: g === 0 ? 'blue' : 'orange',
        values: [...values, values[HISTOGRAM_BINS - 1]],
      })),
      legend: [test, ...(outside ? [outside] : [])].map((group, g) => ({
        label: `${group.label} (${group[key].length})`,
        color: g === 0 ? 'blue' : 'orange',
        mark: 'bar',
        series: [g],
      })),
    } satisfies ChartSpec;
  });
}

/** Share of values in each of HISTOGRAM_BINS equal bins of [0, top]. */
function histogram(values: readonly number[], top: number): number[] {
  const counts = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const value of values) {
    if (Number.isFinite(value))
      counts[Math.min(HISTOGRAM_BINS - 1, Math.max(0, Math.floor((value / top) * HISTOGRAM_BINS)))]++;
  }
  return counts.map((count) => round(count / Math.max(1, values.length)));
}

function thinned(data: { readonly x: readonly number[]; readonly y: readonly number[] }): {
  x: number[];
  y: number[];
} {
  if (data.x.length !== data.y.length) {
    throw new RangeError(
      `renderReport: expected as many y as x, got ${data.y.length} and ${data.x.length} — give one target per input`,
    );
  }
  const stride = Math.max(1, Math.ceil(data.x.length / MAX_POINTS));
  const keep = (_: number, i: number) => i % stride === 0;
  return { x: data.x.filter(keep).map(round), y: data.y.filter(keep).map(round) };
}

/** What most charts have in common. */
const plain = {
  wide: false,
  xFormat: 'number',
  yFormat: 'number',
  intervals: false,
  bands: [],
  points: [],
  shade: null,
  diagonal: false,
} as const;
