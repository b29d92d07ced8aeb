// What a prediction says, against brute force over its own draws and against a float64 forward pass; and that its memory does
// not grow with the number of draws.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { chunkRows, predictionMemory } from '../../../src/core/prediction/predictionMemory.ts';
import type { Prediction } from '../../../src/core/predictive/prediction.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import { normal } from '../../../src/random/normal.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { tileRows } from '../../../src/scheduler/tiles.ts';
import { erf, forward, type TwinLayer, type TwinTensors } from '../../reference/negativeElbo.ts';
import { curveData, smallProblem } from '../../support/problems.ts';

let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 2, seed: 'predictions' });
});
afterAll(() => runtime.close());

const KINDS = [
  { kind: 'categorical', K: 5 },
  { kind: 'bernoulli', K: 3 },
  { kind: 'gaussian', K: 2 },
] as const;
const DRAWS = 37; // four tiles of draws and a part of one
const ROWS = 45;

function inputs(rows = ROWS) {
  const { x } = curveData(rows, 4, 'gaussian', 1, 110);
  return x as { data: Float32Array; shape: number[] };
}

async function trained(
  kind: (typeof KINDS)[number]['kind'],
  K: number,
  standardize = true,
): Promise<Posterior> {
  const { model, data, options } = smallProblem(kind, K);
  return runtime.train(model, data, standardize ? options : { ...options, standardize: 'none' });
}

/** draws[s][row·K + k] */
async function allDraws(posterior: Posterior, rows = ROWS): Promise<Float64Array[]> {
  const values: Float64Array[] = [];
  for await (const draw of runtime.draws(posterior, inputs(rows), { draws: DRAWS })) values.push(draw.values);
  return values;
}

/** The layers of a posterior as float64. */
function twinLayers({ model, layers }: Posterior): TwinLayer[] {
  const f64 = (values: Float32Array) => Float64Array.from(values);
  return model.layers.map(({ inputSize: I, outputSize: O, activation }, l) => ({
    I,
    O,
    activation,
    mu: { weight: f64(layers[l].weight.mu), bias: f64(layers[l].bias.mu) },
    rho: { weight: f64(layers[l].weight.rho), bias: f64(layers[l].bias.rho) },
  }));
}

/** Inputs in training units. */
function twinInputs({ standardization }: Posterior): Float64Array {
  const { data, shape } = inputs();
  return Float64Array.from(data, (value, i) => {
    const features = standardization.features;
    return features === null ? value : (value - features.loc[i % shape[1]]) / features.scale[i % shape[1]];
  });
}

/** Outputs of the network as means of the target given the weights, in the data's units. */
function observed(posterior: Posterior, outputs: Float64Array): Float64Array {
  const K = posterior.model.outputSize;
  const targets = posterior.standardization.targets;
  if (posterior.likelihood.kind === 'bernoulli') return outputs.map((z) => 1 / (1 + Math.exp(-z)));
  if (posterior.likelihood.kind === 'gaussian')
    return outputs.map((y, i) => (targets === null ? y : targets.loc[i % K] + targets.scale[i % K] * y));
  return outputs.map((z, i) => {
    const row = outputs.subarray(Math.floor(i / K) * K, (Math.floor(i / K) + 1) * K);
    return Math.exp(z) / row.reduce((sum, other) => sum + Math.exp(other), 0);
  });
}

function largestGap(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let gap = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i] - want[i]);
    if (!(error <= gap)) gap = error;
  }
  return gap;
}

