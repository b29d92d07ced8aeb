// Predictions of numbers beside what came true: predicted against actual with intervals, and what is left over.

import type { FitOfTarget } from '../reportData.ts';
import type { ChartSpec } from './chartSpec.ts';
import { extent, padded, percent, round } from './values.ts';

/** Half the width of a central 90 % interval of a normal distribution, in standard deviations. */
const WIDTH_90 = 1.645;
/** Standard deviations beyond which a residual is drawn at the edge. */
const LIMIT = 8;

/** Two charts a target. @throws RangeError if lists that belong together differ in length */
export function fitCharts(targets: readonly FitOfTarget[]): ChartSpec[] {
  return targets.flatMap((target, t) => {
    const { actual, name } = target;
    for (const list of ['mean', 'sd', 'lower', 'upper'] as const) {
      if (target[list].length === actual.length) continue;
      throw new RangeError(
        `renderReport: expected ${actual.length} values in fit.${list} of ${name}, got ${target[list].length} — give one per row`,
      );
    }
    return actual.length < 2 ? [] : [predictedChart(target, t), residualChart(target, t)];
  });
}

function predictedChart(
  { name, actual, mean, lower, upper, level, rows }: FitOfTarget,
  t: number,
): ChartSpec {
  const order = sorted(actual);
  const pick = (list: readonly number[]) => order.map((i) => round(list[i]));
  const range = padded(extent([actual, mean]));
  const some = order.length < rows ? `${order.length} of ${rows} test rows, evenly picked. ` : '';
  return {
    ...common,
    id: `fit-${t}`,
    title: `Predicted against actual: ${name}`,
    caption: `${some}Bars are the ${percent(level)} intervals; about ${percent(level)} of them should cross the dashed line, where a prediction is what came true.`,
    xLabel: `actual ${name}`,
    yLabel: `predicted ${name}`,
    xName: 'actual',
    xRange: range,
    yRange: padded(extent([actual, mean, lower, upper].map(within(range)))),
    x: pick(actual),
    series: [mean, lower, upper].map((list) => ({ style: 'edge', color: 'blue', values: pick(list) })),
    points: [
      {
        color: 'blue',
        hollow: false,
        x: pick(actual),
        y: pick(mean),
        lower: pick(lower),
        upper: pick(upper),
      },
    ],
    diagonal: true,
    legend: [
      { label: 'predicted', color: 'blue', mark: 'dot', series: [0] },
      { label: `${percent(level)} interval`, color: 'blue', mark: 'line', series: [1, 2] },
      { label: 'predicted = actual', color: 'muted', mark: 'dashed', series: [] },
    ],
  };
}

function residualChart({ name, actual, mean, sd }: FitOfTarget, t: number): ChartSpec {
  const left = actual.map((value, i) => {
    const inSds = (value - mean[i]) / sd[i];
    return Number.isFinite(inSds) ? Math.max(-LIMIT, Math.min(LIMIT, inSds)) : 0;
  });
  const order = sorted(mean);
  const x = order.map((i) => round(mean[i]));
  const y = order.map((i) => round(left[i]));
  const [low, high] = extent([y, [-2.5, 2.5]]);
  const line = (value: number) => x.map(() => value);
  return {
    ...common,
    id: `residuals-${t}`,
    title: `Residuals: ${name}`,
    caption:
      'Actual minus predicted, in predictive standard deviations. About 90 % should lie in the band, evenly above and below 0: a bend is something the mean misses, a funnel is noise that is not the same everywhere.',
    xLabel: `predicted ${name}`,
    yLabel: 'residual (sd)',
    xName: 'predicted',
    xRange: padded(extent([x])),
    yRange: padded([low, high]),
    x,
    series: [
      { style: 'edge', color: 'blue', values: y },
      { style: 'edge', color: 'muted', values: line(WIDTH_90) },
      { style: 'edge', color: 'muted', values: line(-WIDTH_90) },
      { style: 'dashed', color: 'muted', values: line(0) },
    ],
    bands: [{ upper: 1, lower: 2, color: 'muted', opacity: 0.16 }],
    points: [{ color: 'blue', hollow: false, x, y }],
    legend: [
      { label: 'residual', color: 'blue', mark: 'dot', series: [0] },
      { label: `± ${WIDTH_90} sd`, color: 'muted', mark: 'band', series: [] },
    ],
  };
}

/** Intervals may be far wider than the data; beyond half a span they only squash what matters. */
function within([low, high]: readonly [number, number]) {
  const air = (high - low) / 2;
  return (list: readonly number[]) => list.map((value) => Math.max(low - air, Math.min(high + air, value)));
}

function sorted(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
}

const common = {
  wide: false,
  xFormat: 'number',
  yFormat: 'number',
  intervals: false,
  bands: [],
  shade: null,
  diagonal: false,
} as const;
