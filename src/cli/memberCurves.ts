// The training curves of an ensemble as a report shows them: the mean over members, and from the lowest to the highest.

import type { RunReport } from '../experiment/memberRuns.ts';
import type { TrainingCurves, Value, ValueBand } from '../report/reportData.ts';

/** @param curvesOf the curves of one training */
export function memberCurves(
  reports: readonly RunReport[],
  curvesOf: (reports: readonly RunReport[]) => TrainingCurves,
): TrainingCurves {
  const byMember = new Map<number, RunReport[]>();
  for (const report of reports) {
    const member = report.member ?? 0;
    const own = byMember.get(member);
    if (own === undefined) byMember.set(member, [report]);
    else own.push(report);
  }
  const all = [...byMember.values()].map(curvesOf);
  // A member that was trained in an earlier life of the run has told its epochs elsewhere: all lines are as long as the longest.
  const longest = all.reduce((a, b) => (b.epochs.length > a.epochs.length ? b : a));
  const over = (curve: (one: TrainingCurves) => readonly Value[] | undefined) =>
    longest.epochs.map((epoch) =>
      all
        .map((one) => curve(one)?.[one.epochs.indexOf(epoch)] ?? null)
        .filter((value) => value !== null && Number.isFinite(value)),
    ) as number[][];
  const mean = (lists: number[][]): Value[] =>
    lists.map((values) => (values.length === 0 ? null : values.reduce((a, b) => a + b) / values.length));
  const range = (lists: number[][]): ValueBand => ({
    lower: lists.map((values) => (values.length === 0 ? null : values.reduce((a, b) => Math.min(a, b)))),
    upper: lists.map((values) => (values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b)))),
  });
  const [elbo, nll, kl] = [over((one) => one.elbo), over((one) => one.nll), over((one) => one.kl)];
  const validation = (longest.validation ?? []).map((metric, v) => ({
    metric,
    lists: over((one) => one.validation?.[v]?.values),
  }));
  return {
    epochs: longest.epochs,
    members: all.length,
    elbo: mean(elbo),
    nll: mean(nll),
    kl: mean(kl),
    ...(validation.length === 0
      ? {}
      : { validation: validation.map(({ metric, lists }) => ({ ...metric, values: mean(lists) })) }),
    ranges: {
      elbo: range(elbo),
      nll: range(nll),
      kl: range(kl),
      validation: validation.map(({ lists }) => range(lists)),
    },
  };
}
