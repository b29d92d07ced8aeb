// Mode marginal of predict, evaluate and sessions: the same statistics of every row as drawn weights give, to Monte Carlo error, and the
// same bits for any number of workers, backend and way to ask.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../../src/core/bayesian.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { ensembleOf } from '../../../src/core/posteriors/ensembleOf.ts';
import { predictionMemory } from '../../../src/core/prediction/predictionMemory.ts';
import type { Prediction } from '../../../src/core/predictive/prediction.ts';
import { createRuntime, openSession, type Runtime } from '../../../src/node.ts';
import { nodeBackends } from '../../../src/platform/node/backends.ts';
import type { PredictOptions } from '../../../src/runtime/options.ts';
import { tileRows } from '../../../src/scheduler/tiles.ts';
import { madeUpPosterior } from '../../support/predictionHarness.ts';
import { curveData, smallProblem } from '../../support/problems.ts';

const KINDS = [
  { kind: 'categorical', K: 5 },
  { kind: 'bernoulli', K: 3 },
  { kind: 'gaussian', K: 2 },
] as const;

/** Every backend that can run here and promises its bits. */
const REPRODUCIBLE = nodeBackends.names.filter((name) => {
  const { reproducible, available } = nodeBackends.named(name);
  return reproducible && available().ok;
});

let runtime: Runtime;
const posteriors = new Map<string, Posterior>();
beforeAll(async () => {
  runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'marginal' });
  for (const { kind, K } of KINDS) {
    const { model, data, options } = smallProblem(kind, K);
    // Wide weights, so that there is much to be wrong about.
    posteriors.set(kind, await runtime.train(model, data, { ...options, initialRho: -0.5 }));
  }
});
afterAll(() => runtime.close());

const posterior = (kind: string) => posteriors.get(kind) as Posterior;
const rows = (count: number) =>
  curveData(count, 4, 'gaussian', 1, 130).x as { data: Float32Array; shape: number[] };
const marginal = (draws: number, more: PredictOptions = {}): PredictOptions => ({
  mode: 'marginal',
  draws,
  ...more,
});

const BATCHES = 30;
/** Mean and its standard error over batches of draws with seeds of their own, of each number `measure` gives. */
async function batches(q: Posterior, measure: (q: Posterior) => Promise<ArrayLike<number>>) {
  const runs: ArrayLike<number>[] = [];
  for (let b = 0; b < BATCHES; b++) runs.push(await measure({ ...q, seed: `batch ${b}` }));
  return Array.from(runs[0], (_, i) => {
    const mean = runs.reduce((sum, run) => sum + run[i], 0) / BATCHES;
    const m2 = runs.reduce((sum, run) => sum + (run[i] - mean) ** 2, 0);
    return { mean, squaredError: m2 / (BATCHES - 1) / BATCHES };
  });
}

async function largestScore(
  one: Posterior,
  other: Posterior,
  measure: (q: Posterior, mode: 'sample' | 'marginal') => Promise<ArrayLike<number>>,
): Promise<number> {
  const a = await batches(one, (q) => measure(q, 'sample'));
  const b = await batches(other, (q) => measure(q, 'marginal'));
  return Math.max(
    ...a.map((x, i) => Math.abs(x.mean - b[i].mean) / Math.sqrt(x.squaredError + b[i].squaredError)),
  );
}

/** The posterior with every sigma a tenth larger or so. */
function wider(q: Posterior): Posterior {
  const widen = ({ mu, rho }: { mu: Float32Array; rho: Float32Array }) => ({
    mu,
    rho: rho.map((r) => r + 0.15),
  });
  return { ...q, layers: q.layers.map(({ weight, bias }) => ({ weight: widen(weight), bias: widen(bias) })) };
}

