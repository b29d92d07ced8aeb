// Any value in any place of any public call: it works, or is refused in one clear line. No engine's own words, no coercion, no crash.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sequential } from '../../src/core/sequential.ts';
import * as varpool from '../../src/index.ts';

const { build, createRuntime, openSession } = varpool;

const scratch = mkdtempSync(join(tmpdir(), 'varpool-arguments-'));
mkdirSync(join(scratch, 'any'));
const runtime = createRuntime({ workers: 1, onWarning: () => undefined });
const model = build({ inputSize: 2, hiddenSizes: [3], outputSize: 1 });
const x = [
  [0, 1],
  [1, 2],
  [2, 3],
];
const y = [0.5, 1, 2];
const data = { x, y };
let posterior: varpool.Posterior;
let session: varpool.Session;
let state: varpool.TrainingState;
let prediction: varpool.Prediction;

beforeAll(async () => {
  const save = (saved: varpool.TrainingState) => void (state = saved);
  posterior = await runtime.train(model, data, { epochs: 2, checkpoint: { everySteps: 1, save } });
  session = await openSession(posterior, { capacity: 16, cacheBytes: 0 });
  prediction = await runtime.predict(posterior, x, { draws: 2 });
  varpool.save(join(scratch, 'posterior'), posterior);
  varpool.writeCheckpoint(join(scratch, 'checkpoint'), state);
});
afterAll(async () => {
  await session.close();
  await runtime.close();
  rmSync(scratch, { recursive: true });
});

/** Values that must not be passed, and what a JSON round trip or a mix-up makes of values that may. */
const STRANGE: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => true,
  () => '',
  () => '7',
  () => 'adam',
  () => 'x'.repeat(5000),
  () => 0,
  () => -0,
  () => -1,
  () => 1.5,
  () => 3,
  () => 1e12,
  () => 1e300,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 5n,
  () => 10n ** 400n,
  () => Symbol('s'),
  () => () => 1,
  () => [],
  () => [[]],
  () => [null],
  () => [5],
  () => [[5, 'a']],
  () => new Array(3),
  () => Object.assign(new Array(3), { 0: [1, 2], 2: [3, 4] }),
  () => ({}),
  () => ({ kind: 'x' }),
  () => ({ kind: null }),
  () => Object.create(null),
  () => JSON.parse('{"__proto__": {"epochs": 3}, "constructor": 1}'),
  () => new Date(0),
  () => /x/,
  () => new Map([['epochs', 3]]),
  () => new Set([1]),
  () => Object(5),
  () => new Error('lost'),
  () => Promise.resolve(3),
  () => new Float32Array(3),
  () => new Float32Array([1, Number.NaN]),
  () => new Float64Array(6),
  () => new BigInt64Array(3),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => Buffer.from('abc'),
  () => transferred(new Float32Array(3)),
  () => ({ data: new Float32Array(6), shape: [3, 2] }),
  () => ({ data: [1, 2], shape: ['2', 1] }),
  () => ({ data: '12', shape: [2] }),
  () => ({ shape: [2], dataSync: () => null }),
  () => ({ shape: [2], dtype: 'string', dataSync: () => ['a', 'b'] }),
  () => ({ data: [1, 2], rows: -1, columns: -2 }),
  () => new AbortController().signal,
  () => model,
  () => posterior,
  () => prediction,
  () => runtime,
  () => ({
    get kind() {
      throw new Error('a getter of the caller');
    },
    get shape() {
      throw new Error('a getter of the caller');
    },
  }),
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('a getter of the caller');
        },
      },
    ),
  () => new Proxy({}, { get: (_, key) => key }),
];

