// Mode marginal: each draw against the float64 network with the noise of its addresses, a linear layer against its closed form, deeper
// networks against drawn weights, and the same bits however rows and draws are cut into tiles and panels.

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BackendFactory } from '../../../src/backend/backend.ts';
import { nativeFactory } from '../../../src/backend/native.node.ts';
import { referenceFactory } from '../../../src/backend/reference/reference.ts';
import { build } from '../../../src/core/bayesian.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { normal } from '../../../src/random/normal.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { activate, softplus } from '../../reference/negativeElbo.ts';
import { madeUpPosterior, PredictionHarness } from '../../support/predictionHarness.ts';
import { testNormals } from '../../support/trainingHarness.ts';

const BACKENDS: BackendFactory[] = [
  wasmFactory,
  referenceFactory,
  ...(nativeFactory.available().ok ? [nativeFactory] : []),
];
const gaussian = { kind: 'gaussian', scale: 0.5 } as const;

/** Outputs of one row in one draw in float64: layer after layer, pre-activations from their distribution given the inputs. */
function twin({ model, layers, seed }: Posterior, x: Float32Array, row: number, draw: number): Float64Array {
  const key = seedKey(seed);
  let h = Float64Array.from(x.subarray(row * model.inputSize, (row + 1) * model.inputSize));
  for (const [l, { inputSize: I, outputSize: O, activation }] of model.layers.entries()) {
    const { weight, bias } = layers[l];
    h = Float64Array.from({ length: O }, (_, o) => {
      let mean = bias.mu[o];
      let variance = softplus(bias.rho[o]) ** 2;
      for (let i = 0; i < I; i++) {
        mean += weight.mu[i * O + o] * h[i];
        variance += (softplus(weight.rho[i * O + o]) * h[i]) ** 2;
      }
      const noise = normal(key, 0, draw, stream(PURPOSE.marginal, l), 16 * o);
      return activate(activation, mean + Math.sqrt(variance) * noise);
    });
  }
  return h;
}

describe('a draw is the float64 network with the noise of its addresses', () => {
  test.each([
    ['one layer', [], 1, 3],
    ['two layers, few rows that share panels', [19], 3, 2],
    ['three layers, more outputs than a panel', [20, 17], 21, 18],
    ['more rows than a pass takes', [7], 150, 1],
  ] as const)('%s', async (_, hiddenSizes, rows, K) => {
    const model = build({ inputSize: 5, hiddenSizes: [...hiddenSizes], outputSize: K, activation: 'tanh' });
    const q = madeUpPosterior(model, gaussian);
    const x = testNormals(rows * 5, 720);
    const harness = await PredictionHarness.create(q, 'marginal', x, wasmFactory, { tileRows: 160 });
    const draws = 35; // a tile and a part of one
    const values = harness.draws(draws);
    for (const s of [0, 1, 15, 16, 31, 32, 34]) {
      for (let row = 0; row < rows; row += rows > 50 ? 7 : 1) {
        const want = twin(q, x, row, s);
        for (let k = 0; k < K; k++) {
          const got = values[(s * rows + row) * K + k];
          expect(Math.abs(got - want[k]), `draw ${s}, row ${row}, output ${k}`).toBeLessThan(6e-6);
        }
      }
    }
    expect(new Set(values).size).toBeGreaterThan(0.99 * values.length);
  });
});

describe('a linear layer has the moments of its closed form', () => {
  const [I, K, rows, draws] = [6, 4, 5, 6000];
  const q = madeUpPosterior(build({ inputSize: I, hiddenSizes: [], outputSize: K }), gaussian);
  const x = testNormals(rows * I, 730);
  const { weight, bias } = q.layers[0];
  const mean = (row: number, k: number) =>
    Array.from({ length: I }).reduce<number>(
      (sum, _, i) => sum + weight.mu[i * K + k] * x[row * I + i],
      bias.mu[k],
    );
  const scale = (row: number, k: number) =>
    Math.hypot(
      softplus(bias.rho[k]),
      ...Array.from({ length: I }, (_, i) => softplus(weight.rho[i * K + k]) * x[row * I + i]),
    );
  /** z[(row·K + k)][s], standardized by the closed form: independent N(0, 1) if it is right. */
  let z: Float64Array[];
  beforeAll(async () => {
    const harness = await PredictionHarness.create(q, 'marginal', x, wasmFactory);
    const values = harness.draws(draws);
    z = Array.from({ length: rows * K }, (_, i) =>
      Float64Array.from(
        { length: draws },
        (_, s) =>
          (values[s * rows * K + i] - mean(Math.floor(i / K), i % K)) / scale(Math.floor(i / K), i % K),
      ),
    );
  });
  const average = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / draws;

  // Each score is N(0, 1) if the claim is true; 5 leaves 6e-7 to each of the 20 (30 for pairs).
  test.each([1, 2, 3, 4])('moment %i', (power) => {
    const [expected, variance] = [[], [0, 1], [1, 2], [0, 15], [3, 96]][power];
    for (const [i, values] of z.entries()) {
      const score = (average(values.map((v) => v ** power)) - expected) / Math.sqrt(variance / draws);
      expect(Math.abs(score), `output ${i}`).toBeLessThan(5);
    }
  });

  test('and no two outputs of a row anything in common', () => {
    for (let i = 0; i < z.length; i++) {
      for (let j = i - (i % K); j < i; j++) {
        const score = average(z[i].map((v, s) => v * z[j][s])) * Math.sqrt(draws);
        expect(Math.abs(score), `${i}, ${j}`).toBeLessThan(5);
      }
    }
  });
});

