// What is drawn: the numbers, ranges and bands of every chart, checked before any browser sees them.
import { describe, expect, it } from 'vitest';
import type { ChartSpec } from '../../../src/report/charts/chartSpec.ts';
import { chartSections } from '../../../src/report/charts/charts.ts';
import { shareInterval } from '../../../src/report/charts/values.ts';
import type { ReportData } from '../../../src/report/reportData.ts';
import { sampleReport } from '../sampleReport.ts';

const charts = (data: Partial<ReportData>): Map<string, ChartSpec> =>
  new Map(
    chartSections({ title: '', summary: [], ...data })
      .flatMap((s) => s.charts)
      .map((chart) => [chart.id, chart]),
  );
const all = charts(sampleReport);

it('every series is as long as x and every index points at a series', () => {
  expect(all.size).toBe(17);
  for (const chart of all.values()) {
    for (const series of chart.series) expect(series.values).toHaveLength(chart.x.length);
    for (const { upper, lower } of chart.bands)
      expect(Math.max(upper, lower)).toBeLessThan(chart.series.length);
    for (const entry of chart.legend) for (const s of entry.series) expect(chart.series[s]).toBeDefined();
    expect(chart.xRange[0]).toBeLessThan(chart.xRange[1]);
    expect(chart.yRange[0]).toBeLessThan(chart.yRange[1]);
    expect([...chart.x].sort((a, b) => a - b)).toEqual(chart.x);
    expect(JSON.parse(JSON.stringify(chart))).toEqual(chart);
  }
});

it('marks the epoch whose posterior was kept on every training curve that has a value there', () => {
  const training = { ...sampleReport.training!, keptEpoch: 30 };
  const marked = charts({ training });
  for (const [id, chart] of marked) {
    expect(chart.points.map(({ x }) => x)).toEqual(chart.series.map(() => [30]));
    for (const [s, { y }] of chart.points.entries())
      expect(y[0]).toBe(chart.series[s].values[chart.x.indexOf(30)]);
    expect(chart.legend.at(-1)!.label).toBe('epoch kept: 30');
    expect(all.get(id)!.points).toEqual([]);
  }
  // RMSE is there for every tenth epoch only.
  const between = charts({ training: { ...training, keptEpoch: 31 } });
  expect(between.get('validation-0')!.points).toEqual([]);
  expect(between.get('elbo')!.points).toHaveLength(1);
});

describe('regression', () => {
  const chart = all.get('regression')!;
  it('has the total band outside the epistemic one, the truth dashed, the training range shaded', () => {
    expect(chart.bands.map((b) => [b.upper, b.lower])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    for (let i = 0; i < chart.x.length; i++) {
      const [totalUpper, totalLower, upper, lower] = chart.series.map((s) => s.values[i] as number);
      expect(totalUpper).toBeGreaterThan(upper);
      expect(upper).toBeGreaterThan(lower);
      expect(lower).toBeGreaterThan(totalLower);
    }
    expect(chart.series[4].style).toBe('dashed');
    expect(chart.legend.map((e) => [e.label, e.series])).toEqual([
      ['predictive mean', [5]],
      ['epistemic, 90 %', [3, 2]],
      ['total, 90 %', [1, 0]],
      ['true function', [4]],
      ['training data (200)', []],
      ['test data (2)', []],
      ['training range', []],
    ]);
    const trainX = sampleReport.regression!.train.x;
    expect(chart.shade![0]).toBeCloseTo(Math.min(...trainX), 5);
    expect(chart.shade![1]).toBeCloseTo(Math.max(...trainX), 5);
    expect([chart.xLabel, chart.yLabel]).toEqual(['time (h)', 'load (kW)']);
  });
  it('does not let a runaway band flatten the data, and points the mean’s legend at the mean without a truth', () => {
    const { truth, ...rest } = sampleReport.regression!;
    const wild = { ...rest, total: { lower: rest.mean.map(() => -1e6), upper: rest.mean.map(() => 1e6) } };
    const drawn = charts({ regression: wild }).get('regression')!;
    const [low, high] = [Math.min(...rest.mean, ...rest.train.y), Math.max(...rest.mean, ...rest.train.y)];
    expect(drawn.yRange[1] - drawn.yRange[0]).toBeLessThan(4 * (high - low));
    expect(drawn.series[drawn.legend[0].series[0]].style).toBe('line');
    expect(truth).toHaveLength(rest.mean.length);
  });
  it('thins crowds of points evenly and names a curve of the wrong length', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => i / 1e4);
    const drawn = charts({ regression: { ...sampleReport.regression!, train: { x: many, y: many } } }).get(
      'regression',
    )!;
    expect(drawn.points[0].x.length).toBeGreaterThan(1000);
    expect(drawn.points[0].x.length).toBeLessThanOrEqual(1500);
    expect(drawn.legend.map((e) => e.label)).toContain('training data (10000)');
    expect(() => charts({ regression: { ...sampleReport.regression!, mean: [1] } })).toThrow(
      /241 values in regression.mean, got 1/,
    );
    expect(() => charts({ regression: { ...sampleReport.regression!, train: { x: [1], y: [] } } })).toThrow(
      /as many y as x/,
    );
  });
});

