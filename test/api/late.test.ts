// Arguments are read at the call: what becomes of them afterwards changes nothing, and a posterior that cannot answer says so.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KERNEL_EPOCH } from '../../src/backend/kernelEpoch.ts';
import {
  build,
  createRuntime,
  diagnosePosterior,
  ensembleOf,
  load,
  openSession,
  type Posterior,
  posteriorDigest,
  type Runtime,
  save,
  type TrainingState,
} from '../../src/index.ts';

const model = build({ inputSize: 2, hiddenSizes: [5, 3], outputSize: 1 });
const rows = Array.from({ length: 40 }, (_, r) => [Math.fround(r / 7), Math.fround((r * r) / 31 - 1)]);
const targets = rows.map(([a]) => Math.fround(a * 2));
const options = { epochs: 3, batchSize: 8 } as const;

let runtime: Runtime;
let posterior: Posterior;
beforeAll(async () => {
  runtime = createRuntime({ workers: 2, seed: 'late' });
  posterior = await runtime.train(model, { x: rows, y: targets }, options);
});
afterAll(() => runtime.close());

/** Tables in memory of the caller, and what overwrites all of them. */
function tables() {
  const nested = rows.map((row) => [...row]);
  const flat = Float32Array.from(rows.flat());
  const column = Float64Array.from(targets);
  const list = [...targets];
  const spoil = () => {
    for (const row of nested) row.fill(1e30);
    flat.fill(Number.NaN);
    column.fill(-7);
    list.fill(99);
    nested.length = 1;
  };
  return { nested, flat: { data: flat, shape: [rows.length, 2] }, column, list, spoil };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('tables changed right after the call', () => {
  test('train as they were', async () => {
    const given = tables();
    const runs = [
      runtime.train(model, { x: given.nested, y: given.column }, options),
      runtime.train(model, { x: given.flat, y: given.list }, options),
    ];
    given.spoil();
    for (const run of runs) expect(posteriorDigest(await run)).toBe(posteriorDigest(posterior));
  });

  test('validate as they were, epoch after epoch', async () => {
    const data = { x: rows, y: targets };
    const given = tables();
    const validation = { x: given.flat, y: given.list, draws: 4 };
    const run = runtime.train(model, data, { ...options, validation });
    given.spoil();
    const plain = runtime.train(model, data, { ...options, validation: { x: rows, y: targets, draws: 4 } });
    const metrics = async (training: typeof run) => (await all(training)).map((report) => report.validation);
    expect(await metrics(run)).toEqual(await metrics(plain));
  });

  test('train ensembles, predict, draw and evaluate as they were', async () => {
    const given = tables();
    const draws = runtime.draws(posterior, given.flat, { draws: 2 });
    const run = runtime.trainEnsemble(model, { x: given.flat, y: given.list }, { ...options, members: 2 });
    const calls = [
      runtime.predict(posterior, given.nested, { draws: 3 }),
      runtime.predict(posterior, given.flat, { draws: 3 }),
    ];
    const evaluation = runtime.evaluate(posterior, { x: given.flat, y: given.column }, { draws: 3 });
    given.spoil();
    const { mean } = await runtime.predict(posterior, rows, { draws: 3 });
    for (const call of calls) expect((await call).mean).toEqual(mean);
    expect(await evaluation).toEqual(
      await runtime.evaluate(posterior, { x: rows, y: targets }, { draws: 3 }),
    );
    const [draw] = await all(draws);
    expect(draw).toEqual((await all(runtime.draws(posterior, rows, { draws: 2 })))[0]);
    const plain = runtime.trainEnsemble(model, { x: rows, y: targets }, { ...options, members: 2 });
    expect(posteriorDigest(await run)).toBe(posteriorDigest(await plain));
  });

  test('are asked of a session as they were', async () => {
    await using session = await openSession(posterior);
    const given = tables();
    const [a, b] = [session.predict(given.flat, { draws: 3 }), session.predict(given.nested, { draws: 3 })];
    given.spoil();
    expect((await a).mean).toEqual((await b).mean);
    expect((await a).mean).toEqual((await session.predict(rows, { draws: 3 })).mean);
  });
});

test('a state and a model changed right after the call train on as they were', async () => {
  const data = { x: rows, y: targets };
  let state = {} as TrainingState;
  const checkpoint = { everySteps: 5, save: (saved: TrainingState) => void (state = saved) };
  const whole = await runtime.train(model, data, { ...options, checkpoint });
  const own = structuredClone(model) as unknown as { layers: { activation: string }[] };
  const run = runtime.train(own as never, data, { ...options, resume: state });
  for (const { data } of state.tensors) data.fill(0);
  own.layers[0].activation = 'gelu';
  own.layers.length = 1;
  expect(posteriorDigest(await run)).toBe(posteriorDigest(whole));
});

describe('a posterior that cannot answer', () => {
  const copy = () => structuredClone(posterior) as { -readonly [K in keyof Posterior]: Posterior[K] };
  const moved = (view: Float32Array) => {
    structuredClone(view, { transfer: [view.buffer as ArrayBuffer] });
  };
  const CASES: [string, (bad: ReturnType<typeof copy>) => unknown, string][] = [
    [
      'of a wrong length',
      (bad) => ({ ...bad, noiseScale: new Float32Array(2) }),
      'noiseScale: expected a Float32Array of 1, got a Float32Array of 2 — pass what train or load gave',
    ],
    [
      'with swapped layers',
      (bad) => ({ ...bad, layers: [bad.layers[1], bad.layers[0], bad.layers[2]] }),
      'layers[0].weight.mu: expected a Float32Array of 10, got a Float32Array of 15 — pass what train or load gave',
    ],
    [
      'with a layer less',
      (bad) => ({ ...bad, layers: bad.layers.slice(1) }),
      'layers: expected 3 layers like its model, got a list of 2 — pass what train or load gave',
    ],
    [
      'with memory that was transferred',
      (bad) => {
        moved(bad.layers[1].bias.rho);
        return bad;
      },
      'layers[1].bias.rho: expected a Float32Array of 3, got memory that was transferred — keep the posterior, and transfer a copy of it',
    ],
    [
      'from JSON',
      (bad) => JSON.parse(JSON.stringify(bad)),
      'standardization.features.loc: expected a Float64Array of 2, got a map — pass what train or load gave',
    ],
    [
      'with a number that is none',
      (bad) => {
        bad.layers[2].weight.mu[1] = Number.NaN;
        return bad;
      },
      'layers[2].weight.mu[1]: expected a finite number, got NaN — train again, or load it from its file',
    ],
    [
      'of another model',
      (bad) => ({ ...bad, model: build({ inputSize: 2, hiddenSizes: [4, 3], outputSize: 1 }) }),
      'layers[0].weight.mu: expected a Float32Array of 8, got a Float32Array of 10 — pass what train or load gave',
    ],
    [
      'of a later varpool',
      (bad) => ({ ...bad, kernelEpoch: 2 ** 32 + 1 }),
      `kernelEpoch: expected at most ${KERNEL_EPOCH}, got 4294967297 — use a newer varpool`,
    ],
    [
      'with a scale of text',
      (bad) => ({ ...bad, likelihood: { kind: 'gaussian', scale: '3' } }),
      'likelihood.scale: expected learned or a standard deviation above 0, got "3" — write it without quotes',
    ],
    ['that is a path', () => 'runs/x', 'expected a posterior, got "runs/x" — pass load(path)'],
    [
      'that is a model',
      () => model,
      'expected a posterior, got a model — train it first, and pass what that gives',
    ],
    [
      'that is not awaited',
      () => Promise.resolve(posterior),
      'expected a posterior, got a promise — await it first',
    ],
    ['that is none', () => null, 'expected a posterior, got null — pass what train or load gave'],
  ];

  test.each(CASES)('%s is refused by every call', async (_, make, message) => {
    const bad = make(copy()) as Posterior;
    const refusal = async (run: () => unknown) => {
      try {
        await run();
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(await refusal(() => runtime.predict(bad, rows))).toBe(`predict: ${message}`);
    expect(await refusal(() => runtime.draws(bad, rows).next())).toBe(`draws: ${message}`);
    expect(await refusal(() => runtime.evaluate(bad, { x: rows, y: targets }))).toBe(`evaluate: ${message}`);
    expect(await refusal(() => openSession(bad))).toBe(`openSession: ${message}`);
    expect(await refusal(() => posteriorDigest(bad))).toBe(`posteriorDigest: ${message}`);
    expect(await refusal(() => diagnosePosterior(bad))).toBe(`diagnosePosterior: ${message}`);
    expect(await refusal(() => save('unwritten', bad))).toBe(`save: ${message}`);
    expect(await refusal(() => ensembleOf([posterior, bad]))).toBe(`ensembleOf: posteriors[1]: ${message}`);
  });

  test('because its memory was transferred after it had answered, or while the call waited', async () => {
    const own = copy() as Posterior;
    await runtime.predict(own, rows, { draws: 1 });
    const waiting = runtime.predict(own, rows, { draws: 1 });
    moved(own.layers[0].weight.mu);
    const gone =
      /^predict: layers\[0\].weight.mu: expected a Float32Array of 10, got memory that was transferred/;
    await expect(waiting).rejects.toThrow(gone);
    await expect(runtime.predict(own, rows, { draws: 1 })).rejects.toThrow(gone);
  });
});

describe('load', () => {
  const dir = mkdtempSync(join(tmpdir(), 'varpool-load-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  test('takes the bytes of a file like its path', () => {
    const path = join(dir, 'posterior.safetensors');
    save(path, posterior);
    const bytes = readFileSync(path);
    expect(load(bytes)).toEqual(load(path));
    expect(load(new Uint8Array(bytes))).toEqual(load(path));
    bytes[bytes.length - 1] ^= 1;
    expect(() => load(bytes)).toThrow(/^load: .{1,300}$/);
    writeFileSync(path, bytes);
  });

  test.each([
    [new Uint8Array(5000), /^load: header: expected .{1,200}$/],
    [null, 'load: expected the path of a file, got null — write it as a string'],
    ['', 'load: expected the path of a file, got "" — write it as a string'],
    [{ path: 'x' }, 'load: expected the path of a file, got a map — write it as a string'],
  ])('refuses %o in one short line', (given, message) => {
    expect(() => load(given as never)).toThrow(message);
  });
});
