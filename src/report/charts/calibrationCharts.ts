// Whether the uncertainty keeps its word: coverage of intervals, reliability of probabilities, both with what chance alone may do.

import type { CoverageSection, ReliabilitySection } from '../reportData.ts';
import type { ChartSpec } from './chartSpec.ts';
import { clean, percent, round, shareInterval } from './values.ts';

export function coverageChart({ points, rows }: CoverageSection): ChartSpec {
  const sorted = [...points].sort((a, b) => a.level - b.level);
  const bars = rows === undefined ? null : sorted.map(({ observed }) => shareInterval(observed, rows));
  const edge = (end: 0 | 1) => (bars === null ? [] : [0, ...bars.map((bar) => round(bar[end])), 1]);
  return {
    ...plain,
    ...unitSquare,
    id: 'coverage',
    title: 'Coverage of predictive intervals',
    caption:
      `Share of ${rows === undefined ? '' : `${rows} `}held-out targets inside each central interval. On the diagonal the ` +
      `intervals are as wide as they should be; below it they are too narrow, above it too wide.${bars === null ? '' : ' Bars: the range expected by chance with this many rows (binomial, 95 %).'}`,
    xLabel: 'interval level',
    yLabel: 'targets inside',
    xName: 'level',
    x: [0, ...sorted.map((p) => round(p.level)), 1],
    series: [
      {
        style: bars === null ? 'dots' : 'line',
        color: 'blue',
        values: [0, ...clean(sorted.map((p) => p.observed)), 1],
      },
      ...(bars === null
        ? []
        : ([
            { style: 'edge', color: 'blue', values: edge(0) },
            { style: 'edge', color: 'blue', values: edge(1) },
          ] as const)),
    ],
    points:
      bars === null
        ? []
        : [
            {
              color: 'blue',
              hollow: false,
              x: sorted.map((p) => round(p.level)),
              y: sorted.map((p) => round(p.observed)),
              lower: edge(0).slice(1, -1),
              upper: edge(1).slice(1, -1),
            },
          ],
    legend: [
      { label: 'observed', color: 'blue', mark: 'line', series: [0] },
      ...(bars === null
        ? []
        : ([{ label: 'by chance', color: 'blue', mark: 'band', series: [1, 2] }] as const)),
      { label: 'calibrated', color: 'muted', mark: 'dashed', series: [] },
    ],
  };
}

export function reliabilityChart({ bins, ece }: ReliabilitySection): ChartSpec {
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  const filled = bins.filter((bin) => bin.count > 0);
  const bars = filled.map(({ accuracy, count }) => shareInterval(accuracy ?? 0, count));
  const of = (value: (bin: (typeof bins)[number]) => number | null) =>
    clean(bins.map((bin) => (bin.count === 0 ? null : value(bin))));
  return {
    ...plain,
    ...unitSquare,
    id: 'reliability',
    title: `Reliability — ECE ${percent(ece, 2)}`,
    caption:
      `Accuracy of ${total} test rows by the probability of their top class; below, how many rows each bar stands for. Bars below ` +
      'the diagonal are overconfident, above it underconfident, as far as the thin lines (binomial, 95 %) do not reach it. The ' +
      'expected calibration error (ECE) is the mean gap, weighted by rows.',
    xLabel: 'confidence',
    yLabel: 'accuracy',
    xName: 'bin center',
    x: bins.map((bin) => round((bin.lower + bin.upper) / 2)),
    series: [
      { style: 'bars', color: 'blue', values: of((bin) => bin.accuracy) },
      { style: 'edge', color: 'orange', values: of((bin) => bin.confidence) },
      {
        style: 'edge',
        color: 'muted',
        values: bins.map((bin) => (total > 0 ? round(bin.count / total) : null)),
      },
      { style: 'edge', color: 'orange', values: of((bin) => shareInterval(bin.accuracy ?? 0, bin.count)[0]) },
      { style: 'edge', color: 'orange', values: of((bin) => shareInterval(bin.accuracy ?? 0, bin.count)[1]) },
    ],
    points: [
      {
        color: 'orange',
        hollow: false,
        x: filled.map((bin) => round(bin.confidence ?? 0)),
        y: filled.map((bin) => round(bin.accuracy ?? 0)),
        lower: bars.map((bar) => round(bar[0])),
        upper: bars.map((bar) => round(bar[1])),
      },
    ],
    counts: filled.map((bin) => ({ x: round((bin.lower + bin.upper) / 2), text: String(bin.count) })),
    legend: [
      { label: 'accuracy', color: 'blue', mark: 'bar', series: [0] },
      { label: 'mean confidence', color: 'orange', mark: 'dot', series: [1] },
      { label: 'by chance', color: 'orange', mark: 'line', series: [3, 4] },
      { label: 'share of rows', color: 'muted', mark: 'bar', series: [2] },
      { label: 'calibrated', color: 'muted', mark: 'dashed', series: [] },
    ],
  };
}

const plain = {
  wide: false,
  intervals: false,
  bands: [],
  shade: null,
} as const;

const unitSquare = {
  xFormat: 'percent',
  yFormat: 'percent',
  xRange: [0, 1],
  yRange: [0, 1],
  diagonal: true,
} as const;
