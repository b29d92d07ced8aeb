// MC dropout: the suite of families without a sigma, with masks made number by number from their addresses; moments of predictions and
// the end of a training that are known in closed form.

import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { type Conv2dSpec, conv2dOutput } from '../../../src/core/layers/conv2d.ts';
import type { LayerSpec, Model } from '../../../src/core/model.ts';
import { parameterLayout } from '../../../src/core/parameters.ts';
import { build, createRuntime, type Posterior } from '../../../src/index.ts';
import { philox4x32 } from '../../../src/random/philox.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { type MeansStep, meansSuite } from '../../support/meansSuite.ts';
import { defineLayerGraph, type MapGraph } from '../../support/networkAutodiff.ts';
import { testNormals } from '../../support/trainingHarness.ts';

defineLayerGraph('conv2d', (spec, [x], w, b) => {
  const { inputShape, stride, padding } = spec as Conv2dSpec;
  const image = tf.reshape(x, [-1, ...inputShape]) as tf.Tensor4D;
  const z = tf.add(tf.conv2d(image, w as tf.Tensor4D, stride, padding), b);
  return tf.reshape(z, [x.shape[0], -1]) as tf.Tensor2D;
});

/** Factors 0 or 1/kept of a layer's inputs, [rows of the minibatch, units]. */
function masks({ problem, step, rows }: MeansStep, layer: number, draw: number, kept: number): tf.Tensor2D {
  const { inputUnits, channels } = parameterLayout(problem.model).layers[layer];
  const { key0, key1 } = seedKey(problem.seed);
  const words = new Uint32Array(4);
  const factor = (row: number, unit: number) => {
    const at = Math.floor(row / 16) * channels + (unit % channels);
    const block = Math.floor(at / 4) * 16 + (row % 16);
    philox4x32([block, step, draw, stream(PURPOSE.dropout, layer)], [key0, key1], words);
    return words[at % 4] / 2 ** 32 < 1 - kept ? 0 : 1 / kept;
  };
  return tf.tensor2d(
    Array.from({ length: rows }, (_, row) =>
      Array.from({ length: inputUnits }, (_, unit) => factor(row, unit)),
    ),
  );
}

const estimateOf =
  ({ rate, inputRate }: { rate: number; inputRate: number }) =>
  (step: MeansStep) =>
  ({ layer, draw, x, map, mu }: MapGraph) => {
    const { inputs } = parameterLayout(step.problem.model).layers[layer];
    const kept = 1 - (inputs.includes(-1) ? inputRate : rate);
    const dropped = kept === 1 ? x : (tf.mul(x, masks(step, layer, draw, kept)) as tf.Tensor2D);
    return map(dropped, mu.weight, mu.bias);
  };

const both = { rate: 0.3, inputRate: 0.2 };
meansSuite({ kind: 'dropout', ...both }, { estimateOf: estimateOf(both) });

const convolution = {
  inputShape: [5, 1, 1],
  filters: 3,
  kernelSize: [2, 1],
  stride: 1,
  padding: 'same',
} as const;
const outputs = conv2dOutput(convolution).reduce((product, n) => product * n, 1);
const convolutional: Model = {
  inputSize: 5,
  outputSize: 2,
  prior: { kind: 'gaussian', sigma: 0.8 },
  layers: [
    { kind: 'conv2d', name: 'c0', inputSize: 5, outputSize: outputs, activation: 'tanh', ...convolution },
    {
      kind: 'conv2d',
      name: 'c1',
      inputSize: outputs,
      outputSize: outputs,
      activation: 'silu',
      ...convolution,
      inputShape: [5, 1, 3],
    },
    { name: 'out', inputSize: outputs, outputSize: 2, activation: 'identity' },
  ] as LayerSpec[],
};
const hidden = { rate: 0.25, inputRate: 0 };
meansSuite({ kind: 'dropout', ...hidden }, { estimateOf: estimateOf(hidden), model: convolutional });

