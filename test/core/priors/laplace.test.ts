// The Laplace prior: gradients of a whole step and the KL of an epoch against float64 and autodiff, the closed form against numeric
// integration and draws, and posteriors that are known.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import { createPrior } from '../../../src/core/priors/index.ts';
import { createRuntime } from '../../../src/node.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { erf, softplus } from '../../reference/negativeElbo.ts';
import { bestGaussian } from '../../support/bestGaussian.ts';
import { gaussianTwin, PriorStep, type PriorTwin } from '../../support/priorStep.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

function laplaceTwin(scale: number): PriorTwin {
  const b = scale / Math.SQRT2;
  const constant = Math.log(2 * b) - 0.5 - HALF_LOG_2PI;
  return {
    spec: { kind: 'laplace', scale },
    elementKl: (mu, sigma) => {
      const bell = Math.exp(-0.5 * (mu / sigma) ** 2 - HALF_LOG_2PI);
      return constant - Math.log(sigma) + (mu * erf(mu / sigma / Math.SQRT2) + 2 * sigma * bell) / b;
    },
    graphKl: (mu, sigma) => {
      const z = tf.div(mu, sigma);
      const bell = tf.mul(tf.exp(tf.mul(-0.5, tf.square(z))), 2 * Math.exp(-HALF_LOG_2PI));
      const absolute = tf.add(tf.mul(mu, tf.erf(tf.div(z, Math.SQRT2))), tf.mul(sigma, bell));
      return tf.add(tf.sub(constant, tf.log(sigma)), tf.div(absolute, b));
    },
  };
}

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

describe.each([1, 3])('%i draws', (draws) => {
  const twins = [laplaceTwin(0.3), gaussianTwin(0.8), laplaceTwin(1.4)] as const;

  test('gradients of mu and rho equal central differences and autodiff, beside a layer with another prior', () => {
    // Some twenty roundings of relative 2^-24; tfjs' erf is good to 5e-7.
    new PriorStep(twins, draws, compiled).expectGradients({ differences: 3e-6, autodiff: 1e-5 });
  });

  test('the KL of an epoch is the closed form', () => {
    // Sums of some 200 float32 terms of like size.
    new PriorStep(twins, draws, compiled).expectEpochKl(1e-6);
  });
});

describe('KL of one weight', () => {
  const LEVELS = [1e-3, 0.01, 0.1, 0.5, 2];
  test.each([0.05, 1, 30])('equals numeric integration and the mean over draws, scale %d', (scale) => {
    const prior = createPrior({ kind: 'laplace', scale });
    const b = scale / Math.SQRT2;
    const noise = testNormals(20_000, 420);
    for (const sigma of LEVELS) {
      for (const mu of [0, ...LEVELS, -0.02, -0.5]) {
        const negativeEntropy = -HALF_LOG_2PI - Math.log(sigma) - 0.5;
        const got = prior.elementKl(mu, sigma, Math.log(sigma));
        let expected = 0;
        for (let k = -9000; k <= 9000; k++) {
          const q = Math.exp(-0.5 * (k / 1000) ** 2 - HALF_LOG_2PI) / 1000;
          expected += q * (-Math.abs(mu + (sigma * k) / 1000) / b - Math.log(2 * b));
        }
        // The kink lies between two nodes: an error of h²/8 in units of sigma/b.
        const tolerance = 1e-9 + (1e-6 * sigma) / b;
        expect(Math.abs(got - (negativeEntropy - expected)), `${mu}, ${sigma}`).toBeLessThan(tolerance);

        const terms = noise.map((z) => Math.abs(mu + sigma * z) / b + Math.log(2 * b));
        const mean = terms.reduce((sum, value) => sum + value, 0) / terms.length;
        const variance = terms.reduce((sum, value) => sum + (value - mean) ** 2, 0) / terms.length;
        // N(0, 1) if the claim is true: 5 leaves 6e-7; terms were rounded to float32.
        const score = (got - negativeEntropy - mean) / Math.sqrt(variance / terms.length + 1e-14 * mean ** 2);
        expect(Math.abs(score), `${mu}, ${sigma}`).toBeLessThan(5);
      }
    }
  });

  test('its derivatives are the means of those of −log p at draws', () => {
    const prior = createPrior({ kind: 'laplace', scale: Math.SQRT2 }); // b = 1
    const noise = testNormals(20_000, 421);
    for (const [mu, sigma] of [
      [0, 0.3],
      [0.1, 0.3],
      [-0.8, 0.5],
    ]) {
      const kl = (m: number, s: number) => prior.elementKl(m, s, Math.log(s));
      const slopes = [
        (kl(mu + 1e-5, sigma) - kl(mu - 1e-5, sigma)) / 2e-5,
        (kl(mu, sigma + 1e-5) - kl(mu, sigma - 1e-5)) / 2e-5 + 1 / sigma,
      ];
      const terms = [
        noise.map((z) => Math.sign(mu + sigma * z)),
        noise.map((z) => Math.sign(mu + sigma * z) * z),
      ];
      for (const [i, values] of terms.entries()) {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
        expect(Math.abs((slopes[i] - mean) / Math.sqrt(variance / values.length))).toBeLessThan(5);
      }
    }
  });
});

test.each([0.05, 0.7])('one-dimensional posteriors are recovered: a weight of %d', async (truth) => {
  // A weight and a bias whose columns are orthogonal.
  const [N, noiseScale, scale] = [64, 0.5, 0.1];
  const noise = testNormals(N, 400);
  const x = Float32Array.from({ length: N }, (_, r) => (r % 2 === 0 ? 1 : -1));
  const y = Float32Array.from(x, (value, r) => truth * value + 0.02 + noiseScale * noise[r]);
  const best = (column: Float32Array) => {
    const sum = column.reduce((all, value, r) => all + value * y[r], 0);
    const logJoint = (w: number) =>
      (w * sum - 0.5 * N * w * w) / noiseScale ** 2 - (Math.abs(w) * Math.SQRT2) / scale;
    return bestGaussian(logJoint, { mu: sum / N, sigma: noiseScale / Math.sqrt(N) });
  };
  const want = [best(x), best(new Float32Array(N).fill(1))];
  await using runtime = createRuntime({ workers: 1, seed: 'laplace', onWarning: () => undefined });
  const posterior = await runtime.train(
    build({ inputSize: 1, hiddenSizes: [], outputSize: 1, prior: { kind: 'laplace', scale } }),
    { x: { data: x, shape: [N, 1] }, y },
    {
      likelihood: { kind: 'gaussian', scale: noiseScale },
      standardize: 'none',
      epochs: 5000,
      batchSize: N,
      draws: 16,
      initialRho: -2.5,
      optimizer: { kind: 'adam', learningRate: 0.01 },
      schedule: { kind: 'cosine', finalFraction: 0 },
    },
  );
  const [layer] = posterior.layers;
  for (const [i, { mu, rho }] of [layer.weight, layer.bias].entries()) {
    // As in linearRegression.test.ts: what is left is the noise of the last steps' gradients.
    expect(Math.abs(mu[0] - want[i].mu) / want[i].sigma, `mu ${i}`).toBeLessThan(0.1);
    expect(Math.abs(softplus(rho[0]) / want[i].sigma - 1), `sigma ${i}`).toBeLessThan(0.05);
  }
});