describe.each(KINDS)('$kind', ({ kind, K }) => {
  let posterior: Posterior;
  let prediction: Prediction;
  let draws: Float64Array[];
  beforeAll(async () => {
    posterior = await trained(kind, K);
    prediction = await runtime.predict(posterior, inputs(), { draws: DRAWS });
    draws = await allDraws(posterior);
  });
  const sizes = { categorical: 1, bernoulli: 1, gaussian: 30 }; // size of the numbers, for absolute tolerances

  test('mean and epistemic are the moments of the draws', () => {
    const n = ROWS * K;
    const mean = Float64Array.from({ length: n }, (_, i) => draws.reduce((sum, d) => sum + d[i], 0) / DRAWS);
    const variance = mean.map((m, i) => draws.reduce((sum, d) => sum + (d[i] - m) ** 2, 0) / DRAWS);
    // float32 Welford over 8 draws a tile, draws themselves float32: a few 6e-8 of the numbers' size.
    const size = sizes[kind];
    expect(largestGap(prediction.mean, mean)).toBeLessThan(4e-7 * size);
    expect(largestGap(prediction.epistemic, variance)).toBeLessThan(
      2e-6 * size * Math.sqrt(Math.max(...variance)),
    );
    expect(Math.max(...variance)).toBeGreaterThan(1e-6 * size);
    expect(prediction.draws).toBe(DRAWS);
    expect([prediction.rows, prediction.outputs]).toEqual([ROWS, K]);
  });

  test('variance = aleatoric + epistemic, and aleatoric is the mean over draws of the noise', () => {
    const { mean, variance, aleatoric, epistemic } = prediction;
    expect(variance).toEqual(aleatoric.map((a, i) => a + epistemic[i]));
    const noise = posterior.noiseScale;
    const wanted = Float64Array.from(mean, (_, i) => {
      if (noise !== null) return (noise[i % K] * posterior.standardization.targets!.scale[i % K]) ** 2;
      return draws.reduce((sum, d) => sum + d[i] * (1 - d[i]), 0) / DRAWS;
    });
    expect(largestGap(aleatoric, wanted)).toBeLessThan(1e-6 * Math.max(1, ...wanted));
    if (kind !== 'gaussian') {
      // A 0/1 variable of probability p has variance p(1 − p), whatever the draws say about p.
      expect(
        largestGap(
          variance,
          mean.map((p) => p * (1 - p)),
        ),
      ).toBeLessThan(5e-7);
    }
  });

  test('entropies and mutual information are those of the draws', () => {
    if (kind === 'gaussian') {
      expect([
        prediction.predictiveEntropy,
        prediction.expectedEntropy,
        prediction.mutualInformation,
      ]).toEqual([null, null, null]);
      return;
    }
    const plogp = (p: number) => (p > 0 ? -p * Math.log(p) : 0);
    const perRow = (values: (i: number) => number): Float64Array => {
      const each = Float64Array.from({ length: ROWS * K }, (_, i) =>
        kind === 'categorical' ? plogp(values(i)) : plogp(values(i)) + plogp(1 - values(i)),
      );
      if (kind === 'bernoulli') return each;
      return Float64Array.from({ length: ROWS }, (_, r) =>
        each.subarray(r * K, (r + 1) * K).reduce((sum, value) => sum + value, 0),
      );
    };
    const predictive = perRow((i) => draws.reduce((sum, d) => sum + d[i], 0) / DRAWS);
    const eachDraw = draws.map((d) => perRow((i) => d[i]));
    const expected = predictive.map((_, r) => eachDraw.reduce((sum, h) => sum + h[r], 0) / DRAWS);
    expect(largestGap(prediction.predictiveEntropy!, predictive)).toBeLessThan(2e-6);
    expect(largestGap(prediction.expectedEntropy!, expected)).toBeLessThan(2e-6);
    expect(
      largestGap(
        prediction.mutualInformation!,
        predictive.map((h, r) => h - expected[r]),
      ),
    ).toBeLessThan(3e-6);
    expect(Math.min(...prediction.mutualInformation!)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...prediction.mutualInformation!)).toBeGreaterThan(1e-4);
  });

  test('draw s is the float64 network with the noise of its addresses', () => {
    const key = seedKey(posterior.seed);
    const layers = twinLayers(posterior);
    for (const s of [0, 7, 8, 36]) {
      const noise = layers.map(({ I, O }, l): TwinTensors => {
        const panelRows = Math.ceil((I + 1) / 4) * 4;
        const at = (row: number, o: number) =>
          normal(
            key,
            0,
            s,
            stream(PURPOSE.predictive, l),
            (Math.floor(o / 16) * panelRows + row) * 16 + (o % 16),
          );
        return {
          weight: Float64Array.from({ length: I * O }, (_, n) => at(1 + Math.floor(n / O), n % O)),
          bias: Float64Array.from({ length: O }, (_, o) => at(0, o)),
        };
      });
      const wanted = observed(posterior, forward(layers, twinInputs(posterior), ROWS, noise));
      expect(largestGap(draws[s], wanted)).toBeLessThan(2e-6 * sizes[kind]);
    }
  });

  test('mode mean is the float64 network at mu, and deterministic', async () => {
    const first = await runtime.predict(posterior, inputs(), { mode: 'mean' });
    const wanted = observed(posterior, forward(twinLayers(posterior), twinInputs(posterior), ROWS, null));
    expect(largestGap(first.mean, wanted)).toBeLessThan(2e-6 * sizes[kind]);
    expect(first.draws).toBe(1);
    expect(Math.max(...first.epistemic)).toBe(0);
    expect(
      await runtime.predict({ ...posterior, seed: 'other' }, inputs(), { mode: 'mean', draws: 50 }),
    ).toEqual(first);
  });

  test('another seed gives other draws of the same distribution', async () => {
    const other = await runtime.predict({ ...posterior, seed: 'other' }, inputs(), { draws: DRAWS });
    expect(other.mean).not.toEqual(prediction.mean);
    const z = Array.from(
      other.mean,
      (m, i) => (m - prediction.mean[i]) / Math.sqrt((2 * prediction.epistemic[i]) / DRAWS),
    );
    // Means of 37 draws each: z is about normal; 6 leaves 1e-9 a value for over 200 values, with room for heavy tails.
    expect(Math.max(...z.map(Math.abs))).toBeLessThan(6);
  });

  test('quantiles are those of the mixture of the draws', async () => {
    const levels = [0.9, 0.05, 0.5];
    const { quantiles } = await runtime.predict(posterior, inputs(), { draws: DRAWS, quantiles: levels });
    expect(quantiles?.map(({ level }) => level)).toEqual(levels);
    for (const { level, values } of quantiles!) {
      for (let i = 0; i < ROWS * K; i += 7) {
        const sample = draws.map((d) => d[i]).sort((a, b) => a - b);
        if (kind === 'gaussian') {
          const scale = posterior.noiseScale![i % K] * posterior.standardization.targets!.scale[i % K];
          const cdf = sample.reduce(
            (sum, d) => sum + 0.5 * (1 + erf((values[i] - d) / scale / Math.SQRT2)),
            0,
          );
          expect(Math.abs(cdf / DRAWS - level)).toBeLessThan(3e-6); // float32 of a number near 30, noise near 1
        } else {
          const position = level * (DRAWS - 1);
          const below = Math.floor(position);
          const above = sample[Math.min(below + 1, DRAWS - 1)];
          expect(
            Math.abs(values[i] - (sample[below] + (position - below) * (above - sample[below]))),
          ).toBeLessThan(1e-7);
        }
      }
    }
  });
});

