// What TensorBoard is shown of an epoch: the names of its scalars and histograms.

import type { ModelDiagnostics, WeightDiagnostics } from '../../core/diagnostics/diagnostics.ts';
import { type DecibelHistogram, fromDecibels } from '../../core/diagnostics/weightTally.ts';
import type { TrainingReport } from '../../scheduler/training/reports.ts';
import type { Histogram, SummaryValue } from './event.ts';

/** All that an epoch has to show; numbers that are not there or not finite are left out. */
export function trainingValues(report: TrainingReport): SummaryValue[] {
  const { epoch, elbo, nll, kl, learningRate, seconds, validation, diagnostics } = report;
  return [
    ...scalars('training', { elbo, nll, kl, learningRate, epoch, seconds }),
    ...scalars('validation', {
      ...validation,
      rows: undefined,
      draws: undefined,
      nllMonteCarloError: undefined,
    }),
    ...(diagnostics === undefined ? [] : diagnosticValues(diagnostics)),
  ];
}

function diagnosticValues({ all, layers }: ModelDiagnostics): SummaryValue[] {
  const parts = [all, ...layers];
  const each = (name: string, value: (part: WeightDiagnostics) => number | null | undefined) =>
    scalars(name, Object.fromEntries(parts.map((part) => [part.name, value(part)])));
  return [
    ...each('kl', (part) => part.kl),
    ...each('klShare', (part) => part.klShare),
    ...each('collapsed', (part) => part.collapsed),
    ...each('snrMedian', (part) => part.snr.p50),
    ...each('sigmaMedian', (part) => part.sigma.p50),
    ...each('smoothedGradientNorm.mu', (part) => part.smoothedGradientNorm?.mu),
    ...each('smoothedGradientNorm.rho', (part) => part.smoothedGradientNorm?.rho),
    ...parts.flatMap((part) => [
      { tag: `snr/${part.name}`, histogram: decibelBuckets(part.snrHistogram, (decibels) => decibels) },
      { tag: `sigma/${part.name}`, histogram: decibelBuckets(part.sigmaHistogram, fromDecibels) },
    ]),
  ];
}

function scalars(group: string, values: Readonly<Record<string, number | null | undefined>>): SummaryValue[] {
  return Object.entries(values).flatMap(([name, scalar]) =>
    typeof scalar === 'number' && Number.isFinite(scalar) ? [{ tag: `${group}/${name}`, scalar }] : [],
  );
}

function decibelBuckets(
  { from, step, counts }: DecibelHistogram,
  unit: (decibels: number) => number,
): Histogram {
  return { start: unit(from), limits: counts.map((_, i) => unit(from + (i + 1) * step)), counts };
}