function transferred<T extends ArrayBufferView>(view: T): T {
  structuredClone(view, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}

const CALLS: Record<
  string,
  { readonly run: (...given: never[]) => unknown; readonly valid: () => unknown[] }
> = {
  build: {
    run: build,
    valid: () => [{ inputSize: 2, hiddenSizes: [3], outputSize: 1, activation: 'tanh', priorSigma: 1 }],
  },
  input: { run: varpool.input, valid: () => [2] },
  bayesianDense: {
    run: varpool.bayesianDense,
    valid: () => [varpool.input(2), 3, { name: 'a', activation: 'relu' }],
  },
  toModel: {
    run: varpool.toModel,
    valid: () => [varpool.bayesianDense(varpool.input(2), 3), { priorSigma: 2 }],
  },
  sequential: {
    run: sequential,
    valid: () => [
      {
        inputShape: [2],
        layers: [
          { kind: 'dense', units: 3, name: 'a', activation: 'relu' },
          { kind: 'dense', units: 3, prior: { kind: 'gaussian', sigma: 2 } },
          { kind: 'add', inputs: ['a', 'dense_1'] },
        ],
        prior: 'gaussian',
      },
    ],
  },
  klCost: { run: varpool.klCost, valid: () => [[[1, 2]], [[0, 1]], { priorSigma: 1 }] },
  elboLoss: {
    run: varpool.elboLoss,
    valid: () => [[[1, 2]], [[0, 1]], 3, { beta: 1, lossFn: 'crossEntropy' }],
  },
  createRuntime: {
    run: ((options: never) => createRuntime(options).close()) as never,
    valid: () => [{ workers: 1, backend: 'wasm', seed: 's', onWarning: () => undefined }],
  },
  train: {
    run: ((...given: [never, never, never]) => runtime.train(...given)) as never,
    valid: () => [
      model,
      data,
      {
        epochs: 1,
        batchSize: 2,
        draws: 1,
        estimator: 'reparameterization',
        likelihood: { kind: 'gaussian', scale: 'learned' },
        optimizer: { kind: 'adam', learningRate: 0.01, beta1: 0.9 },
        schedule: { kind: 'cosine', finalFraction: 0.1 },
        klWeighting: { kind: 'warmup', epochs: 2 },
        initialRho: -5,
        standardize: 'both',
        classNames: ['a'],
        seed: 7,
        validation: { x, y, every: 1, draws: 2 },
        diagnostics: { every: 1 },
        earlyStopping: { metric: 'nll', patience: 2, minDelta: 0 },
        select: { kind: 'best', metric: 'nll' },
        signal: new AbortController().signal,
        onProgress: () => undefined,
        onReport: () => undefined,
        checkpoint: { everySteps: 2, everySeconds: 3, save: () => undefined },
      },
    ],
  },
  resume: {
    run: ((...given: [never, never, never]) => runtime.train(...given)) as never,
    valid: () => [model, data, { epochs: 2, resume: { ...state } }],
  },
  trainEnsemble: {
    run: ((...given: [never, never, never]) => runtime.trainEnsemble(...given)) as never,
    valid: () => [
      model,
      data,
      { members: 2, epochs: 1, trained: new Map([[0, posterior]]), onMember: () => undefined },
    ],
  },
  predict: {
    run: ((...given: [never, never, never]) => runtime.predict(...given)) as never,
    valid: () => [posterior, x, { draws: 2, mode: 'sample', quantiles: [0.1, 0.9] }],
  },
  draws: {
    run: ((...given: [never, never, never]) => runtime.draws(...given).next()) as never,
    valid: () => [posterior, { data: [1, 2], shape: [1, 2] }, { draws: 2, mode: 'sample' }],
  },
  evaluate: {
    run: ((...given: [never, never, never]) => runtime.evaluate(...given)) as never,
    valid: () => [varpool.ensembleOf([posterior, posterior]), data, { draws: 2, mode: 'mean' }],
  },
  openSession: {
    run: (async (...given: [never, never]) => (await openSession(...given)).close()) as never,
    valid: () => [posterior, { backend: 'wasm', capacity: 16, cacheBytes: 0 }],
  },
  'session.predict': {
    run: ((...given: [never, never]) => session.predict(...given)) as never,
    valid: () => [x, { draws: 2, mode: 'marginal', quantiles: [0.5] }],
  },
  ensembleOf: { run: varpool.ensembleOf, valid: () => [[posterior, posterior]] },
  diagnosePosterior: { run: varpool.diagnosePosterior, valid: () => [posterior] },
  posteriorDigest: { run: varpool.posteriorDigest, valid: () => [posterior] },
  toTensors: {
    run: varpool.toTensors as never,
    valid: () => [{ tensor: (values: unknown) => values }, prediction],
  },
  save: {
    run: ((path: unknown, ...rest: [never]) => varpool.save(scratched(path), ...rest)) as never,
    valid: () => [join(scratch, 'saved'), posterior],
  },
  load: { run: varpool.load, valid: () => [join(scratch, 'posterior')] },
  readCheckpoint: { run: varpool.readCheckpoint, valid: () => [join(scratch, 'checkpoint')] },
  writeCheckpoint: {
    run: ((path: unknown, ...rest: [never]) => varpool.writeCheckpoint(scratched(path), ...rest)) as never,
    valid: () => [join(scratch, 'written'), state, null],
  },
  memberSeed: { run: varpool.memberSeed, valid: () => ['seed', 3] },
  epochRows: { run: varpool.epochRows, valid: () => ['seed', 1, 3] },
  stepRows: { run: varpool.stepRows, valid: () => ['seed', 1, 3, 2] },
};

/** A path among the files of this test, and nowhere else; what is none stays none. */
function scratched(path: unknown): never {
  const relative = typeof path === 'string' && path !== '' && !path.startsWith(scratch);
  return (relative ? join(scratch, 'any', path.replaceAll(/[\\/]/g, '_')) : path) as never;
}

/** Places in arguments: paths of keys, the deeper ones of plain objects and lists only. */
function places(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  const own = path.length === 0 ? [] : [[...path]];
  const plain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!plain || path.length > 4) return own;
  const keys = Array.isArray(value) ? value.map((_, i) => i).slice(0, 3) : Object.keys(value as object);
  return [...own, ...keys.flatMap((key) => places((value as never)[key], [...path, key]))];
}