describe.each(KINDS)('$kind', ({ kind }) => {
  const statistics = async (q: Posterior, mode: 'sample' | 'marginal') => {
    const p = await runtime.predict(q, rows(9), { mode, draws: 400, quantiles: [0.1, 0.8] });
    const { predictiveEntropy, expectedEntropy, mutualInformation, quantiles } = p;
    const parts: (Float32Array | Float64Array)[] = [p.mean, p.variance, p.aleatoric, p.epistemic];
    if (kind === 'gaussian')
      parts.splice(2, 1); // the same number in all draws
    else parts.push(...([predictiveEntropy, expectedEntropy, mutualInformation] as Float32Array[]));
    return Float64Array.from(
      [...parts, ...quantiles!.map(({ values }) => values)].flatMap((part) => [...part]),
    );
  };

  // Some 200 differences of means of 30 batches: Student's t of 58 degrees of freedom leaves 1e-6 each beyond 5.5.
  test('every statistic of a row is that of drawn weights', async () => {
    expect(await largestScore(posterior(kind), posterior(kind), statistics)).toBeLessThan(5.5);
  }, 60_000);

  test('and it would be seen if sigma were a tenth too large', async () => {
    expect(await largestScore(posterior(kind), wider(posterior(kind)), statistics)).toBeGreaterThan(5.5);
  }, 60_000);

  test('evaluate agrees', async () => {
    const data = curveData(60, 4, kind, posterior(kind).model.outputSize, 50);
    const metrics = async (q: Posterior, mode: 'sample' | 'marginal') => {
      // Rows that share no draws have a smaller Monte Carlo error, as they should.
      const {
        rows: _,
        draws,
        nllMonteCarloError: __,
        ...numbers
      } = await runtime.evaluate(q, data, { mode, draws: 60 });
      expect(draws).toBe(60);
      return Object.values(numbers);
    };
    expect(await largestScore(posterior(kind), posterior(kind), metrics)).toBeLessThan(5.5);
  }, 60_000);

  const asked = marginal(75, { quantiles: [0.05, 0.5] });

  test('1, 2, 3 and 7 workers and every backend give the same bits', async () => {
    const wanted: Prediction[] = [];
    for (const count of [1, 9, 300]) wanted.push(await runtime.predict(posterior(kind), rows(count), asked));
    for (const [workers, backend] of [
      ...[1, 3, 7].map((n) => [n, 'wasm'] as const),
      ...REPRODUCIBLE.map((name) => [2, name] as const),
    ]) {
      await using other = createRuntime({ workers, backend });
      for (const [i, count] of (backend === 'reference' ? [1, 9] : [1, 9, 300]).entries())
        expect(await other.predict(posterior(kind), rows(count), asked), `${workers} ${backend}`).toEqual(
          wanted[i],
        );
    }
  }, 60_000);

  test('a session gives the bits of predict, in turn with the other modes', async () => {
    await using session = await openSession(posterior(kind), { capacity: 20 });
    for (const count of [1, 7, 17, 45, 1]) {
      for (const options of [asked, { draws: 9 }, marginal(33), { mode: 'mean' as const }, marginal(1)]) {
        expect(await session.predict(rows(count), options)).toEqual(
          await runtime.predict(posterior(kind), rows(count), options),
        );
      }
    }
  });

  test('a row is answered as it is alone, wherever it stands and whatever stands beside it', async () => {
    const q = posterior(kind);
    const K = q.model.outputSize;
    const options = marginal(40, { quantiles: [0.05, 0.5] });
    const { data } = rows(300);
    const all = await runtime.predict(q, rows(300), options);
    await using session = await openSession(q, { capacity: 20 });
    for (const r of [0, 1, 15, 16, 17, 130, 299]) {
      const row = { data: data.slice(4 * r, 4 * r + 4), shape: [1, 4] };
      const alone = await runtime.predict(q, row, options);
      expect(await session.predict(row, options)).toEqual(alone);
      const part = (name: 'mean' | 'variance' | 'aleatoric' | 'epistemic') =>
        expect(all[name].slice(r * K, (r + 1) * K), `${name} of row ${r}`).toEqual(alone[name]);
      for (const name of ['mean', 'variance', 'aleatoric', 'epistemic'] as const) part(name);
      for (const name of ['predictiveEntropy', 'expectedEntropy', 'mutualInformation'] as const) {
        const perRow = alone[name]?.length ?? 0;
        expect(all[name]?.slice(r * perRow, (r + 1) * perRow)).toEqual(alone[name] ?? undefined);
      }
      for (const [l, { values }] of (alone.quantiles ?? []).entries())
        expect(all.quantiles?.[l].values.slice(r * K, (r + 1) * K)).toEqual(values);
    }
    const shuffled = Float32Array.from([...data.subarray(400), ...data.subarray(0, 400)]);
    const moved = await runtime.predict(q, { data: shuffled, shape: [300, 4] }, options);
    expect(moved.mean.slice(200 * K)).toEqual(all.mean.slice(0, 100 * K));
  });
});

