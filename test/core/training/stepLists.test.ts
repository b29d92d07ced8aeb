// Steps by lists give the bits of steps call by call, for every member of every kind that makes kernel calls; and where steps are
// alike, lists are what is executed.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Backend, BackendFactory } from '../../../src/backend/backend.ts';
import { nativeFactory } from '../../../src/backend/native.node.ts';
import { ESTIMATORS } from '../../../src/core/estimators/index.ts';
import { KL_WEIGHTINGS } from '../../../src/core/klWeightings/index.ts';
import { createLikelihood, LIKELIHOODS, type LikelihoodSpec } from '../../../src/core/likelihoods/index.ts';
import type { Model } from '../../../src/core/model.ts';
import { OPTIMIZERS } from '../../../src/core/optimizers/index.ts';
import { createFamily, POSTERIORS } from '../../../src/core/posteriors/index.ts';
import { createPrior, PRIORS } from '../../../src/core/priors/index.ts';
import { SCHEDULES } from '../../../src/core/schedules/index.ts';
import { build, sequential } from '../../../src/index.ts';
import { checkOptions } from '../../../src/options/check.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { trainOptions } from '../../../src/runtime/optionSchemas.ts';
import { prepareTraining } from '../../../src/runtime/prepare.ts';
import { curveData } from '../../support/problems.ts';
import { TrainingHarness } from '../../support/trainingHarness.ts';

/** 7 steps an epoch, the last of 2 rows. */
const [ROWS, BATCH, EPOCHS] = [50, 8, 6];
const STEPS = 7 * EPOCHS;
/** Full and full, full and last, last and full minibatches behind each other, at even and at odd steps. */
const KINDS = 6;

/** Options without a default. */
const NEEDED: Readonly<Record<string, object>> = {
  step: { epochs: 1.5 },
  warmup: { epochs: 1.5 },
  tempered: { temperature: 0.5 },
};

const FACTORIES = [wasmFactory, nativeFactory].filter((factory) => factory.available().ok);
const compiled = new Map<BackendFactory, unknown>();
beforeAll(async () => {
  for (const factory of FACTORIES) compiled.set(factory, await factory.compile());
});

interface Given {
  readonly prior?: keyof typeof PRIORS;
  readonly model?: Model;
  readonly options?: Readonly<Record<string, unknown>>;
}

function prepared({ prior, model, options }: Given) {
  const network =
    model ??
    (prior === undefined
      ? build({ inputSize: 4, hiddenSizes: [18], outputSize: 2 })
      : sequential({
          inputShape: [4],
          layers: [
            { kind: 'dense', units: 18, activation: 'relu' },
            { kind: 'dense', units: 2 },
          ],
          prior,
        }));
  const given = { likelihood: 'gaussian', batchSize: BATCH, epochs: EPOCHS, ...options };
  const kind = given.likelihood as LikelihoodSpec['kind'];
  const { heads = 1 } = createLikelihood({ kind } as LikelihoodSpec);
  const data = curveData(ROWS, network.inputSize, kind, 2 / heads);
  return prepareTraining(network, data, checkOptions('train', trainOptions, given), 'lists');
}

/** State, losses and how many steps were executed by list. */
function trained(
  { problem, x, y }: ReturnType<typeof prepared>,
  factory: BackendFactory,
  lists: boolean,
  workers = 1,
) {
  let listed = 0;
  const counting: BackendFactory = {
    ...factory,
    create(arena, code, thread) {
      const { runCalls, ...backend } = factory.create(arena, code, thread) as Required<Backend>;
      const counted = (list: number, end: number) => {
        listed++;
        return runCalls(list, end);
      };
      return lists ? { ...backend, runCalls: counted } : backend;
    },
  };
  const rows = [Float32Array.from(x.data), Float32Array.from(y.data)] as const;
  const harness = new TrainingHarness(problem, counting, compiled.get(factory), ...rows, workers);
  // Stretches end anywhere.
  for (let from = 0; from < STEPS; from += 5) harness.run(from, Math.min(STEPS, from + 5));
  const losses = Array.from({ length: STEPS }, (_, step) => harness.loss(step));
  return { state: harness.state(), losses, listed };
}