describe('fit', () => {
  const target = {
    name: 'y',
    rows: 3,
    actual: [3, 1, 2],
    mean: [2.5, 1, 4],
    sd: [0.5, 1, 0.1],
    lower: [2, 0, 3.9],
    upper: [3, 2, 4.1],
    level: 0.9,
  };
  it('draws predictions over what came true, sorted, with their intervals and the line where both agree', () => {
    const chart = charts({ fit: [target] }).get('fit-0')!;
    expect(chart.points[0]).toMatchObject({
      x: [1, 2, 3],
      y: [1, 4, 2.5],
      lower: [0, 3.9, 2],
      upper: [2, 4.1, 3],
    });
    expect(chart.diagonal).toBe(true);
    expect(chart.caption).toMatch(/^Bars are the 90 % intervals/);
    expect(charts({ fit: [{ ...target, rows: 900 }] }).get('fit-0')!.caption).toMatch(/^3 of 900 test rows/);
  });
  it('draws residuals in standard deviations over predictions, what is far out at the edge', () => {
    const chart = charts({ fit: [target] }).get('residuals-0')!;
    expect(chart.points[0].x).toEqual([1, 2.5, 4]);
    expect(chart.points[0].y).toEqual([0, 1, -8]);
    expect(chart.bands).toHaveLength(1);
  });
  it('draws nothing of one row, and refuses lists of other lengths', () => {
    const one = { ...target, actual: [1], mean: [1], sd: [1], lower: [0], upper: [2] };
    expect(charts({ fit: [one] }).size).toBe(0);
    expect(() => charts({ fit: [{ ...target, sd: [1] }] })).toThrow(
      /expected 3 values in fit\.sd of y, got 1/,
    );
  });
});

describe('training', () => {
  it('keeps signs, leaves gaps out and clips only an overlong start', () => {
    const [elbo, nll, kl, rmse] = ['elbo', 'nll', 'kl', 'validation-0'].map((id) => all.get(id)!);
    expect(elbo.series[0].values[0]).toBeCloseTo(
      -sampleReport.training!.nll[0]! - sampleReport.training!.kl[0]!,
      4,
    );
    expect([nll, kl].map(({ legend }) => legend.map((e) => e.label))).toEqual([['NLL'], ['KL']]);
    expect(rmse.x).toHaveLength(40);
    expect(rmse.yLabel).toBe('RMSE (kW)');
    expect(rmse.caption).toContain('run off the scale');
    expect(rmse.yRange[1]).toBeLessThan(0.1);
    // A scale each: that of NLL holds its negative values, that of KL begins where KL does.
    expect(nll.yRange[0]).toBeLessThan(-1.2);
    expect(kl.yRange[0]).toBeGreaterThan(0.4);
  });
  it('draws no chart of one epoch or none; NaN is a gap', () => {
    expect(charts({ training: { epochs: [1], elbo: [-1], nll: [1], kl: [0.1] } }).size).toBe(0);
    expect(charts({ training: { epochs: [], elbo: [], nll: [], kl: [] } }).size).toBe(0);
    const gap = charts({
      training: { epochs: [1, 2, 3], elbo: [-3, Number.NaN, -1], nll: [3, 2, 1], kl: [1, null, 1] },
    });
    expect(gap.get('elbo')!.x).toEqual([1, 3]);
    expect(gap.get('kl')!.x).toEqual([1, 3]);
    expect(() => charts({ training: { epochs: [1], elbo: [], nll: [1], kl: [1] } })).toThrow(
      /1 values of ELBO, got 0/,
    );
  });
});

