// Columns of any offset and unit: float64 until they are standardized, and answers in float64 in the data's own units.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import type { MatrixLike } from '../../src/core/matrix.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { createRuntime, openSession, type Runtime } from '../../src/node.ts';

let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'precision' });
});
afterAll(() => runtime.close());

const N = 600;
const OFFSET = 1_700_000_000;
const model = build({ inputSize: 1, hiddenSizes: [8], outputSize: 1, activation: 'tanh' });
const options = {
  epochs: 30,
  batchSize: 50,
  optimizer: { kind: 'adam', learningRate: 0.02 },
  likelihood: { kind: 'gaussian', scale: 'learned' },
} as const;
const times = Array.from({ length: N }, (_, i) => i);
const levels = times.map((i) => Math.sin(i / 100) + ((i * 7919) % 13) / 100);
const train = (x: MatrixLike, y: MatrixLike) => runtime.train(model, { x, y }, options);

describe('an offset of the inputs', () => {
  const unix = times.map((t) => OFFSET + t);
  const forms: [string, () => MatrixLike][] = [
    ['number[][]', () => unix.map((t) => [t])],
    ['number[]', () => unix],
    ['Float64Array', () => Float64Array.from(unix)],
    ['rows of Float64Array', () => unix.map((t) => Float64Array.of(t))],
    ['shaped numbers', () => ({ data: unix, shape: [N, 1] })],
    ['Matrix', () => ({ data: Float64Array.from(unix), rows: N, columns: 1 })],
  ];
  let plain: { posterior: Posterior; rmse: number };
  beforeAll(async () => {
    const posterior = await train(times, levels);
    plain = { posterior, rmse: (await runtime.evaluate(posterior, { x: times, y: levels })).rmse as number };
    expect(plain.rmse).toBeLessThan(0.2); // of a deviation of .7
  });

  test.each(forms)('costs no digits: %s', async (_, form) => {
    const posterior = await train(form(), levels);
    const { rmse } = await runtime.evaluate(posterior, { x: form(), y: levels });
    expect(rmse).toBeCloseTo(plain.rmse, 4);
    const at = [100, 101, 160];
    const x = at.map((t) => [OFFSET + t]);
    const { mean } = await runtime.predict(posterior, x, { draws: 50 });
    const wanted = await runtime.predict(plain.posterior, at, { draws: 50 });
    expect(new Set(mean).size).toBe(3);
    mean.forEach((value, i) => void expect(value).toBeCloseTo(wanted.mean[i], 3));
    await using session = await openSession(posterior, { backend: 'wasm' });
    expect((await session.predict(x, { draws: 50 })).mean).toEqual(mean);
  });

  test('validation sees the same rows', async () => {
    const validation = { x: unix.map((t) => [t]), y: levels, every: 30 };
    const reports = [];
    for await (const report of runtime.train(model, { x: unix, y: levels }, { ...options, validation }))
      reports.push(report);
    expect(reports.at(-1)?.validation?.rmse).toBeCloseTo(plain.rmse, 3);
  });
});

test('an offset of the targets is in the answers, to their last digits', async () => {
  const y = times.map((i) => OFFSET + i);
  const posterior = await train(times, y);
  const { rmse } = await runtime.evaluate(posterior, { x: times, y });
  expect(rmse).toBeLessThan(20); // float32 knows these to 64
  const { mean, quantiles } = await runtime.predict(posterior, times, { quantiles: [0.5] });
  const errors = Array.from(mean, (value, i) => value - y[i]);
  expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / N)).toBeCloseTo(rmse as number, 6);
  expect(new Set(mean).size).toBe(N);
  expect(new Set(quantiles?.[0].values).size).toBe(N);
  for await (const draw of runtime.draws(posterior, times, { draws: 1 }))
    expect(new Set(draw.values).size).toBe(N);
});

