// A point estimate: the suite of families without a sigma, and the maximum that is known in closed form.

import { expect, test } from 'vitest';
import { build, createRuntime } from '../../../src/index.ts';
import { meansSuite } from '../../support/meansSuite.ts';
import { testNormals } from '../../support/trainingHarness.ts';

meansSuite({ kind: 'point' });

test('ends at the ridge estimate in linear regression, without epistemic variance', async () => {
  const [N, NOISE, PRIOR] = [40, 0.5, 0.8];
  const x = testNormals(N, 31);
  const noise = testNormals(N, 32);
  const y = x.map((value, r) => Math.fround(1.3 * value - 0.4 + NOISE * noise[r]));
  await using runtime = createRuntime({ workers: 1, seed: 'ridge' });
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1, priorSigma: PRIOR });
  const posterior = await runtime.train(
    model,
    { x: { data: x, shape: [N, 1] }, y },
    {
      posterior: 'point',
      likelihood: { kind: 'gaussian', scale: NOISE },
      standardize: 'none',
      epochs: 400,
      batchSize: N,
      optimizer: { kind: 'adam', learningRate: 0.02 },
      schedule: { kind: 'cosine' },
    },
  );
  // (XᵀX/noise² + I/prior²)·w = Xᵀy/noise² with the columns x and 1.
  const sum = (f: (r: number) => number) => x.reduce((total, _, r) => total + f(r), 0) / NOISE ** 2;
  const [xx, x1, ones] = [sum((r) => x[r] ** 2) + PRIOR ** -2, sum((r) => x[r]), sum(() => 1) + PRIOR ** -2];
  const [xy, y1] = [sum((r) => x[r] * y[r]), sum((r) => y[r])];
  const determinant = xx * ones - x1 * x1;
  const [slope, intercept] = [(ones * xy - x1 * y1) / determinant, (xx * y1 - x1 * xy) / determinant];
  const [layer] = posterior.layers;
  expect(layer.weight.mu[0]).toBeCloseTo(slope, 4);
  expect(layer.bias.mu[0]).toBeCloseTo(intercept, 4);
  const { draws, mean, epistemic } = await runtime.predict(posterior, { data: [0.7], shape: [1, 1] });
  expect(draws).toBe(1);
  expect(mean[0]).toBeCloseTo(slope * 0.7 + intercept, 3);
  expect(epistemic?.[0]).toBe(0);
});