test('a large network is prepared by all workers, to the same bits', async () => {
  const model = build({ inputSize: 300, hiddenSizes: [300, 290], outputSize: 3 });
  const q = madeUpPosterior(model, { kind: 'categorical' });
  const x = curveData(40, 300, 'gaussian', 1).x;
  const one = createRuntime({ workers: 1, backend: 'wasm' });
  const three = createRuntime({ workers: 3, backend: 'wasm' });
  expect(await three.predict(q, x, marginal(70))).toEqual(await one.predict(q, x, marginal(70)));
  await Promise.all([one.close(), three.close()]);
});

test('an ensemble mixes the marginal predictions of its members, in a session too', async () => {
  const members = [posterior('categorical'), { ...posterior('categorical'), seed: 'another' }];
  const ensemble = ensembleOf(members);
  const mixed = await runtime.predict(ensemble, rows(20), marginal(66));
  const parts = await Promise.all(members.map((q) => runtime.predict(q, rows(20), marginal(33))));
  for (const [i, mean] of mixed.mean.entries())
    expect(mean).toBeCloseTo((parts[0].mean[i] + parts[1].mean[i]) / 2, 6);
  expect(parts[0].mean).not.toEqual(parts[1].mean);
  await using session = await openSession(ensemble, { capacity: 7 });
  expect(await session.predict(rows(20), marginal(66))).toEqual(mixed);
});

test('draws refuses it and says why', async () => {
  const message =
    'draws: mode: expected sample or mean, got marginal — its draws are of each row alone, not of a function over rows';
  const refused = runtime.draws(posterior('gaussian'), rows(2), { mode: 'marginal' } as never).next();
  await expect(refused).rejects.toThrow(expect.objectContaining({ name: 'RangeError', message }));
});

test('it can be aborted, and tells its progress', async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  const running = runtime.predict(
    posterior('gaussian'),
    rows(900),
    marginal(30_000, {
      signal: controller.signal,
      onProgress: ({ done }) => {
        seen.push(done);
        if (done >= 3) controller.abort(new Error('enough'));
      },
    }),
  );
  await expect(running).rejects.toThrow('enough');
  expect(Math.max(...seen)).toBeGreaterThanOrEqual(3);
});

test('memory does not grow with the number of draws, and holds no drawn weights', () => {
  const model = build({ inputSize: 400, hiddenSizes: [400], outputSize: 5 });
  const memory = (mode: 'sample' | 'marginal', draws: number) =>
    predictionMemory(
      {
        model,
        likelihood: { kind: 'categorical' },
        seed: 's',
        capacity: 100,
        tileRows: tileRows(100, 400, 5, draws, 2, mode),
        slots: 8,
        mode,
        keepDraws: false,
      },
      8,
    ).arena;
  expect(memory('marginal', 10_000).bytes).toBe(memory('marginal', 1000).bytes);
  expect(memory('marginal', 1000).regions.get('slot0.w')?.bytes).toBe(0);
  expect(memory('marginal', 1000).regions.get('variance')?.bytes).toBeGreaterThan(400 * 400 * 4);
  expect(memory('sample', 1000).regions.get('variance')?.bytes).toBe(0);
});