test.each([-76, 77])('targets in units of 2^%i: everything scales with them', async (power) => {
  const unit = 2 ** power; // 1.3e-23 and 1.5e23; a power of two so that the bits are the same
  const scaled = levels.map((y) => y * unit);
  const [plain, other] = [await train(times, levels), await train(times, scaled)];
  const ask = { draws: 20, quantiles: [0.05, 0.9] };
  const [a, b] = [await runtime.predict(plain, times, ask), await runtime.predict(other, times, ask)];
  const times_ = (values: Float64Array, by: number) => values.map((value) => value * by);
  expect(b.mean).toEqual(times_(a.mean, unit));
  for (const part of ['variance', 'aleatoric', 'epistemic'] as const) {
    expect(b[part]).toEqual(times_(a[part], unit * unit));
    expect(b[part].every((value) => value > 0 && value < Infinity)).toBe(true);
  }
  // Quantiles are searched for to a part of the noise scale.
  const sd = Math.sqrt(a.variance[0]);
  for (const [l, { values }] of (b.quantiles ?? []).entries())
    values.forEach((value, i) => {
      expect(Math.abs(value / unit - (a.quantiles?.[l].values[i] as number))).toBeLessThan(1e-6 * sd);
    });
  const one = await runtime.evaluate(plain, { x: times, y: levels }, { draws: 20 });
  const two = await runtime.evaluate(other, { x: times, y: scaled }, { draws: 20 });
  expect(two.rmse).toBe((one.rmse as number) * unit);
  expect(two.mae).toBe((one.mae as number) * unit);
  expect(two.coverage90).toBe(one.coverage90);
  expect(two.nll).toBeCloseTo(one.nll + power * Math.LN2, 10);
});

describe('numbers beyond float32', () => {
  const large = times.map((t) => t * 1e300);

  test('are trained on and predicted from where they are standardized', async () => {
    const [plain, posterior] = [await train(times, levels), await train(large, levels)];
    const [a, b] = await Promise.all([
      runtime.predict(plain, times, { draws: 20 }),
      runtime.predict(posterior, large, { draws: 20 }),
    ]);
    b.mean.forEach((value, i) => void expect(value).toBeCloseTo(a.mean[i], 3));
  });

  test('are refused by row and column where they are not', async () => {
    const plain = { ...options, standardize: 'none' } as const;
    const x = [[1], [2], [-1e39]];
    await expect(
      runtime.train(model, { x, y: [1, 2, 3] }, { epochs: 1, standardize: 'none' }),
    ).rejects.toThrow(
      'train: expected numbers up to 3.4e38, as float32 holds, got -1e+39 in row 2, column 0 of x — rescale the column, or standardize it',
    );
    await expect(
      runtime.train(model, { x: times, y: large }, { ...options, standardize: 'features' }),
    ).rejects.toThrow(
      /expected numbers up to 3\.4e38, as float32 holds, got 1e\+300 in row 1, column 0 of y/,
    );
    const posterior = await runtime.train(model, { x: times, y: levels }, { ...plain, epochs: 1 });
    for (const refused of [
      runtime.predict(posterior, [[0], [1e39]]),
      runtime.draws(posterior, [[0], [1e39]]).next(),
      runtime.evaluate(posterior, { x: [[0], [1e39]], y: [1, 2] }),
      openSession(posterior, { backend: 'wasm' }).then(async (session) => {
        await using open = session;
        return await open.predict([[0], [1e39]]);
      }),
    ])
      await expect(refused).rejects.toThrow(/got 1e\+39 in row 1, column 0 of x/);
    const validation = { x: [[1e39]], y: [1] };
    await expect(runtime.train(model, { x: times, y: levels }, { ...plain, validation })).rejects.toThrow(
      /^train: validation: expected numbers up to 3\.4e38/,
    );
  });

  test('and what is too far from the training rows to be standardized is refused too', async () => {
    const posterior = await train(
      times.map((t) => t * 1e-20),
      levels,
    );
    await expect(runtime.predict(posterior, [1e300])).rejects.toThrow(
      /^predict: expected numbers within 3\.4e38 standard deviations \(1\.73.*e-18\) of the training mean, got 1e\+300 in row 0, column 0 of x — check the units of the column$/,
    );
  });
});
