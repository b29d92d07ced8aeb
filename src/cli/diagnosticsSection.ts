// The diagnostics of a run as the report shows them: curves over the epochs that were diagnosed.

import type { WeightDiagnostics } from '../core/metrics/diagnostics.ts';
import type { DiagnosticsSection } from '../report/reportData.ts';
import type { TrainingReport } from '../scheduler/options.ts';

/** Null where no epoch was diagnosed. */
export function diagnosticsSection(reports: readonly TrainingReport[]): DiagnosticsSection | null {
  const diagnosed = reports.flatMap(({ epoch, diagnostics }) =>
    diagnostics === undefined ? [] : [{ epoch, ...diagnostics }],
  );
  const last = diagnosed.at(-1);
  if (last === undefined) return null;
  const all = <T>(value: (part: WeightDiagnostics) => T) => diagnosed.map((one) => value(one.all));
  return {
    epochs: diagnosed.map(({ epoch }) => epoch),
    klShare: all((part) => part.klShare),
    sigma: {
      p05: all((part) => part.sigma.p05),
      p50: all((part) => part.sigma.p50),
      p95: all((part) => part.sigma.p95),
    },
    gradientNorm: {
      mu: all((part) => part.smoothedGradientNorm?.mu ?? null),
      rho: all((part) => part.smoothedGradientNorm?.rho ?? null),
    },
    layers: last.layers.map(({ name, count, snrHistogram }, l) => ({
      name,
      count,
      snr: snrHistogram,
      collapsed: diagnosed.map(({ layers }) => layers[l].collapsed),
      klPerWeight: diagnosed.map(({ layers }) => layers[l].kl / count),
    })),
    warnings: diagnosed.flatMap(({ epoch, warnings }) =>
      warnings.map(({ message }) => `Epoch ${epoch}: ${message}`),
    ),
  };
}
