// Draws until a tolerance is reached: how many a row takes is a property of the row, and its answer is that of as many draws asked for outright, in
// the runtime and in a session, in every mode and for every kind of posterior.

import { afterAll, describe, expect, test } from 'vitest';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import { createRuntime, openSession } from '../../src/index.ts';
import { drawSteps } from '../../src/runtime/adaptiveDraws.ts';
import { type ModelName, POSTERIORS, rowsFor } from '../serve/harness.ts';

const runtime = createRuntime({ workers: 2, backend: 'wasm' });
afterAll(() => runtime.close());

/** Between the errors of these rows at 16 and at 256 draws, so that some need more draws than others. */
const TOLERANCE: Record<ModelName, number> = {
  curve: 0.8,
  pair: 0.08,
  kinds: 0.02,
  flags: 0.02,
  several: 0.08,
  old: 0.08,
};
const QUANTILES = [0.1, 0.9];

describe.each(Object.keys(POSTERIORS) as ModelName[])('%s', (name) => {
  const posterior = POSTERIORS[name];
  const K = posterior.model.outputSize;
  const x = rowsFor(name, 9);

  test.each(['sample', 'marginal'] as const)(
    'mode %s: the bits of as many draws, whatever rows are beside',
    async (mode) => {
      const quantiles = posterior.likelihood.kind === 'gaussian' ? QUANTILES : [];
      const draws = { tolerance: TOLERANCE[name], min: 16, max: 200 };
      const found = await runtime.predict(posterior, x, { draws, mode, quantiles });
      const counts = [...(found.rowDraws as Int32Array)];
      expect(found).toMatchObject({ rows: 9, draws: Math.max(...counts) });
      for (const count of new Set(counts)) {
        expect([16, 32, 64, 128, 200]).toContain(count);
        const fixed = await runtime.predict(posterior, x, { draws: count, mode, quantiles });
        for (const [r, own] of counts.entries()) {
          const errors = Array.from({ length: K }, (_, k) =>
            Math.sqrt(fixed.epistemic[r * K + k] / (count - 1)),
          );
          if (own > count) expect(Math.max(...errors)).toBeGreaterThan(draws.tolerance);
          if (own !== count) continue;
          if (count < 200) expect(Math.max(...errors)).toBeLessThanOrEqual(draws.tolerance);
          expect(rowOf(found, r)).toEqual(rowOf(fixed, r));
        }
      }
      const session = await openSession(posterior, { backend: 'wasm', capacity: 16 });
      expect(await session.predict(x, { draws, mode, quantiles })).toEqual(found);
      await session.close();
    },
  );
});

function rowOf(
  { outputs: K, mean, variance, aleatoric, mutualInformation, quantiles, rows }: Prediction,
  r: number,
) {
  const each = (mutualInformation?.length ?? 0) / rows;
  return {
    mean: mean.slice(r * K, (r + 1) * K),
    variance: variance.slice(r * K, (r + 1) * K),
    aleatoric: aleatoric.slice(r * K, (r + 1) * K),
    mutualInformation: mutualInformation?.slice(r * each, (r + 1) * each),
    quantiles: quantiles?.map(({ values }) => values.slice(r * K, (r + 1) * K)),
  };
}

test('rows need different numbers of draws, and a smaller tolerance more of them', async () => {
  const count = async (tolerance: number) => {
    const { rowDraws } = await runtime.predict(POSTERIORS.pair, rowsFor('pair', 40), {
      draws: { tolerance, min: 16 },
    });
    return [...(rowDraws as Int32Array)];
  };
  const [coarse, fine] = [await count(0.1), await count(0.05)];
  expect(new Set(coarse).size).toBeGreaterThan(1);
  for (const [r, draws] of coarse.entries()) expect(fine[r]).toBeGreaterThanOrEqual(draws);
  expect(drawSteps(16, 100)).toEqual([16, 32, 64, 100]);
  expect(drawSteps(16, 16)).toEqual([16]);
});

test('mode mean has nothing to draw', async () => {
  const x = rowsFor('pair', 3);
  const given = await runtime.predict(POSTERIORS.pair, x, { mode: 'mean', draws: { tolerance: 1e-9 } });
  expect(given).toEqual(await runtime.predict(POSTERIORS.pair, x, { mode: 'mean' }));
});

test.each<[object, RegExp]>([
  [{}, /^predict: draws: tolerance: expected a number above 0, got nothing — /],
  [{ tolerance: 0 }, /^predict: draws: tolerance: expected a number above 0, got 0 — /],
  [
    { tolerance: 1, minimum: 3 },
    /^predict: draws: minimum: expected a known key, got "minimum" — known here: tolerance, min, max/,
  ],
  [{ tolerance: 1, min: 3 }, /^predict: draws: min: expected at least 4, got 3 — raise it$/],
  [{ tolerance: 1, min: 50, max: 40 }, /^predict: draws: max: expected at least min, 50, got 40 — /],
])('wrong: %j', async (draws, message) => {
  const x = rowsFor('several', 1);
  await expect(runtime.predict(POSTERIORS.several, x, { draws: draws as never })).rejects.toThrow(message);
  const session = await openSession(POSTERIORS.several, { backend: 'wasm' });
  await expect(session.predict(x, { draws: draws as never })).rejects.toThrow(message);
  await session.close();
});

test('draws and evaluate take a fixed number', async () => {
  const x = rowsFor('pair', 1);
  const options = { draws: { tolerance: 1 } };
  await expect(runtime.draws(POSTERIORS.pair, x, options).next()).rejects.toThrow(
    /^draws: draws: expected a whole number, got a tolerance/,
  );
  await expect(runtime.evaluate(POSTERIORS.pair, { x, y: [[0, 0]] }, options)).rejects.toThrow(
    /^evaluate: draws: expected a whole number/,
  );
});
