// The promise: the same problem, data and seed give the same bits whatever the number of workers, the backend, the faults on the
// way or what else was asked for.

import { afterAll, describe, expect, test, vi } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime, type Runtime } from '../../src/node.ts';
import { nodeBackends } from '../../src/platform/node/backends.ts';
import type { TrainOptions } from '../../src/runtime/options.ts';
import { FAULTY, type Fault, trainWithFaults } from '../support/faults.ts';
import { curveData, smallProblem, teamProblem } from '../support/problems.ts';

const WORKERS = [1, 2, 3, 7];
/** Every backend that promises these bits and can run here, besides wasm. */
const OTHERS = nodeBackends.names.filter((name) => {
  const { reproducible, available } = nodeBackends.named(name);
  return name !== 'wasm' && reproducible && available().ok;
});
const warnings: string[] = [];
const runtimes = new Map<number, Runtime>();

function runtime(workers: number): Runtime {
  let found = runtimes.get(workers);
  if (found === undefined) {
    found = createRuntime({
      ...FAULTY,
      workers,
      backend: 'wasm',
      seed: 'determinism',
      onWarning: (message) => warnings.push(message),
    });
    runtimes.set(workers, found);
  }
  return found;
}
afterAll(() => Promise.all([...runtimes.values()].map((open) => open.close())));

async function digestOf(workers: number, draws: number, more: TrainOptions = {}): Promise<string> {
  const { model, data, options } = teamProblem(draws);
  const { posterior, team } = await runtime(workers).train(model, data, { ...options, ...more }).result;
  expect(team, 'the problem must be worth all workers, or nothing is shown').toBe(workers);
  return posteriorDigest(posterior);
}

