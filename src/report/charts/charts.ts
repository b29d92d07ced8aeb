// From report data to charts: which curves, ranges, words. Pure functions; nothing here knows HTML or a canvas.

import type {
  CoverageSection,
  RegressionPicture,
  ReliabilitySection,
  ReportData,
  UncertaintySection,
  Value,
} from '../reportData.ts';
import type { ChartSpec } from './chartSpec.ts';
import { diagnosticsCharts } from './diagnosticsCharts.ts';
import { trainingCharts } from './trainingCharts.ts';
import { clean, extent, padded, percent, round } from './values.ts';

/** Points beyond this many hide each other: every n-th is drawn. */
const MAX_POINTS = 1500;
const HISTOGRAM_BINS = 40;

/** A heading with the charts under it. */
export interface ChartSection {
  readonly id: string;
  readonly heading: string;
  readonly charts: readonly ChartSpec[];
  /** What a reader must not overlook, above the charts. */
  readonly notes?: readonly string[];
}

/** Sections of the report that have data, in reading order. @throws RangeError if arrays that belong together differ in length */
export function chartSections(data: ReportData): ChartSection[] {
  const sections: ChartSection[] = [];
  if (data.regression) {
    sections.push({
      id: 'picture',
      heading: 'Prediction with uncertainty',
      charts: [regressionChart(data.regression)],
    });
  }
  const calibration: ChartSpec[] = [];
  if (data.coverage) calibration.push(coverageChart(data.coverage));
  if (data.reliability) calibration.push(reliabilityChart(data.reliability));
  if (calibration.length > 0)
    sections.push({
      id: 'calibration',
      heading: 'Calibration',
      charts: calibration,
      notes: data.coverage?.warnings ?? [],
    });
  if (data.uncertainty) {
    sections.push({
      id: 'uncertainty',
      heading: 'Uncertainty of test rows',
      charts: uncertaintyCharts(data.uncertainty),
    });
  }
  if (data.training) {
    sections.push({ id: 'training', heading: 'Training', charts: trainingCharts(data.training) });
  }
  if (data.diagnostics) {
    sections.push({
      id: 'diagnostics',
      heading: 'Weights',
      charts: diagnosticsCharts(data.diagnostics),
      notes: data.diagnostics.warnings,
    });
  }
  return sections;
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

function coverageChart({ points, rows }: CoverageSection): ChartSpec {
  const sorted = [...points].sort((a, b) => a.level - b.level);
  return {
    ...plain,
    ...unitSquare,
    id: 'coverage',
    title: 'Coverage of predictive intervals',
    caption:
      `Share of ${rows === undefined ? '' : `${rows} `}held-out targets inside each central interval. On the diagonal the ` +
      'intervals keep their word; below it they are too narrow, above it too wide.',
    xLabel: 'interval level',
    yLabel: 'targets inside',
    xName: 'level',
    x: [0, ...sorted.map((p) => round(p.level)), 1],
    series: [{ style: 'dots', color: 'blue', values: [0, ...clean(sorted.map((p) => p.observed)), 1] }],
    legend: [
      { label: 'observed', color: 'blue', mark: 'line', series: [0] },
      { label: 'calibrated', color: 'muted', mark: 'dashed', series: [] },
    ],
  };
}

function reliabilityChart({ bins, ece }: ReliabilitySection): ChartSpec {
  const filled = bins.map((bin) => ({ ...bin, empty: bin.count === 0 }));
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  return {
    ...plain,
    ...unitSquare,
    id: 'reliability',
    title: `Reliability — ECE ${percent(ece, 2)}`,
    caption:
      `Accuracy of ${total} test rows by the probability of their top class. Bars below the diagonal are overconfident, above ` +
      'it underconfident; the expected calibration error (ECE) is the mean gap, weighted by rows.',
    xLabel: 'confidence',
    yLabel: 'accuracy',
    xName: 'bin center',
    x: filled.map((bin) => round((bin.lower + bin.upper) / 2)),
    series: [
      { style: 'bars', color: 'blue', values: clean(filled.map((bin) => (bin.empty ? null : bin.accuracy))) },
      {
        style: 'edge',
        color: 'orange',
        values: clean(filled.map((bin) => (bin.empty ? null : bin.confidence))),
      },
      {
        style: 'edge',
        color: 'muted',
        values: filled.map((bin) => (total > 0 ? round(bin.count / total) : null)),
      },
    ],
    points: [
      {
        color: 'orange',
        hollow: false,
        x: filled.filter((bin) => !bin.empty).map((bin) => round(bin.confidence ?? 0)),
        y: filled.filter((bin) => !bin.empty).map((bin) => round(bin.accuracy ?? 0)),
      },
    ],
    legend: [
      { label: 'accuracy', color: 'blue', mark: 'bar', series: [0] },
      { label: 'mean confidence', color: 'orange', mark: 'dot', series: [1] },
      { label: 'share of rows', color: 'muted', mark: 'bar', series: [2] },
      { label: 'calibrated', color: 'muted', mark: 'dashed', series: [] },
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

const unitSquare = {
  xFormat: 'percent',
  yFormat: 'percent',
  xRange: [0, 1],
  yRange: [0, 1],
  diagonal: true,
} as const;
