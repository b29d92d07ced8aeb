// A report with every section, as the demo and a classification run would make it; numbers from formulas, no randomness.

import type { ReportData } from '../../src/report/reportData.ts';

const wave = (i: number) => Math.sin(12.9898 * i) * 0.5 + 0.5;
const x = Array.from({ length: 241 }, (_, i) => -0.3 + i / 200);
const truth = x.map((t) => t + 0.3 * Math.sin(2 * Math.PI * t) + 0.3 * Math.sin(4 * Math.PI * t));
const halfWidth = x.map((t) => 0.02 + Math.max(0, -t, t - 0.5));
const trainX = Array.from({ length: 200 }, (_, i) => wave(i) / 2);
const epochs = Array.from({ length: 400 }, (_, e) => e + 1);
const nll = epochs.map((e) => 3 * Math.exp(-e / 20) - 1.3);
const kl = epochs.map((e) => 0.5 + Math.exp(-e / 100));

export const sampleReport: ReportData = {
  title: 'Sample & report',
  subtitle: 'Every section at once.',
  summary: [
    { label: 'Test NLL', value: '−1.28', note: 'nats per row' },
    { label: 'Coverage, 90 %', value: '91.0 %' },
  ],
  posteriorDigest: '3f6b2c1e9d8a7054b1c6e2f39a8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a291807',
  config: 'seed: demo\nmodel:\n  hiddenSizes: [64, 64]\n',
  footer: 'varpool 0.1.0',
  regression: {
    inputLabel: 'time (h)',
    targetLabel: 'load (kW)',
    x,
    mean: truth,
    epistemic: { lower: truth.map((m, i) => m - halfWidth[i]), upper: truth.map((m, i) => m + halfWidth[i]) },
    total: {
      lower: truth.map((m, i) => m - 1.5 * halfWidth[i]),
      upper: truth.map((m, i) => m + 1.5 * halfWidth[i]),
    },
    level: 0.9,
    train: { x: trainX, y: trainX.map((t, i) => t + 0.1 * wave(i + 7)) },
    test: { x: [0.6, 0.7], y: [0.5, 0.4] },
    truth,
  },
  training: {
    epochs,
    elbo: epochs.map((_, e) => -nll[e] - kl[e]),
    nll,
    kl,
    validation: [{ name: 'RMSE', unit: 'kW', values: epochs.map((e) => (e % 10 === 0 ? 1 / e : null)) }],
  },
  diagnostics: {
    epochs: [100, 200, 300],
    klShare: [0.5, null, 0.25],
    sigma: { p05: [0.01, 0.01, 0.02], p50: [0.02, 0.03, 0.04], p95: [0.1, 0.2, 0.3] },
    gradientNorm: { mu: [1, 2, 0.5], rho: [0.1, 0.2, 0.05] },
    layers: [
      {
        name: 'layers.0',
        count: 100,
        collapsed: [0, 0.5, 0.97],
        klPerWeight: [4, 2, 0.1],
        snr: { from: -80, step: 2, counts: [50, ...new Array<number>(38).fill(0), 30, 20] },
      },
      {
        name: 'layers.1',
        count: 10,
        collapsed: [0, 0, 0],
        klPerWeight: [4, 4, 4],
        snr: { from: 4, step: 2, counts: [10] },
      },
    ],
    warnings: ['Epoch 300: 97 % of the weights of <layers.0> have collapsed'],
  },
  fit: [
    {
      name: 'load (kW)',
      rows: 100,
      actual: trainX.slice(0, 50),
      mean: trainX.slice(0, 50).map((t) => t + 0.01),
      sd: trainX.slice(0, 50).map(() => 0.02),
      lower: trainX.slice(0, 50).map((t) => t - 0.03),
      upper: trainX.slice(0, 50).map((t) => t + 0.05),
      level: 0.9,
    },
  ],
  targets: { corner: 'target', columns: ['RMSE'], rows: [{ label: 'load (kW)', values: ['0.01'] }] },
  confusion: {
    classes: ['cat', 'dog'],
    counts: [
      [8, 2],
      [0, 10],
    ],
  },
  leastSure: {
    table: {
      corner: 'row',
      columns: ['actual', 'predicted'],
      rows: [{ label: '7', values: ['cat', 'dog'] }],
    },
    images: { width: 2, height: 2, items: [{ label: 'cat, taken for dog', pixels: [0, 255, 128, 0] }] },
  },
  coverage: {
    rows: 200,
    points: [
      { level: 0.5, observed: 0.54 },
      { level: 0.9, observed: 0.91 },
    ],
  },
  reliability: {
    ece: 0.0142,
    bins: [
      { lower: 0, upper: 0.5, count: 0, confidence: Number.NaN, accuracy: Number.NaN },
      { lower: 0.5, upper: 1, count: 40, confidence: 0.8, accuracy: 0.75 },
    ],
  },
  uncertainty: {
    test: {
      label: 'MNIST test',
      predictiveEntropy: epochs.map((e) => wave(e) ** 3),
      mutualInformation: epochs.map((e) => wave(e) ** 5),
    },
    outside: { label: 'notMNIST', predictiveEntropy: epochs.map(wave), mutualInformation: epochs.map(wave) },
    auroc: { predictiveEntropy: 0.9712, mutualInformation: 0.9811 },
  },
};