describe('diagnostics', () => {
  it('has the signal-to-noise of each layer over shared bins, what is beyond 40 dB in the last one', () => {
    const chart = all.get('snr')!;
    expect([chart.x[0], chart.x.at(-1)]).toEqual([-40, 6]);
    expect(chart.shade).toEqual([-40, 0]);
    const [first, second] = chart.series.map(({ values }) => values);
    expect(first[0]).toBe(0.5);
    expect([first[19], first[20]]).toEqual([0.3, 0.2]);
    expect(second[22]).toBe(1);
    for (const values of [first, second])
      expect(values.slice(0, -1).reduce<number>((sum, value) => sum + value!, 0)).toBeCloseTo(1, 6);
    expect(chart.legend.map(({ label }) => label)).toEqual([
      'layers.0 (100)',
      'layers.1 (10)',
      'more noise than signal',
    ]);
  });
  it('has shares from 0 up, and only those epochs that have one', () => {
    const collapsed = all.get('collapsed')!;
    expect(collapsed.yFormat).toBe('percent');
    expect(collapsed.yRange).toEqual([0, 1]);
    expect(collapsed.series[0].values).toEqual([0, 0.5, 0.97]);
    expect(all.get('kl-share')!.x).toEqual([100, 300]);
    const section = { ...sampleReport.diagnostics!, klShare: [null, null, null] };
    expect(charts({ diagnostics: section }).has('kl-share')).toBe(false);
  });
  it('of a deep network draws the first and the last layers, each in a color of its own', () => {
    const [layer] = sampleReport.diagnostics!.layers;
    const layers = Array.from({ length: 9 }, (_, l) => ({ ...layer, name: `layers.${l}` }));
    const deep = charts({ diagnostics: { ...sampleReport.diagnostics!, layers } }).get('collapsed')!;
    expect(deep.legend.map(({ label }) => label)).toEqual(['layers.0', 'layers.1', 'layers.7', 'layers.8']);
    expect(new Set(deep.legend.map(({ color }) => color)).size).toBe(4);
  });
});

describe('calibration and uncertainty', () => {
  it('closes the coverage curve at 0 and 1 and gives empty reliability bins no bar', () => {
    expect(all.get('coverage')!.x).toEqual([0, 0.5, 0.9, 1]);
    expect(all.get('coverage')!.series[0].values).toEqual([0, 0.54, 0.91, 1]);
    const reliability = all.get('reliability')!;
    expect(reliability.title).toBe('Reliability — ECE 1.42 %');
    expect(reliability.x).toEqual([0.25, 0.75]);
    expect(reliability.series.slice(0, 3).map((s) => s.values)).toEqual([
      [null, 0.75],
      [null, 0.8],
      [0, 1],
    ]);
    expect(reliability.points[0]).toMatchObject({ x: [0.8], y: [0.75] });
    expect(reliability.counts).toEqual([{ x: 0.75, text: '40' }]);
    expect([all.get('coverage')!.diagonal, reliability.diagonal, all.get('elbo')!.diagonal]).toEqual([
      true,
      true,
      false,
    ]);
  });
  it('has what chance alone may do: the Wilson interval of each share', () => {
    // 30 of 40: Newcombe 1998, formula 3; by hand (0.75 + z²/80 ± z·√(0.75·0.25/40 + z²/6400)) / (1 + z²/40).
    const [low, high] = shareInterval(0.75, 40);
    expect([low, high].map((end) => end.toFixed(4))).toEqual(['0.5981', '0.8581']);
    expect(all.get('reliability')!.points[0].lower![0]).toBeCloseTo(low, 5);
    expect(all.get('reliability')!.points[0].upper![0]).toBeCloseTo(high, 5);
    const coverage = all.get('coverage')!;
    expect(coverage.points[0].lower).toHaveLength(2);
    for (const [i, at] of [1, 2].entries()) {
      const observed = coverage.series[0].values[at]!;
      expect(coverage.points[0].lower![i]).toBeCloseTo(shareInterval(observed, 200)[0], 5);
      expect(coverage.points[0].lower![i]).toBeLessThan(observed);
      expect(coverage.points[0].upper![i]).toBeGreaterThan(observed);
    }
    expect(shareInterval(0, 10)[0]).toBe(0);
    expect(shareInterval(1, 10)[1]).toBeCloseTo(1, 12);
  });
  it('histograms of both groups share bins and each adds up to 1', () => {
    const chart = all.get('mutualInformation')!;
    expect(chart.title).toBe('Mutual information — AUROC 0.981');
    expect(chart.series).toHaveLength(2);
    for (const { values } of chart.series) {
      expect(values.slice(0, -1).reduce<number>((sum, v) => sum + v!, 0)).toBeCloseTo(1, 4);
    }
    const zero = { label: 'a', predictiveEntropy: [0, 0], mutualInformation: [0, 0] };
    const alone = charts({ uncertainty: { test: zero } }).get('predictiveEntropy')!;
    expect(alone.series.map((s) => s.values[0])).toEqual([1]);
    expect(alone.title).toBe('Predictive entropy');
  });
});