/** Trains call by call and by lists, holds both to the same bits, and returns the steps executed by list. */
function listedSteps(given: Given, factory: BackendFactory): number {
  const training = prepared(given);
  const [called, listed] = [false, true].map((lists) => trained(training, factory, lists));
  expect(Buffer.compare(listed.state, called.state)).toBe(0);
  expect(listed.losses).toEqual(called.losses);
  expect(called.losses.every(Number.isFinite)).toBe(true);
  expect(called.listed).toBe(0);
  return listed.listed;
}

describe.each(FACTORIES)('$name', (factory) => {
  // The last step has no next minibatch, and there is no other like it.
  const all = STEPS - 1;

  test.each(Object.keys(ESTIMATORS))('estimator %s', (kind) => {
    expect(listedSteps({ options: { estimator: kind, draws: 2 } }, factory)).toBe(all);
  });

  test.each(Object.keys(POSTERIORS) as Array<keyof typeof POSTERIORS>)('posterior family %s', (kind) => {
    // Without a sigma the prior's part is a kernel call that is given the KL weight.
    const { family } = prepared({ options: { posterior: kind } }).problem;
    const wanted = createFamily(family).means === null ? all : all - KINDS;
    expect(listedSteps({ options: { posterior: kind, draws: 2 } }, factory)).toBe(wanted);
  });

  test.each(Object.keys(LIKELIHOODS))('likelihood %s', (kind) => {
    expect(listedSteps({ options: { likelihood: kind } }, factory)).toBe(all);
  });

  test.each(Object.keys(OPTIMIZERS))('optimizer %s', (kind) => {
    const optimizer = { kind, learningRate: 0.01 };
    expect(listedSteps({ options: { optimizer } }, factory)).toBe(all);
  });

  test.each(Object.keys(SCHEDULES))('schedule %s', (kind) => {
    expect(listedSteps({ options: { schedule: { kind, ...NEEDED[kind] } } }, factory)).toBe(all);
  });

  test.each(Object.keys(PRIORS) as Array<keyof typeof PRIORS>)('prior %s', (prior) => {
    // Kernels that are given the KL weight are recorded when a second step of a kind has the same one.
    const { sampled, expectedGradient } = createPrior(prepared({ prior }).problem.model.prior);
    const wanted = sampled || expectedGradient !== undefined ? all - KINDS : all;
    for (const estimator of Object.keys(ESTIMATORS))
      expect(listedSteps({ prior, options: { estimator, draws: 2 } }, factory)).toBe(wanted);
  });

  test.each(Object.keys(KL_WEIGHTINGS) as Array<keyof typeof KL_WEIGHTINGS>)('KL weighting %s', (kind) => {
    const klWeighting = { kind, ...NEEDED[kind] };
    expect(listedSteps({ options: { klWeighting } }, factory)).toBe(all);
    for (const prior of ['laplace', 'scaleMixture'] as const)
      expect(listedSteps({ prior, options: { klWeighting } }, factory)).toBeLessThan(all);
  });

  test('workers that take turns at a training each record lists of their own', () => {
    const training = prepared({});
    const called = trained(training, factory, false);
    for (const workers of [2, 3]) {
      const turns = trained(training, factory, true, workers);
      expect(Buffer.compare(turns.state, called.state)).toBe(0);
      expect(turns.losses).toEqual(called.losses);
      expect(turns.listed).toBe(all);
    }
  });

  test('a network of convolutions with a sum', () => {
    const model = sequential({
      inputShape: [3, 3, 1],
      layers: [
        { kind: 'conv2d', name: 'a', filters: 3, kernelSize: [2, 2], padding: 'same', activation: 'relu' },
        { kind: 'conv2d', name: 'b', filters: 3, kernelSize: [2, 2], padding: 'same', inputs: ['input'] },
        { kind: 'add', inputs: ['a', 'b'] },
        { kind: 'dense', units: 2 },
      ],
    });
    expect(listedSteps({ model }, factory)).toBe(all);
  });
});

test('a network whose blocks are too many for lists makes its calls one by one', () => {
  const model = build({ inputSize: 4, hiddenSizes: [7_400], outputSize: 2 });
  expect(listedSteps({ model }, wasmFactory)).toBe(0);
});
