// A fixed noise scale is in the units of the data: a linear model on standardized columns finds the exact posterior of that noise.

import { expect, test } from 'vitest';
import { build, createRuntime } from '../../../src/index.ts';
import { softplus } from '../../../src/math/float64.ts';

const N = 64;
const SCALE = 30;
// Far from 0 and from unit scale, in rows and targets.
const x = Array.from({ length: N }, (_, i) => 500 + 7 * ((i * 29) % N));
const noise = (i: number) => SCALE * (((i * 37) % 11) / 5 - 1);
const y = x.map((at, i) => 2000 - 3 * at + noise(i));

function moments(values: readonly number[]): { mean: number; sd: number } {
  const mean = values.reduce((a, b) => a + b) / N;
  return { mean, sd: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / N) };
}

test.each(['both', 'features'] as const)('with standardize: %s', async (standardize) => {
  const [ofX, ofY] = [moments(x), standardize === 'both' ? moments(y) : { mean: 0, sd: 1 }];
  // In training units the columns are orthogonal, Σx = 0 and Σx² = N, so the exact posterior factorizes over weight and bias.
  const precision = (ofY.sd / SCALE) ** 2;
  const variance = 1 / (1 + N * precision);
  const [tx, ty] = [x.map((at) => (at - ofX.mean) / ofX.sd), y.map((at) => (at - ofY.mean) / ofY.sd)];
  const weight = variance * precision * tx.reduce((sum, at, i) => sum + at * ty[i], 0);
  const bias = variance * precision * ty.reduce((a, b) => a + b);

  await using runtime = createRuntime({ workers: 1, backend: 'wasm', seed: 'scale' });
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1 });
  const posterior = await runtime.train(
    model,
    { x: x.map((at) => [at]), y: y.map((at) => [at]) },
    {
      likelihood: { kind: 'gaussian', scale: SCALE },
      standardize,
      epochs: 4000,
      batchSize: N,
      draws: 32,
      initialRho: -4,
      optimizer: { kind: 'adam', learningRate: standardize === 'both' ? 0.01 : 0.05 },
      schedule: { kind: 'cosine' },
    },
  );
  const [layer] = posterior.layers;
  const sd = Math.sqrt(variance);
  for (const [part, mean] of [
    [layer.weight, weight],
    [layer.bias, bias],
  ] as const) {
    // The noise of the gradients is what is left at the end of the schedule: a tenth of the exact sd is many times that.
    expect(Math.abs(part.mu[0] - mean)).toBeLessThan(0.1 * sd);
    expect(Math.abs(softplus(part.rho[0]) / sd - 1)).toBeLessThan(0.1);
  }
  // The noise itself comes back in the data's units, exactly but for the rounding of float32.
  const { aleatoric } = await runtime.predict(posterior, [[600]], { draws: 10 });
  expect(Math.sqrt(aleatoric[0]) / SCALE).toBeCloseTo(1, 6);
});
