// The training curves of an ensemble as a report shows them: the mean over members, and from the lowest to the highest.

import { type RunReport, reportsByMember } from '../experiment/trainings/trainings.ts';
import type { Band, TrainingCurves, Value } from './reportData.ts';

/** @param curvesOf the curves of one training, as one of that many epochs would show them */
export function memberCurves(
  reports: readonly RunReport[],
  curvesOf: (reports: readonly RunReport[], length: number) => TrainingCurves,
): TrainingCurves {
  const own = [...reportsByMember(reports).values()];
  // Members that stopped early have fewer epochs; all keep the same ones of those they have.
  const length = own.reduce((most, one) => Math.max(most, one.length), 0);
  const all = own.map((one) => curvesOf(one, length));
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
  const range = (lists: number[][]): Band<Value> => ({
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
    ...(all.some(({ epochs }) => epochs.at(-1) !== longest.epochs.at(-1)) ? { stopApart: true } : {}),
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