describe.each([1, 3])('training with %i draws a step', (draws) => {
  test('1, 2, 3 and 7 workers give one digest, twice', async () => {
    const digests: string[] = [];
    for (const workers of [...WORKERS, 2]) digests.push(await digestOf(workers, draws));
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(OTHERS)('the %s backend gives the digest of the wasm backend', async (backend) => {
    await using other = createRuntime({ workers: 2, backend, seed: 'determinism' });
    const { model, data, options } = teamProblem(draws);
    const posterior = await other.train(model, data, { ...options, epochs: 1 });
    expect(other.backend).toBe(backend);
    expect(posteriorDigest(posterior)).toBe(await digestOf(2, draws, { epochs: 1 }));
  });
});

describe('a training with faults', () => {
  const FAULTS: Fault[][] = [
    ...(['exit', 'throw'] as const).flatMap((kind) => [
      [{ kind, rank: 0, step: 0 }],
      [{ kind, rank: 2, step: 3 }],
      [{ kind, rank: 1, step: 5 }],
    ]),
    [
      { kind: 'exit', rank: 1, step: 1 },
      { kind: 'throw', rank: 0, step: 4 },
    ],
  ];
  test.each(FAULTS.map((faults) => ({ faults, name: JSON.stringify(faults) })))(
    'ends with the same bits and one warning a fault: $name',
    async ({ faults }) => {
      const { model, data, options } = teamProblem(1);
      const count = faults.length;
      warnings.length = 0;
      const reports: number[] = [];
      const run = trainWithFaults(runtime(3), model, data, options, [...faults]);
      for await (const { epoch } of run) reports.push(epoch);
      expect(posteriorDigest(await run)).toBe(await digestOf(1, 1));
      expect(warnings).toHaveLength(count);
      for (const warning of warnings)
        expect(warning).toMatch(/^train: a worker was lost near step \d+ \(.+\)/);
      expect(reports, 'each epoch is reported once').toEqual([1, 2]);
    },
  );

  test('a fault after a snapshot resumes from the snapshot, not from the start', async () => {
    const { model, data, options } = teamProblem(1);
    // The main thread's clock leaps: every stretch is then one step, and a snapshot is due after each.
    let leap = 0;
    const clock = performance.now.bind(performance);
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => clock() + (leap += 2_500));
    warnings.length = 0;
    try {
      const posterior = await trainWithFaults(runtime(3), model, data, { ...options, epochs: 5 }, [
        { kind: 'exit', rank: 2, step: 7 },
        { kind: 'throw', rank: 0, step: 12 },
      ]);
      expect(warnings).toHaveLength(2);
      expect(warnings[0]).toContain('near step 7');
      expect(warnings[0]).toContain('resuming from step 7');
      expect(warnings[1]).toContain('resuming from step 12');
      spy.mockRestore();
      expect(posteriorDigest(posterior)).toBe(await digestOf(1, 1, { epochs: 5 }));
    } finally {
      spy.mockRestore();
    }
  });

  test('a slow worker costs time only', async () => {
    const { model, data, options } = teamProblem(1);
    warnings.length = 0;
    const posterior = await trainWithFaults(runtime(3), model, data, options, [
      { kind: 'slow', rank: 1, step: 2 },
    ]);
    expect(posteriorDigest(posterior)).toBe(await digestOf(1, 1));
    expect(warnings).toEqual([]);
  });

  test('reports after a fault are those of a run without', async () => {
    const { model, data, options } = teamProblem(1);
    const numbers = async (faults: Fault[]) => {
      const seen = [];
      for await (const { seconds: _, ...report } of trainWithFaults(runtime(3), model, data, options, faults))
        seen.push(report);
      return seen;
    };
    expect(await numbers([{ kind: 'exit', rank: 1, step: 5 }])).toEqual(await numbers([]));
  });
});

describe('what does not belong to the problem', () => {
  test('validation, progress and the pace of stretches leave the bits alone', async () => {
    const validation = { ...curveData(30, 9, 'categorical', 3, 70), draws: 5 };
    const plain = await digestOf(3, 1);
    expect(await digestOf(3, 1, { validation })).toBe(plain);
    expect(await digestOf(3, 1, { onProgress: () => undefined })).toBe(plain);
  });

  test('the seed may be given to the runtime or to train, as 7 or as "7"', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    await using seven = createRuntime({ workers: 1, seed: 7 });
    const digests = [
      posteriorDigest(await seven.train(model, data, options)),
      posteriorDigest(await runtime(1).train(model, data, { ...options, seed: '7' })),
      posteriorDigest(await runtime(2).train(model, data, { ...options, seed: 7 })),
    ];
    expect(new Set(digests).size).toBe(1);
  });

  test('everything that is part of the problem changes the digest', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    const changes: TrainOptions[] = [
      {},
      { seed: 'another' },
      { batchSize: 24 },
      { draws: 2 },
      { epochs: 11 },
      { klWeighting: 'blundell' },
      { schedule: { kind: 'cosine' } },
      { initialRho: -4 },
      { standardize: 'none' },
      { likelihood: { kind: 'gaussian', scale: 1 } },
      { optimizer: { kind: 'sgd', learningRate: 0.01 } },
      { optimizer: { kind: 'adam', learningRate: 0.01, beta1: 0.8 } },
    ];
    const digests = [];
    for (const change of changes)
      digests.push(posteriorDigest(await runtime(1).train(model, data, { ...options, ...change })));
    const priors = [0.5].map((priorSigma) => ({
      ...model,
      prior: { kind: 'gaussian' as const, sigma: priorSigma },
    }));
    for (const other of priors) digests.push(posteriorDigest(await runtime(1).train(other, data, options)));
    expect(new Set(digests).size).toBe(changes.length + priors.length);
  });

  test('a small problem gets one worker and the same bits from any pool', async () => {
    const { model, data, options } = smallProblem('bernoulli', 3);
    const results = [];
    for (const workers of WORKERS)
      results.push(await runtime(workers).train(model, data, { ...options, draws: 2 }).result);
    expect(results.map(({ team }) => team)).toEqual([1, 1, 1, 1]);
    expect(new Set(results.map(({ posterior }) => posteriorDigest(posterior))).size).toBe(1);
  });
});

