// What a report shows of an ensemble: the table of members, and curves as the mean with the range over members.

import { describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/experiment/trainings/trainings.ts';
import { trainingCharts } from '../../src/report/charts/trainingCharts.ts';
import { memberCurves } from '../../src/report/memberCurves.ts';
import { averageMember, memberTable } from '../../src/report/memberMetrics.ts';
import { renderReport } from '../../src/report/page/renderReport.ts';
import type { TrainingCurves } from '../../src/report/reportData.ts';

const digest = 'a'.repeat(64);
const members = [1, 3].map((nll, m) => ({
  seed: `s/member/${m}`,
  posteriorDigest: digest,
  test: { rows: 4, draws: 10, nll, rmse: 0.5 + m },
}));

test('the table has the mixture, the average and each member, in one order of columns', () => {
  const table = memberTable({ rows: 4, draws: 10, nll: 0.5, rmse: 0.75 }, members);
  expect(table).toEqual({
    columns: ['NLL (nats per row)', 'RMSE'],
    rows: [
      { label: 'ensemble of 2', strong: true, values: ['0.5', '0.75'] },
      { label: 'one member on average', values: ['2', '1'] },
      { label: 'member 0', values: ['1', '0.5'] },
      { label: 'member 1', values: ['3', '1.5'] },
    ],
  });
  expect(averageMember(members)).toMatchObject({ nll: 2, rmse: 1 });
  expect(memberTable(null, members)).toBeNull();
  expect(memberTable({ rows: 4, draws: 10, nll: 0.5 }, undefined)).toBeNull();
});

test('the page shows the table, escaped, and refuses rows that do not fit', () => {
  const page = (values: string[]) =>
    renderReport({
      title: 't',
      summary: [],
      members: { columns: ['<b>'], rows: [{ label: 'a & b', values }] },
    });
  expect(page(['1'])).toContain('<th scope="col">&lt;b&gt;</th>');
  expect(page(['1'])).toContain('<tr><th scope="row">a &amp; b</th><td>1</td></tr>');
  expect(() => page([])).toThrow(/expected 1 values in members, got 0 for a & b/);
});

describe('curves', () => {
  const report = (member: number, epoch: number, nll: number): RunReport => ({
    member,
    epoch,
    step: epoch,
    elbo: -nll,
    nll,
    kl: 0,
    learningRate: 1,
    validation: epoch % 2 === 0 ? { rows: 1, draws: 1, nll: 10 * nll } : null,
    seconds: 0,
  });
  const curvesOf = (reports: readonly RunReport[]): TrainingCurves => ({
    epochs: reports.map(({ epoch }) => epoch),
    elbo: reports.map(({ elbo }) => elbo),
    nll: reports.map(({ nll }) => nll),
    kl: reports.map(({ kl }) => kl),
    validation: [{ name: 'NLL', values: reports.map(({ validation }) => validation?.nll ?? null) }],
  });
  // Interleaved as they come; member 1 was cut after two epochs.
  const curves = memberCurves(
    [report(1, 1, 4), report(0, 1, 2), report(0, 2, 1), report(1, 2, 3), report(0, 3, 1)],
    curvesOf,
  );

  test('are means over members, with the lowest and the highest', () => {
    expect(curves).toMatchObject({
      epochs: [1, 2, 3],
      members: 2,
      nll: [3, 2, 1],
      elbo: [-3, -2, -1],
      validation: [{ name: 'NLL', values: [null, 20, null] }],
      ranges: {
        nll: { lower: [2, 1, 1], upper: [4, 3, 1] },
        validation: [{ lower: [null, 10, null], upper: [null, 30, null] }],
      },
    });
  });

  test('are drawn as a line on a band', () => {
    const [elbo, nll, kl, validation] = trainingCharts(curves);
    expect(elbo.series.map(({ style, values }) => [style, values])).toEqual([
      ['line', [-3, -2, -1]],
      ['edge', [-2, -1, -1]],
      ['edge', [-4, -3, -1]],
    ]);
    expect(elbo.bands).toEqual([{ upper: 1, lower: 2, color: 'blue', opacity: 0.2 }]);
    expect(elbo.caption).toContain('Mean of 2 members; the band holds all of them.');
    for (const [chart, label] of [
      [nll, 'NLL'],
      [kl, 'KL'],
    ] as const) {
      expect(chart.bands.map(({ upper, lower }) => [upper, lower])).toEqual([[1, 2]]);
      expect(chart.legend.map((entry) => [entry.label, entry.series])).toEqual([
        [label, [0]],
        [`${label}, members`, [2, 1]],
      ]);
    }
    expect(nll.series[1].values).toEqual([4, 3, 1]);
    expect(validation.x).toEqual([2]);
    const short = { ...curves, ranges: { ...curves.ranges!, elbo: { lower: [1], upper: [2] } } };
    expect(() => trainingCharts(short)).toThrow(/expected 3 values of ELBO, got 2?1?/);
  });
});
