// What the weights did during a training: their KL, how many collapsed to the prior, their sigma and gradients over epochs, and
// their signal-to-noise at the end.

import type { DiagnosticsSection, LayerDiagnostics } from '../reportData.ts';
import type { ChartSpec, Color } from './chartSpec.ts';
import { epochChart } from './trainingCharts.ts';
import { isNumber, round } from './values.ts';

const COLORS: readonly Color[] = ['blue', 'orange', 'green', 'purple'];
/** Weights beyond, 10 000 times smaller than their noise or larger, stand in the first or the last bin. */
const LIMIT_DB = 40;

/** @throws RangeError if a curve has not one value per epoch */
export function diagnosticsCharts(data: DiagnosticsSection): ChartSpec[] {
  const { epochs, klShare, sigma, gradientNorm, members } = data;
  const note = members === undefined ? '' : ` Mean of ${members} members.`;
  const layers = outermost(data.layers);
  const curves = (values: (layer: LayerDiagnostics) => readonly (number | null)[]) =>
    layers.map((layer, l) => ({ label: layer.name, color: COLORS[l], values: values(layer) }));
  return [
    snrChart(layers, members),
    epochChart(
      epochs,
      'collapsed',
      'Weights collapsed to the prior',
      `Share of weights whose KL is below 0.01 nats: the data have told them nothing. A layer near 100 % passes on noise.${note}`,
      'share of weights',
      curves((layer) => layer.collapsed),
      { yFormat: 'percent' },
    ),
    epochChart(
      epochs,
      'kl-per-weight',
      'KL per weight',
      `How far the weights of a layer are from the prior, on average.${note}`,
      'nats per weight',
      curves((layer) => layer.klPerWeight),
    ),
    ...(klShare.some(isNumber)
      ? [
          epochChart(
            epochs,
            'kl-share',
            'KL share',
            `Part of −ELBO that is KL. It is large where weights are many and rows few; harmless while the data are fitted well.${note}`,
            'of −ELBO',
            [{ label: 'KL share', color: 'purple' as const, values: klShare }],
            { yFormat: 'percent' },
          ),
        ]
      : []),
    epochChart(
      epochs,
      'sigma',
      'Sigma of the weights',
      `Median, and the values below which 5 % and 95 % of the weights lie. Flat from the start means not learned.${note}`,
      'sigma',
      [
        { label: '95 %', color: 'muted', values: sigma.p95 },
        { label: 'median', color: 'blue', values: sigma.p50 },
        { label: '5 %', color: 'muted', values: sigma.p05 },
      ],
    ),
    epochChart(
      epochs,
      'gradient',
      'Smoothed gradient norm',
      `Norm of the optimizer’s running mean of the gradients of −ELBO per row, by mu and by rho.${note}`,
      'norm',
      [
        { label: 'mu', color: 'blue', values: gradientNorm.mu },
        { label: 'rho', color: 'orange', values: gradientNorm.rho },
      ],
    ),
  ];
}

/** As many layers as there are colors: of a deeper network the first and the last ones. */
function outermost(layers: readonly LayerDiagnostics[]): readonly LayerDiagnostics[] {
  if (layers.length <= COLORS.length) return layers;
  const half = COLORS.length / 2;
  return [...layers.slice(0, half), ...layers.slice(-half)];
}

function snrChart(layers: readonly LayerDiagnostics[], members?: number): ChartSpec {
  const step = layers[0]?.snr.step ?? 2;
  const shares = layers.map(({ snr }) => sharesByBin(snr));
  const bins = shares.flatMap((share) => [...share.keys()]);
  const low = Math.min(0, ...bins);
  const high = Math.max(low, ...bins);
  const x = Array.from({ length: high - low + 2 }, (_, i) => (low + i) * step);
  const values = shares.map((share) => x.map((_, i) => round(share.get(Math.min(low + i, high)) ?? 0)));
  const last = x[x.length - 1];
  return {
    id: 'snr',
    title: 'Signal-to-noise of the weights, last epoch',
    caption:
      'Ten times the decimal logarithm of |mu|/sigma. Left of 0 dB a weight’s noise is larger than its mean: it could be pruned. ' +
      `All far to the right means a posterior close to a point estimate.${members === undefined ? '' : ` Weights of ${members} members together.`}`,
    wide: true,
    xLabel: '10·log10(|mu|/sigma) (dB)',
    yLabel: 'share of weights',
    xName: 'dB',
    xFormat: 'number',
    yFormat: 'percent',
    intervals: true,
    xRange: [x[0], last],
    yRange: [0, round(1.05 * Math.max(0.01, ...values.flat()))],
    x,
    series: layers.map((_, l) => ({ style: 'steps', color: COLORS[l], values: values[l] })),
    bands: [],
    points: [],
    shade: x[0] < 0 ? [x[0], Math.min(0, last)] : null,
    diagonal: false,
    legend: [
      ...layers.map((layer, l) => ({
        label: `${layer.name} (${layer.count})`,
        color: COLORS[l],
        mark: 'bar' as const,
        series: [l],
      })),
      ...(x[0] < 0
        ? [{ label: 'more noise than signal', color: 'muted' as const, mark: 'shade' as const, series: [] }]
        : []),
    ],
  };
}

/** Share of weights by number of bin, counted from 0 dB; what lies beyond the limits in the outermost. */
function sharesByBin({ from, step, counts }: LayerDiagnostics['snr']): Map<number, number> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = new Map<number, number>();
  for (const [i, count] of counts.entries()) {
    const bin = Math.round(from / step) + i;
    const shown = Math.max(-LIMIT_DB / step, Math.min(LIMIT_DB / step - 1, bin));
    shares.set(shown, (shares.get(shown) ?? 0) + count / total);
  }
  return shares;
}