test('more workers than tiles share layers out by columns, to the same bits', async () => {
  const rows = 70; // of minibatches of 40 and 30: 3 and 2 tiles of 16 rows
  const data = {
    x: { data: Float32Array.from({ length: rows * 300 }, (_, i) => Math.sin(i * 1.3)), shape: [rows, 300] },
    y: Float32Array.from({ length: rows }, (_, i) => i % 3),
  };
  const model = build({ inputSize: 300, hiddenSizes: [401, 133], outputSize: 3, activation: 'tanh' });
  const digests = new Map<number, string>();
  for (const workers of [1, 4, 7, 16]) {
    await using other = createRuntime({ workers, backend: 'wasm', seed: 'columns' });
    const options = { likelihood: 'categorical', batchSize: 40, epochs: 3 } as const;
    const { posterior, team } = await other.train(model, data, options).result;
    expect(team).toBe(workers);
    digests.set(workers, posteriorDigest(posterior));
  }
  expect(new Set(digests.values()).size).toBe(1);
}, 30_000);

test('golden: twenty steps end in the digest kept here, on every machine and engine', async () => {
  const { model, data, options } = smallProblem('gaussian', 2);
  const posterior = await runtime(1).train(model, data, {
    ...options,
    epochs: 5,
    draws: 2,
    seed: 'golden',
    schedule: { kind: 'cosine', finalFraction: 0.1 },
    klWeighting: { kind: 'warmup', epochs: 3 },
  });
  // Changes only with a decision that changes results; then say so in CHANGELOG.md.
  expect(posteriorDigest(posterior)).toBe('dae7b6e53f9db460910afdfcfeae23ac4fd3fca95880f346e8b62711801c1d13');
});

describe('predictions', () => {
  const { model, data, options } = smallProblem('categorical', 5);
  const x = testRows(700);
  function testRows(rows: number) {
    const { x } = curveData(rows, 4, 'categorical', 5, 90);
    return (x as { data: Float32Array }).data;
  }
  const rowsOf = (from: number, to: number) => ({ data: x.slice(from * 4, to * 4), shape: [to - from, 4] });
  const trained = () => runtime(1).train(model, data, options);

  test('are equal for 1, 2, 3 and 7 workers and for every backend', async () => {
    const posterior = await trained();
    const quantiles = [0.05, 0.5, 0.95];
    const wanted = await runtime(1).predict(posterior, rowsOf(0, 700), { draws: 21, quantiles });
    for (const workers of WORKERS.slice(1)) {
      expect(await runtime(workers).predict(posterior, rowsOf(0, 700), { draws: 21, quantiles })).toEqual(
        wanted,
      );
    }
    for (const backend of OTHERS) {
      await using other = createRuntime({ workers: 2, backend });
      expect(await other.predict(posterior, rowsOf(0, 700), { draws: 21, quantiles })).toEqual(wanted);
    }
  });

  test('of a row do not depend on the rows around it', async () => {
    const posterior = await trained();
    const all = await runtime(2).predict(posterior, rowsOf(0, 700), { draws: 13 });
    for (const [from, to] of [
      [0, 1],
      [16, 33],
      [690, 700],
      [123, 456],
    ]) {
      const part = await runtime(2).predict(posterior, rowsOf(from, to), { draws: 13 });
      expect(part.mean).toEqual(all.mean.slice(from * 5, to * 5));
      expect(part.epistemic).toEqual(all.epistemic.slice(from * 5, to * 5));
      expect(part.mutualInformation).toEqual(all.mutualInformation?.slice(from, to));
    }
  });

  test('draw s is the same however many are asked for', async () => {
    const posterior = await trained();
    const take = async (draws: number, workers: number) => {
      const values: Float64Array[] = [];
      for await (const draw of runtime(workers).draws(posterior, rowsOf(0, 40), { draws })) {
        expect(draw.draw).toBe(values.length);
        values.push(draw.values);
      }
      expect(values).toHaveLength(draws);
      return values;
    };
    const many = await take(19, 3);
    for (const draws of [1, 7, 8, 9]) expect(await take(draws, 1)).toEqual(many.slice(0, draws));
    expect(many[0]).not.toEqual(many[1]);
    expect(many[0]).not.toEqual(many[8]);
  });
});
