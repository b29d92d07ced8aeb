// The diagnostics of a run as the report shows them: curves over the epochs that were diagnosed; of an ensemble, means over its members.

import type { WeightDiagnostics } from '../core/diagnostics/diagnostics.ts';
import type { DecibelHistogram } from '../core/diagnostics/weightTally.ts';
import { type RunReport, reportsByMember } from '../experiment/trainings/trainings.ts';
import type { DiagnosticsSection, Value } from './reportData.ts';

type Diagnosed = { readonly epoch: number } & NonNullable<RunReport['diagnostics']>;

/** Null where no epoch was diagnosed. */
export function diagnosticsSection(reports: readonly RunReport[]): DiagnosticsSection | null {
  const members = [...reportsByMember(reports)].flatMap(([member, own]) => {
    const diagnosed = own.flatMap(({ epoch, diagnostics }) =>
      diagnostics === undefined ? [] : [{ epoch, ...diagnostics }],
    );
    return diagnosed.length === 0 ? [] : [{ member, diagnosed }];
  });
  if (members.length === 0) return null;
  // Members that stop early are diagnosed less often, at the same epochs.
  const { diagnosed: longest } = members.reduce((a, b) => (b.diagnosed.length > a.diagnosed.length ? b : a));
  const epochs = longest.map(({ epoch }) => epoch);
  const byEpoch = members.map(({ diagnosed }) => new Map(diagnosed.map((one) => [one.epoch, one])));
  const curve = (value: (one: Diagnosed) => number | null) =>
    epochs.map((epoch) =>
      mean(byEpoch.flatMap((own) => own.get(epoch) ?? []).map((one) => value(one) ?? Number.NaN)),
    );
  const all = (value: (part: WeightDiagnostics) => number | null) => curve((one) => value(one.all));
  const last = members.map(({ diagnosed }) => diagnosed.at(-1) as Diagnosed);
  const ensemble = reports.some(({ member }) => member !== undefined);
  return {
    epochs,
    ...(ensemble ? { members: members.length } : {}),
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
    layers: last[0].layers.map(({ name, count }, l) => ({
      name,
      count,
      snr: together(last.map(({ layers }) => layers[l].snrHistogram)),
      collapsed: curve(({ layers }) => layers[l].collapsed),
      klPerWeight: curve(({ layers }) => layers[l].kl / count),
    })),
    warnings: members.flatMap(({ member, diagnosed }) =>
      standing(diagnosed).map(({ epoch, message }) =>
        ensemble ? `Member ${member}, epoch ${epoch}: ${message}` : `Epoch ${epoch}: ${message}`,
      ),
    ),
  };
}

/** The warnings that were given and not withdrawn. */
function standing(diagnosed: readonly Diagnosed[]): { epoch: number; message: string }[] {
  return diagnosed.flatMap(({ epoch, warnings }, i) => {
    const later = new Set(diagnosed.slice(i + 1).flatMap(({ withdrawn = [] }) => withdrawn));
    return warnings.filter(({ code }) => !later.has(code)).map(({ message }) => ({ epoch, message }));
  });
}

/** One histogram of all; their bins are as wide, but may begin elsewhere. */
function together(histograms: readonly DecibelHistogram[]): DecibelHistogram {
  const { step } = histograms[0];
  const first = ({ from }: DecibelHistogram) => Math.round(from / step);
  const low = histograms.reduce((least, own) => Math.min(least, first(own)), Number.POSITIVE_INFINITY);
  const high = histograms.reduce((most, own) => Math.max(most, first(own) + own.counts.length), low);
  const counts = Array.from({ length: high - low }, (_, b) =>
    histograms.reduce((sum, own) => sum + (own.counts[low + b - first(own)] ?? 0), 0),
  );
  return { from: low * step, step, counts };
}

/** Null where there is no number. */
function mean(values: readonly number[]): Value {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? null : finite.reduce((a, b) => a + b) / finite.length;
}
