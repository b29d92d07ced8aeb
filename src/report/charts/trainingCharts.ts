// The curves of a training run, one small chart per quantity so that each has a scale of its own.

import type { Band, TrainingCurves, Value } from '../reportData.ts';
import type { ChartSpec, Color } from './chartSpec.ts';
import { clean, extent, isNumber, padded, round } from './values.ts';

interface Curve {
  readonly label: string;
  readonly color: Color;
  readonly values: readonly Value[];
  /** From the lowest to the highest member of an ensemble. */
  readonly range?: Band<Value> | undefined;
}

/** How a chart differs from plain curves. */
interface Look {
  readonly yFormat?: 'number' | 'percent';
  /** Marked on each curve: the epoch whose posterior is the result. */
  readonly keptEpoch?: number | null;
}

/** ELBO; each of its two parts; each validation metric; of an ensemble, means with the range of the members. @throws RangeError if a curve has not one value per epoch */
export function trainingCharts(training: TrainingCurves): ChartSpec[] {
  const { epochs, elbo, nll, kl, validation = [], keptEpoch, ranges, members, stopApart } = training;
  const look: Look = { keptEpoch: keptEpoch ?? null };
  const note =
    members === undefined
      ? ''
      : ` Mean of ${members} members; the band holds all of them.${stopApart ? ' Some stop before others.' : ''}`;
  return [
    epochChart(
      epochs,
      'elbo',
      'ELBO',
      `What training maximizes: −(negative log-likelihood + KL).${note}`,
      'nats per training row',
      [{ label: 'ELBO', color: 'blue', values: elbo, range: ranges?.elbo }],
      look,
    ),
    epochChart(
      epochs,
      'nll',
      'Negative log-likelihood',
      `The first cost the ELBO weighs: misfit to the training rows.${note}`,
      'nats per training row',
      [{ label: 'NLL', color: 'orange', values: nll, range: ranges?.nll }],
      look,
    ),
    epochChart(
      epochs,
      'kl',
      'KL',
      `The second: the distance of the posterior from the prior, spread over the training rows. On a scale of its own.${note}`,
      'nats per training row',
      [{ label: 'KL', color: 'purple', values: kl, range: ranges?.kl }],
      look,
    ),
    ...validation.map(({ name, unit, values }, v) =>
      epochChart(
        epochs,
        `validation-${v}`,
        `Validation: ${name}`,
        `Measured on rows held out of training.${note}`,
        unit ? `${name} (${unit})` : name,
        [{ label: name, color: 'green', values, range: ranges?.validation[v] }],
        look,
      ),
    ),
  ];
}

/** Curves over epochs. @throws RangeError if one has not one value per epoch */
export function epochChart(
  epochs: readonly number[],
  id: string,
  title: string,
  caption: string,
  yLabel: string,
  curves: readonly Curve[],
  { yFormat = 'number', keptEpoch = null }: Look = {},
): ChartSpec {
  const checked = curves.flatMap(({ label, values, range }) =>
    [values, ...(range ? [range.lower, range.upper] : [])].map((list) => ({ label, values: list })),
  );
  for (const { label, values } of checked) {
    if (values.length !== epochs.length) {
      throw new RangeError(
        `renderReport: expected ${epochs.length} values of ${label}, got ${values.length} — give one per epoch, null for none`,
      );
    }
  }
  // Metrics measured every n-th epoch keep only those epochs, so that every hover has a value.
  const kept = epochs.map((_, e) => e).filter((e) => curves.some(({ values }) => isNumber(values[e])));
  const at = kept.map((e) => epochs[e]);
  const lines = curves.map((curve) => ({ ...curve, values: kept.map((e) => curve.values[e]) }));
  const edges = curves.flatMap(({ color, range: own }) =>
    own === undefined
      ? []
      : [own.upper, own.lower].map((list) => ({ color, values: kept.map((e) => list[e]) })),
  );
  const values = [...lines, ...edges].map((line) => line.values);
  const { range, clipped } = yFormat === 'percent' ? shareRange(values) : lateRange(values);
  const [first, last] = extent([epochs]);
  const marks = curves.flatMap(({ color, values }) => {
    const value = keptEpoch === null ? null : values[epochs.indexOf(keptEpoch)];
    return isNumber(value) ? [{ color, value }] : [];
  });
  return {
    id,
    title,
    caption: clipped ? `${caption} The first epochs run off the scale.` : caption,
    wide: false,
    xLabel: 'epoch',
    yLabel,
    xName: 'epoch',
    xFormat: 'integer',
    yFormat,
    intervals: false,
    xRange: first < last ? [first, last] : [first - 0.5, first + 0.5],
    yRange: range,
    x: at.map(round),
    series: [
      ...lines.map(({ color, values }) => ({
        style: 'line' as const,
        color,
        values: clean(values),
      })),
      ...edges.map(({ color, values }) => ({ style: 'edge' as const, color, values: clean(values) })),
    ],
    bands: edges
      .filter((_, e) => e % 2 === 0)
      .map(({ color }, b) => ({
        upper: lines.length + 2 * b,
        lower: lines.length + 2 * b + 1,
        color,
        opacity: 0.2,
      })),
    points: marks.map(({ color, value }) => ({ color, hollow: false, x: [keptEpoch!], y: [round(value)] })),
    shade: null,
    diagonal: false,
    legend: [
      ...curves.map(({ label, color }, series) => ({
        label,
        color,
        mark: 'line' as const,
        series: [series],
      })),
      ...curves
        .filter((curve) => curve.range !== undefined)
        .map(({ label, color }, b) => ({
          label: `${label}, members`,
          color,
          mark: 'band' as const,
          series: [lines.length + 2 * b + 1, lines.length + 2 * b],
        })),
      ...marks.slice(0, 1).map(({ color }) => ({
        label: `epoch kept: ${keptEpoch}`,
        color,
        mark: 'dot' as const,
        series: [],
      })),
    ],
  };
}

/** From 0 to the largest share. */
function shareRange(curves: ReadonlyArray<readonly Value[]>): { range: [number, number]; clipped: boolean } {
  const [, top] = extent(curves);
  return { range: [0, round(Math.max(top, Math.min(1, 1.1 * Math.max(0.01, top))))], clipped: false };
}

/** The range of all but the first tenth of the epochs, unless the whole is not much larger: early values can be huge. */
function lateRange(curves: ReadonlyArray<readonly Value[]>): { range: [number, number]; clipped: boolean } {
  const whole = extent(curves);
  const late = extent(curves.map((values) => values.slice(Math.floor(values.length / 10))));
  const clipped = whole[1] - whole[0] > 3 * (late[1] - late[0]);
  return {
    range: padded(clipped && late[1] > late[0] ? late : whole),
    clipped: clipped && late[1] > late[0],
  };
}
