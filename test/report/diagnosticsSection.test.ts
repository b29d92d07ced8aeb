// Diagnostics as the report shows them: of one training its own, of an ensemble means, sums of histograms and named warnings.

import { expect, test } from 'vitest';
import type { RunReport } from '../../src/experiment/trainings/trainings.ts';
import { diagnosticsSection } from '../../src/report/diagnosticsSection.ts';
import { memberCurves } from '../../src/report/memberCurves.ts';

/** A report whose weights have one number, `value`, for everything, and a histogram that begins at `from`. */
function report(epoch: number, value: number | null, from: number, member?: number): RunReport {
  const all = {
    count: 2,
    kl: 2 * (value ?? 0),
    klShare: value,
    collapsed: value,
    sigma: { p05: value, p25: value, p50: value, p75: value, p95: value },
    smoothedGradientNorm: value === null ? null : { mu: value, rho: value },
    snrHistogram: { from, step: 2, counts: [1, 1] },
  };
  const warnings = [{ code: 'w', message: `at ${value}` }];
  return {
    epoch,
    ...(member === undefined ? {} : { member }),
    diagnostics: { all, layers: [{ name: 'layer', ...all }], warnings },
  } as unknown as RunReport;
}
const bare = (epoch: number, member: number) => ({ epoch, member }) as unknown as RunReport;

test('nothing where no epoch was diagnosed', () => {
  expect(diagnosticsSection([bare(1, 0), bare(1, 1)])).toBeNull();
});

test('of one training, its numbers', () => {
  const section = diagnosticsSection([report(2, 0.25, -2), report(4, 0.5, 0)])!;
  expect(section).toMatchObject({
    epochs: [2, 4],
    klShare: [0.25, 0.5],
    sigma: { p05: [0.25, 0.5] },
    gradientNorm: { rho: [0.25, 0.5] },
    layers: [{ name: 'layer', count: 2, collapsed: [0.25, 0.5], snr: { from: 0, step: 2, counts: [1, 1] } }],
    warnings: ['Epoch 2: at 0.25', 'Epoch 4: at 0.5'],
  });
  expect(section).not.toHaveProperty('members');
});

test('of an ensemble, means over those that were diagnosed at an epoch, all histograms in one, warnings by member', () => {
  const section = diagnosticsSection([
    report(2, 0.25, -2, 1),
    report(2, 0.75, 2, 0),
    // Member 1 stopped before epoch 4.
    report(4, 0.5, 2, 0),
  ])!;
  expect(section).toMatchObject({
    epochs: [2, 4],
    members: 2,
    klShare: [0.5, 0.5],
    gradientNorm: { mu: [0.5, 0.5] },
    // One from −2 dB, one from 2 dB.
    layers: [{ klPerWeight: [0.5, 0.5], snr: { from: -2, step: 2, counts: [1, 1, 1, 1] } }],
  });
  expect([...section.warnings].sort()).toEqual([
    'Member 0, epoch 2: at 0.75',
    'Member 0, epoch 4: at 0.5',
    'Member 1, epoch 2: at 0.25',
  ]);
});

test('warnings that were withdrawn are not shown; those given again are', () => {
  const over = (epoch: number) => {
    const one = report(epoch, 0.5, 0);
    return {
      ...one,
      diagnostics: { ...one.diagnostics, warnings: [], withdrawn: ['w'] },
    } as unknown as RunReport;
  };
  expect(diagnosticsSection([report(2, 0.25, 0), over(4)])!.warnings).toEqual([]);
  expect(diagnosticsSection([report(2, 0.25, 0), over(4), report(6, 0.75, 0)])!.warnings).toEqual([
    'Epoch 6: at 0.75',
  ]);
});

test('a value that is no number is left out of a mean, and null where there is no other', () => {
  const section = diagnosticsSection([report(1, null, 0, 0), report(1, 0.5, 0, 1), report(2, null, 0, 0)])!;
  expect(section.klShare).toEqual([0.5, null]);
});

test('curves of members that stopped apart: of equal epochs, and said so', () => {
  const curves = (reports: readonly RunReport[], length: number) => ({
    epochs: reports.map(({ epoch }) => epoch),
    elbo: reports.map(() => length),
    nll: reports.map(({ member }) => member ?? 0),
    kl: reports.map(() => null),
  });
  const lines = [bare(1, 0), bare(1, 1), bare(2, 0), bare(2, 1), bare(3, 1)];
  expect(memberCurves(lines, curves)).toMatchObject({
    epochs: [1, 2, 3],
    members: 2,
    stopApart: true,
    elbo: [3, 3, 3],
    nll: [0.5, 0.5, 1],
    kl: [null, null, null],
  });
  expect(memberCurves(lines.slice(0, 4), curves)).not.toHaveProperty('stopApart');
});