test('predictions of a linear model have the moments of Bernoulli masks', async () => {
  const [rate, draws] = [0.3, 20_000];
  const weights = Float32Array.of(0.8, -1.3, 0.4);
  const model = build({ inputSize: 3, hiddenSizes: [], outputSize: 1 });
  const none = new Float32Array(0);
  const posterior: Posterior = {
    model,
    family: { kind: 'dropout', rate: 0.1, inputRate: rate },
    likelihood: { kind: 'gaussian', scale: 0.5 },
    layers: [{ weight: { mu: weights, rho: none }, bias: { mu: Float32Array.of(0.25), rho: none } }],
    noiseScale: Float32Array.of(0.5),
    standardization: { features: null, targets: null },
    classNames: null,
    seed: 'masks',
  };
  const rows = [
    [1, 2, -1],
    [0, 3, 0.5],
  ];
  await using runtime = createRuntime({ workers: 2 });
  const x = { data: rows.flat(), shape: [2, 3] };
  const { mean, epistemic, aleatoric } = await runtime.predict(posterior, x, { draws });
  const exact = await runtime.predict(posterior, x, { mode: 'mean' });
  for (const [r, row] of rows.entries()) {
    const variance = row.reduce((sum, value, i) => sum + (value * weights[i]) ** 2, 0) * (rate / (1 - rate));
    const centre = row.reduce((sum, value, i) => sum + value * weights[i], 0.25);
    expect(exact.mean[r]).toBeCloseTo(centre, 5);
    // In standard errors of a mean of draws; the masks are fixed.
    expect(Math.abs(mean[r] - centre) / Math.sqrt(variance / draws)).toBeLessThan(4);
    // The kurtosis of a sum of few masks is below 6: the variance is good to √(5/draws).
    expect(Math.abs((epistemic as Float64Array)[r] / variance - 1)).toBeLessThan(4 * Math.sqrt(5 / draws));
    expect((aleatoric as Float64Array)[r]).toBeCloseTo(0.25, 6);
  }
});

test('ends where the expected loss of a linear model is least', async () => {
  const [N, NOISE, PRIOR, rate] = [64, 0.5, 0.8, 0.2];
  const x = testNormals(N, 41);
  const noise = testNormals(N, 42);
  const y = x.map((value, r) => Math.fround(1.3 * value - 0.4 + NOISE * noise[r]));
  await using runtime = createRuntime({ workers: 1, seed: 'marginal masks' });
  const posterior = await runtime.train(
    build({ inputSize: 1, hiddenSizes: [], outputSize: 1, priorSigma: PRIOR }),
    { x: { data: x, shape: [N, 1] }, y },
    {
      posterior: { kind: 'dropout', inputRate: rate },
      likelihood: { kind: 'gaussian', scale: NOISE },
      standardize: 'none',
      epochs: 4000,
      batchSize: N,
      draws: 4,
      optimizer: { kind: 'adam', learningRate: 0.01 },
      schedule: { kind: 'cosine' },
    },
  );
  // E[(y − m·x·z/kept − b)²] = (y − m·x − b)² + m²·x²·rate/kept: ridge regression with two more terms in m² (Wager et al. 2013, §2).
  const kept = 1 - rate;
  const sum = (f: (r: number) => number) => x.reduce((total, _, r) => total + f(r), 0) / NOISE ** 2;
  const xx = sum((r) => x[r] ** 2) / kept + 1 / (kept * PRIOR ** 2);
  const [x1, ones] = [sum((r) => x[r]), sum(() => 1) + PRIOR ** -2];
  const [xy, y1] = [sum((r) => x[r] * y[r]), sum((r) => y[r])];
  const determinant = xx * ones - x1 * x1;
  const [layer] = posterior.layers;
  expect(Math.abs(layer.weight.mu[0] - (ones * xy - x1 * y1) / determinant)).toBeLessThan(0.02);
  expect(Math.abs(layer.bias.mu[0] - (xx * y1 - x1 * xy) / determinant)).toBeLessThan(0.02);
});