describe('standardization', () => {
  test('is learned from the training rows and undone exactly', async () => {
    const posterior = await trained('gaussian', 2);
    const { features, targets } = posterior.standardization;
    expect([features?.loc.length, targets?.loc.length]).toEqual([4, 2]);
    const own: Posterior = { ...posterior, standardization: { features: null, targets: null } };
    const { data, shape } = inputs();
    const f = Math.fround;
    const x = data.map((value, i) => f((value - features!.loc[i % 4]) / features!.scale[i % 4]));
    const [standard, original] = [
      await runtime.predict(own, { data: x, shape }, { draws: 9, quantiles: [0.2] }),
      await runtime.predict(posterior, inputs(), { draws: 9, quantiles: [0.2] }),
    ];
    const scale = (i: number) => targets!.scale[i % 2];
    const back = (values: Float64Array) => values.map((v, i) => targets!.loc[i % 2] + scale(i) * v);
    const spread = (values: Float64Array) => values.map((v, i) => v * scale(i) ** 2);
    expect(largestGap(original.mean, back(standard.mean))).toBeLessThan(4e-6); // one rounding of a number near 30
    expect(largestGap(original.quantiles![0].values, back(standard.quantiles![0].values))).toBeLessThan(4e-6);
    for (const part of ['variance', 'aleatoric', 'epistemic'] as const) {
      const wanted = spread(standard[part]);
      expect(largestGap(original[part], wanted)).toBeLessThan(3e-7 * Math.max(...wanted));
    }
  });

  test("none works in the data's own units", async () => {
    const posterior = await trained('gaussian', 2, false);
    expect(posterior.standardization).toEqual({ features: null, targets: null });
    const { mean } = await runtime.predict(posterior, inputs(), { mode: 'mean' });
    const wanted = forward(twinLayers(posterior), Float64Array.from(inputs().data), ROWS, null);
    expect(largestGap(mean, wanted)).toBeLessThan(1e-5);
  });
});

