// The scale mixture prior: gradients of a whole step and the KL of an epoch against float64 and autodiff, the KL of one weight against
// numeric integration, and a posterior that is known.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import { createPrior } from '../../../src/core/priors/index.ts';
import { createRuntime } from '../../../src/node.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { softplus } from '../../reference/negativeElbo.ts';
import { bestGaussian } from '../../support/bestGaussian.ts';
import { gaussianTwin, PriorStep, type PriorTwin } from '../../support/priorStep.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

function logDensity(w: number, pi: number, scale1: number, scale2: number): number {
  const a = Math.log(pi) - Math.log(scale1) - 0.5 * (w / scale1) ** 2;
  const b = Math.log1p(-pi) - Math.log(scale2) - 0.5 * (w / scale2) ** 2;
  const max = Math.max(a, b);
  return max + Math.log(Math.exp(a - max) + Math.exp(b - max)) - HALF_LOG_2PI;
}

function mixtureTwin(pi: number, scale1: number, scale2: number): PriorTwin {
  return {
    spec: { kind: 'scaleMixture', pi, scale1, scale2 },
    elementKl: (_, sigma, w) =>
      -HALF_LOG_2PI -
      Math.log(sigma) -
      0.5 -
      w.reduce((sum, value) => sum + logDensity(value, pi, scale1, scale2), 0) / w.length,
    graphKl: (_, sigma, w) => {
      const component = (value: tf.Tensor, share: number, scale: number) =>
        tf.sub(Math.log(share / scale) - HALF_LOG_2PI, tf.mul(0.5 / scale ** 2, tf.square(value)));
      const densities = w.map((value) =>
        tf.logSumExp(tf.stack([component(value, pi, scale1), component(value, 1 - pi, scale2)]), 0),
      );
      const mean = tf.div(tf.addN(densities), w.length);
      return tf.sub(tf.sub(-HALF_LOG_2PI - 0.5, tf.log(sigma)), mean);
    },
  };
}

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

describe.each([1, 3])('%i draws', (draws) => {
  const twins = [mixtureTwin(0.25, 1, 0.05), gaussianTwin(0.8), mixtureTwin(0.6, 0.04, 0.7)] as const;

  test('gradients of mu and rho equal central differences and autodiff, beside a layer with another prior', () => {
    // Both sides round w to float32; near 0 the slope changes by 1/scale2² = 600 for each unit of w: some 1e-5 of the largest slope.
    new PriorStep(twins, draws, compiled).expectGradients({ differences: 1e-5, autodiff: 3e-5 });
  });

  test('the KL of an epoch is E_q[log q] in closed form less log p at the draws of the step to come', () => {
    // Sums of some 200 float32 terms of like size.
    new PriorStep(twins, draws, compiled).expectEpochKl(1e-6);
  });
});

describe('KL of one weight', () => {
  const LEVELS = [1e-4, 0.001, 0.0025, 0.01, 0.03, 0.1, 0.3, 1, 3];
  test.each([
    { pi: 0.5, scale1: 1, scale2: 0.0025 },
    { pi: 0.25, scale1: Math.exp(-2), scale2: Math.exp(-8) },
    { pi: 0.75, scale1: 0.01, scale2: 2 },
    { pi: 0.9999, scale1: 1, scale2: 0.2 },
    { pi: 0.3, scale1: 0.5, scale2: 0.5 },
  ])('equals numeric integration: %j', ({ pi, scale1, scale2 }) => {
    const prior = createPrior({ kind: 'scaleMixture', pi, scale1, scale2 });
    const narrow = Math.min(scale1, scale2);
    for (const sigma of LEVELS) {
      for (const mu of [0, ...LEVELS, -0.02, -0.5]) {
        // Trapezoids fine enough for the narrower of q and the components, over 9 sigma.
        const step = Math.min(sigma, narrow) / 8;
        const count = Math.ceil((9 * sigma) / step);
        let expected = 0;
        for (let k = -count; k <= count; k++) {
          const away = k * step;
          const q = Math.exp(-0.5 * (away / sigma) ** 2 - HALF_LOG_2PI) / sigma;
          expected += step * q * logDensity(mu + away, pi, scale1, scale2);
        }
        const want = -HALF_LOG_2PI - Math.log(sigma) - 0.5 - expected;
        const got = prior.elementKl(mu, sigma, Math.log(sigma));
        const note = `mu ${mu}, sigma ${sigma}: ${got}, ${want}`;
        expect(Math.abs(got - want), note).toBeLessThan(3e-5 + 1e-12 * Math.abs(want));
      }
    }
  });

  test('is finite where densities underflow', () => {
    const prior = createPrior({ kind: 'scaleMixture', pi: 0.5, scale1: 1, scale2: 1e-6 });
    for (const [mu, sigma] of [
      [1e4, 1e-3],
      [0, 1e-12],
      [3, 1e3],
    ])
      expect(prior.elementKl(mu, sigma, Math.log(sigma))).toSatisfy(Number.isFinite);
  });
});

describe('recovery', () => {
  // A weight and a bias whose columns are orthogonal: two posteriors of one dimension.
  const N = 64;
  const NOISE = 0.5;
  const PRIOR = { kind: 'scaleMixture', pi: 0.5, scale1: 1, scale2: 0.05 } as const;
  const noise = testNormals(N, 400);
  const x = Float32Array.from({ length: N }, (_, r) => (r % 2 === 0 ? 1 : -1));

  function best(sum: number): { mu: number; sigma: number } {
    const logJoint = (w: number) =>
      (w * sum - 0.5 * N * w * w) / NOISE ** 2 + logDensity(w, PRIOR.pi, PRIOR.scale1, PRIOR.scale2);
    return bestGaussian(logJoint, { mu: sum / N, sigma: NOISE / Math.sqrt(N) });
  }

  test.each([0.04, 0.12, 0.7])('of one-dimensional posteriors: a weight of %d', async (truth) => {
    const bias = 0.02;
    const y = Float32Array.from(x, (value, r) => truth * value + bias + NOISE * noise[r]);
    const want = [best(x.reduce((sum, v, r) => sum + v * y[r], 0)), best(y.reduce((sum, v) => sum + v, 0))];
    await using runtime = createRuntime({ workers: 1, seed: 'mixture', onWarning: () => undefined });
    const posterior = await runtime.train(
      build({ inputSize: 1, hiddenSizes: [], outputSize: 1, prior: PRIOR }),
      { x: { data: x, shape: [N, 1] }, y },
      {
        likelihood: { kind: 'gaussian', scale: NOISE },
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
    const got = [layer.weight, layer.bias].map(({ mu, rho }) => ({ mu: mu[0], sigma: softplus(rho[0]) }));
    for (const [i, { mu, sigma }] of want.entries()) {
      // As in linearRegression.test.ts: what is left is the noise of the last steps' gradients.
      expect(Math.abs(got[i].mu - mu) / sigma, `mu ${i}: ${got[i].mu}, ${mu}`).toBeLessThan(0.1);
      expect(Math.abs(got[i].sigma / sigma - 1), `sigma ${i}: ${got[i].sigma}, ${sigma}`).toBeLessThan(0.05);
    }
    // The narrow component matters: without it means would stay where the data have them.
    const shrunk = want[0].mu / (x.reduce((sum, v, r) => sum + v * y[r], 0) / N);
    if (truth < 0.1) expect(shrunk).toBeLessThan(0.9);
  });
});
