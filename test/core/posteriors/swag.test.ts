// SWAG: the suite of families that are trained by their means, its moments against the states at the ends of epochs, and the moments of its
// draws.

import { describe, expect, test } from 'vitest';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { build, createRuntime, type Posterior } from '../../../src/index.ts';
import { softplus } from '../../../src/math/float64.ts';
import { meansSuite } from '../../support/meansSuite.ts';
import { smallProblem } from '../../support/problems.ts';
import { testNormals } from '../../support/trainingHarness.ts';

meansSuite({ kind: 'swag', from: 0.5 });

const PARTS = ['weight', 'bias'] as const;

describe('mean and variance of the ends of epochs', () => {
  const { model, data, options } = smallProblem('gaussian', 1);
  const perEpoch = 4; // 90 rows in batches of 25

  /** Trains, and gives mu of each layer's parts at the end of each epoch, from the states. */
  async function path(from: number, epochs: number) {
    await using runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'swag' });
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 1, save: (state: TrainingState) => void states.push(state) };
    const asked = { ...options, epochs, posterior: { kind: 'swag', from } } as const;
    const posterior = await runtime.train(model, data, { ...asked, checkpoint });
    const ends = states.filter(({ step }) => step % perEpoch === 0 && step > 0);
    const last = await runtime.train(model, data, { ...asked, posterior: 'point' });
    return { posterior, ends, last };
  }

  function held(posterior: Posterior, ends: readonly (readonly ((name: string) => ArrayLike<number>)[])[]) {
    for (const [l, layer] of posterior.layers.entries()) {
      for (const part of PARTS) {
        layer[part].mu.forEach((mu, i) => {
          const kept = ends.map(([of]) => of(`layers.${l}.${part}.mu`)[i]);
          const mean = kept.reduce((a, b) => a + b, 0) / kept.length;
          const sd = Math.sqrt(kept.reduce((a, b) => a + (b - mean) ** 2, 0) / kept.length);
          expect(Math.abs(mu - mean)).toBeLessThan(3e-7 * (0.1 + Math.abs(mean)));
          expect(Math.abs(softplus(layer[part].rho[i]) - sd)).toBeLessThan(
            1e-5 * sd + 1e-7 * (0.1 + Math.abs(mean)),
          );
        });
      }
    }
  }

  test.each([
    [0.5, 8, 4],
    [0.7, 5, 2],
  ])('from %d of %i epochs on there are %i', async (from, epochs, count) => {
    const { posterior, ends, last } = await path(from, epochs);
    const tensor = (state: TrainingState) => (name: string) =>
      state.tensors.find((each) => each.name === name)!.data;
    // The last end has no state before it: that of the same training whose posterior is where it ends.
    const final = (name: string) => {
      const [, l, part] = name.split('.');
      return last.layers[Number(l)][part as 'weight' | 'bias'].mu;
    };
    const all = [...ends.map((state) => [tensor(state)]), [final]];
    expect(all).toHaveLength(epochs);
    held(posterior, all.slice(-count));
    expect(softplus(posterior.layers[0].weight.rho[0])).toBeGreaterThan(1e-5);
  });

  test('validations before the first end see the network as it is, without a spread', async () => {
    await using runtime = createRuntime({ workers: 1, backend: 'wasm', seed: 'swag' });
    const curve = async (posterior: 'point' | { kind: 'swag'; from: number }) => {
      const nll: number[] = [];
      const run = runtime.train(model, data, { ...options, epochs: 6, posterior, validation: data });
      for await (const { validation } of run) nll.push(validation?.nll as number);
      return nll;
    };
    const [point, swag] = [await curve('point'), await curve({ kind: 'swag', from: 0.5 })];
    for (let e = 0; e < 3; e++) expect(swag[e]).toBeCloseTo(point[e], 5);
    expect(Math.abs(swag[5] - point[5])).toBeGreaterThan(1e-4);
  });
});

test('in linear regression the path of SGD surrounds the ridge estimate, and predictions have its variance', async () => {
  const [N, NOISE, PRIOR] = [64, 0.5, 1];
  const x = testNormals(N, 31);
  const noise = testNormals(N, 32);
  const y = x.map((value, r) => Math.fround(1.3 * value - 0.4 + NOISE * noise[r]));
  await using runtime = createRuntime({ workers: 1, seed: 'path' });
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1, priorSigma: PRIOR });
  const posterior = await runtime.train(
    model,
    { x: { data: x, shape: [N, 1] }, y },
    {
      posterior: { kind: 'swag', from: 0.2 },
      likelihood: { kind: 'gaussian', scale: NOISE },
      standardize: 'none',
      epochs: 500,
      batchSize: 8,
      optimizer: { kind: 'sgd', learningRate: 0.02 },
    },
  );
  const sum = (f: (r: number) => number) => x.reduce((total, _, r) => total + f(r), 0) / NOISE ** 2;
  const [xx, x1, ones] = [sum((r) => x[r] ** 2) + PRIOR ** -2, sum((r) => x[r]), sum(() => 1) + PRIOR ** -2];
  const [xy, y1] = [sum((r) => x[r] * y[r]), sum((r) => y[r])];
  const determinant = xx * ones - x1 * x1;
  const [slope, intercept] = [(ones * xy - x1 * y1) / determinant, (xx * y1 - x1 * xy) / determinant];
  const [{ weight, bias }] = posterior.layers;
  const [sigma, biasSigma] = [softplus(weight.rho[0]), softplus(bias.rho[0])];
  expect(sigma).toBeGreaterThan(1e-3);
  // The mean of 400 ends, some of which depend on each other.
  expect(Math.abs(weight.mu[0] - slope)).toBeLessThan(sigma);
  expect(Math.abs(bias.mu[0] - intercept)).toBeLessThan(biasSigma);
  const draws = 20_000;
  const { mean, epistemic } = await runtime.predict(posterior, [[0.7]], { draws });
  const variance = (0.7 * sigma) ** 2 + biasSigma ** 2;
  expect(Math.abs(mean[0] - weight.mu[0] * 0.7 - bias.mu[0]) / Math.sqrt(variance / draws)).toBeLessThan(4);
  expect(Math.abs(epistemic[0] / variance - 1) / Math.sqrt(2 / draws)).toBeLessThan(4);
});