describe('memory', () => {
  const model = smallProblem('categorical', 5).model;
  const bytes = (rows: number, draws: number, keepDraws: boolean) =>
    predictionMemory(
      {
        model,
        likelihood: { kind: 'categorical' },
        seed: 's',
        capacity: rows,
        tileRows: tileRows(rows, 4, 5, draws, 2),
        slots: 4,
        mode: 'sample',
        keepDraws,
      },
      4,
    ).arena.bytes;

  test('does not grow with the number of draws', () => {
    expect(bytes(100, 10_000, false)).toBe(bytes(100, 10, false));
    // With many rows, tiles get larger until there is one a worker can be given for each slot; then no more.
    expect(bytes(50_000, 1_000_000, false)).toBe(bytes(50_000, 100, false));
    expect(bytes(50_000, 1_000_000, true)).toBe(bytes(50_000, 100, true));
  });

  test('kept draws go in chunks of at most 64 MiB, down to 16 rows', () => {
    for (const [rows, K, draws] of [
      [10_000, 1, 10_000],
      [50_000, 10, 100],
      [7, 3, 5],
      [100_000, 1000, 1000],
    ]) {
      const chunk = chunkRows(rows, K, draws);
      expect(chunk % 16).toBe(0);
      expect(chunk).toBeGreaterThanOrEqual(16);
      if (chunk > 16) expect(chunk * K * draws * 4).toBeLessThanOrEqual(64 * 2 ** 20);
      expect(chunk).toBeLessThan(rows + 16);
    }
  });

  test('quantiles of more rows than a chunk holds are those of the rows alone', async () => {
    const [K, draws, rows] = [4000, 140, 17];
    expect(chunkRows(rows, K, draws)).toBe(16);
    const wide = build({ inputSize: 4, hiddenSizes: [], outputSize: K });
    const posterior = await runtime.train(wide, curveData(20, 4, 'bernoulli', K), {
      likelihood: 'bernoulli',
      epochs: 1,
      batchSize: 20,
      initialRho: 0,
    });
    const { data } = inputs(rows);
    const part = (from: number) => ({ data: data.slice(from * 4), shape: [rows - from, 4] });
    const options = { draws, quantiles: [0.1] };
    const all = await runtime.predict(posterior, part(0), options);
    const last = await runtime.predict(posterior, part(rows - 1), options);
    expect(last.quantiles![0].values).toEqual(all.quantiles![0].values.slice((rows - 1) * K));
    expect(new Set(last.quantiles![0].values).size).toBeGreaterThan(K / 2);
  });
});