/** A copy of arguments with another value in one place, or a place that is gone. */
function mutated(
  value: unknown,
  [key, ...rest]: readonly (string | number)[],
  change: () => unknown,
): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  copy[key] = rest.length === 0 ? change() : mutated(copy[key], rest, change);
  return copy;
}

const LINE = /^.+: expected .+, got .+ — .+$/;
const ENGINE =
  /Cannot (?:read|use|convert|mix|perform)|is not (?:a function|iterable|defined|a constructor)|Invalid (?:array|typed)|undefined \(reading/;

/** Anything but counts that would be taken, and worked on for hours. */
const harmless = fc.anything().filter((value) => !(typeof value === 'number' && value > 50));

/** The error's faults as a refusal. */
function faultsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return ['no Error'];
  const { name, message, code, cause } = error as Error & { code?: string };
  const faults: string[] = [];
  if (!(error instanceof TypeError || error instanceof RangeError || code?.startsWith('VARPOOL_')))
    faults.push(`class ${name}`);
  if (!LINE.test(message)) faults.push('not one line of what was expected, what was got, and what to do');
  if (message.length > 700) faults.push(`${message.length} characters`);
  if (ENGINE.test(message) && cause === undefined) faults.push("an engine's own words");
  // What the arguments themselves threw when they were read is theirs.
  if (cause instanceof TypeError && ENGINE.test(cause.message) && !/proxy|#<Object>/.test(cause.message))
    faults.push(`from within: ${cause.stack}`);
  return faults;
}

async function refusal(run: () => unknown): Promise<unknown> {
  try {
    await run();
    return null;
  } catch (error) {
    return error;
  }
}

describe.each(Object.entries(CALLS))('%s', (_, { run, valid }) => {
  test('takes what it is made for', async () => {
    expect(await refusal(() => run(...(valid() as never[])))).toBeNull();
  });

  test('takes or refuses any value in any place', async () => {
    const given = valid();
    const place = fc.constantFrom(...places(given));
    const change = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...STRANGE) },
      { weight: 1, arbitrary: harmless.map((value) => () => value) },
    );
    await fc.assert(
      fc.asyncProperty(place, change, async (path, make) => {
        const error = await refusal(() => run(...(mutated(given, path, make) as never[])));
        const faults = error === null ? [] : faultsOf(error);
        if (faults.length > 0)
          throw new Error(`${path.join('.')}: ${faults.join('; ')}: ${(error as Error)?.stack ?? error}`);
      }),
      { numRuns: Number(process.env.RUNS ?? 150) },
    );
  }, 120_000);
});

test.each<[string, unknown, string]>([
  ['null', null, ': expected a list of names, got null'],
  ['a text', 'ab', ': expected a list of names, got "ab"'],
  ['numbers', ['a', 1], '[1]: expected a name, got 1'],
  ['holes', new Array(2), '[0]: expected a name, got nothing'],
])('names of classes that are %s are refused beside the rows', async (_, classNames, refused) => {
  const named = { ...(data as varpool.TrainingData), classNames: classNames as string[] };
  await expect(runtime.train(model, named, { epochs: 1 })).rejects.toThrow(
    `train: classNames${refused} — pass { x, y }, with names of the classes or without`,
  );
  await expect(runtime.train(model, posterior as never, { epochs: 1 })).rejects.toThrow(TypeError);
});

test.each([[], [undefined], [null], [null, null, null]])(
  'any call with arguments %j only is refused in one line',
  async (...given) => {
    for (const [name, { run }] of Object.entries(CALLS)) {
      if (name === 'createRuntime' && given[0] === undefined) continue;
      const error = await refusal(() => run(...(given as never[])));
      expect([name, error === null ? 'no refusal' : faultsOf(error)]).toEqual([name, []]);
    }
  },
);

test.each<[unknown, () => unknown, RegExp]>([
  ['0', () => posterior, /^trainEnsemble: trained: expected numbers of members from 0 to 1, got "0" — /],
  [2, () => posterior, /^trainEnsemble: trained: expected numbers of members from 0 to 1, got 2 — /],
  [1, () => model, /^trainEnsemble: trained: member 1: expected a posterior, got a model — /],
])('a member %o that is there already but none of the ensemble is refused', async (m, make, message) => {
  const trained = new Map([[m, make()]]) as never;
  await expect(Promise.resolve(runtime.trainEnsemble(model, data, { members: 2, trained }))).rejects.toThrow(
    message,
  );
});
