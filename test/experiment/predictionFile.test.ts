// CSV of predictions: the cells of every row in order, whatever the number of rows, in texts of bounded length.

import { expect, test } from 'vitest';
import type { Posterior } from '../../src/core/posterior.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import { encodePrediction, predictionCsv } from '../../src/experiment/predictionFile.ts';

const ROWS = 9_000;
const numbers = (step: number) =>
  Float64Array.from({ length: ROWS }, (_, row) => 1 + ((row * step) % 97) / 7);
const [mean, variance, aleatoric, epistemic, values] = [3, 5, 7, 11, 13].map(numbers);
const prediction = {
  ...{ rows: ROWS, outputs: 1, draws: 4, mean, variance, aleatoric, epistemic },
  ...{ predictiveEntropy: null, expectedEntropy: null, mutualInformation: null },
  quantiles: [{ level: 0.9, values }],
} as unknown as Prediction;
const posterior = { likelihood: { kind: 'gaussian', scale: 'learned' } } as unknown as Posterior;
const texts = ['plain', 'with, comma', 'with "quotes"'];
const passThrough = [{ name: 'a,b', texts, codes: Uint32Array.from({ length: ROWS }, (_, row) => row % 3) }];
const named = { prediction, posterior, targetNames: null, passThrough } as unknown as Parameters<
  typeof predictionCsv
>[0];

test('has a line for every row, texts quoted where they must be, numbers as they are', () => {
  const lines = predictionCsv(named).split('\n');
  expect(lines.length).toBe(ROWS + 2);
  expect([lines[0], lines.at(-1)]).toEqual(['"a,b",mean,sd,aleatoricSd,epistemicSd,q0.9', '']);
  const cells = ['plain', '"with, comma"', '"with ""quotes"""'];
  for (const row of [0, 1, 2, 4095, 4096, 8191, 8192, ROWS - 1]) {
    const spread = [variance, aleatoric, epistemic].map((of) => Math.sqrt(of[row]));
    expect(lines[row + 1]).toBe([cells[row % 3], mean[row], ...spread, values[row]].join(','));
  }
});

test('goes into a file in pieces that no number of rows makes longer', () => {
  const pieces = [...(encodePrediction('csv', named) as Iterable<string>)];
  expect(pieces.join('')).toBe(predictionCsv(named));
  const longest = Math.max(...pieces.map((piece) => piece.split('\n').length - 1));
  expect(longest).toBeLessThanOrEqual(4096);
});