test('rows have the noise of row 0, whatever their number, and before kernel epoch 3 that of their own', async () => {
  const model = build({ inputSize: 2, hiddenSizes: [3], outputSize: 2 });
  const same = Float32Array.from({ length: 40 }, (_, i) => [0.3, -1][i % 2]); // 20 equal rows
  const draws = async (kernelEpoch?: number) => {
    const q = { ...madeUpPosterior(model, gaussian), kernelEpoch };
    const harness = await PredictionHarness.create(q, 'marginal', same, wasmFactory);
    return Array.from({ length: 20 }, (_, row) =>
      [...harness.draws(2).subarray(row * 2, row * 2 + 2)].join(),
    );
  };
  expect(new Set(await draws()).size).toBe(1);
  expect(new Set(await draws(3)).size).toBe(1);
  expect(new Set(await draws(2)).size).toBe(20);
});

describe('the bits of a draw of a row', () => {
  const rows = 150;
  const model = build({ inputSize: 4, hiddenSizes: [18, 7], outputSize: 3, activation: 'silu' });
  const x = testNormals(rows * 4, 740);
  const kinds = [{ kind: 'categorical' }, { kind: 'bernoulli' }, gaussian] as const;
  const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

  test.each(kinds)('are equal for every backend, $kind', async (likelihood) => {
    const q = madeUpPosterior(model, likelihood);
    const all = await Promise.all(
      BACKENDS.map(async (factory) =>
        bits((await PredictionHarness.create(q, 'marginal', x, factory, { tileRows: 160 })).draws(21)),
      ),
    );
    for (const other of all) expect(other.equals(all[0])).toBe(true);
  });

  test.each(kinds)('do not depend on the cut into tiles, $kind', async (likelihood) => {
    const q = madeUpPosterior(model, likelihood);
    const harness = await PredictionHarness.create(q, 'marginal', x, wasmFactory, { tileRows: 160 });
    const K = 3;
    const whole = harness.draws(40);
    const property = fc.property(
      fc.integer({ min: 1, max: 150 }),
      fc.integer({ min: 0, max: rows - 1 }),
      fc.integer({ min: 1, max: rows }),
      fc.integer({ min: 1, max: 40 }),
      (cut, firstRow, count, draws) => {
        const lastRow = Math.min(rows, firstRow + count);
        const part = harness.draws(draws, { firstRow, lastRow, cut });
        for (let s = 0; s < draws; s++) {
          const n = (lastRow - firstRow) * K;
          const want = whole.subarray((s * rows + firstRow) * K, (s * rows + lastRow) * K);
          expect(bits(part.subarray(s * n, (s + 1) * n)).equals(bits(want))).toBe(true);
        }
      },
    );
    fc.assert(property, { numRuns: 60, seed: 1 });
  });
});

test('the first layer is multiplied once a tile, and rows that are few go through in few panels', async () => {
  const model = build({ inputSize: 4, hiddenSizes: [18], outputSize: 3 });
  const counts = async (rows: number) => {
    const products: number[][] = [];
    const harness = await PredictionHarness.create(
      madeUpPosterior(model, gaussian),
      'marginal',
      testNormals(rows * 4, 750),
      wasmFactory,
      {
        wrap: (kernels) => ({
          ...kernels,
          gemm_f32: (...args) => {
            products.push([args[7], args[8]]);
            kernels.gemm_f32(...args);
          },
        }),
      },
    );
    harness.draws(32);
    return products;
  };
  // [outputs, panels], mean and variance each: the hidden layer of the rows, then the output layer of all rows and draws.
  const twice = (...calls: number[][]) => calls.flatMap((call) => [call, call]);
  expect(await counts(1)).toEqual(twice([18, 1], [3, 2]));
  expect(await counts(3)).toEqual(twice([18, 1], [3, 8]));
  expect(await counts(20)).toEqual(twice([18, 2], ...Array.from({ length: 8 }, () => [3, 8])));
});
