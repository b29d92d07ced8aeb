// Clipped gradients: a step as long as allowed in the direction it would have had, for any estimator, prior and family; no bit is changed
// where nothing is clipped, and the bits are those of any number of workers.

import { beforeAll, describe, expect, test } from 'vitest';
import type { PriorSpec } from '../../../src/core/priors/index.ts';
import type { TrainingProblem } from '../../../src/core/training/problem.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { trainOptions } from '../../../src/experiment/run/train.ts';
import { build, createRuntime, posteriorDigest } from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { expectReferenceBits } from '../../support/gradientChecks.ts';
import { teamProblem } from '../../support/problems.ts';
import { randomParameters, TrainingHarness, testNormals } from '../../support/trainingHarness.ts';

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
});

const [x, y] = [testNormals(40 * 3, 1), testNormals(40 * 2, 2)];

function problemOf(
  gradientClip: number | undefined,
  given: Partial<TrainingProblem> = {},
  prior: PriorSpec = { kind: 'gaussian', sigma: 0.7 },
): TrainingProblem {
  return {
    model: build({ inputSize: 3, hiddenSizes: [21], outputSize: 2, prior }),
    likelihood: { kind: 'gaussian', scale: 0.5 },
    rowCount: 40,
    batchSize: 20,
    draws: 1,
    epochs: 3,
    optimizer: { kind: 'sgd', learningRate: 1, momentum: 0 },
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    seed: 'clip',
    ...given,
    ...(gradientClip === undefined ? {} : { gradientClip }),
  };
}

function harnessOf(problem: TrainingProblem): TrainingHarness {
  const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
  randomParameters(harness);
  return harness;
}

/** The gradient of the first step: mu, then rho, all layers. */
function moved(problem: TrainingProblem): number[] {
  const harness = harnessOf(problem);
  const values = () =>
    [harness.memory.mu, ...(problem.family === undefined ? [harness.memory.rho] : [])].flatMap((buffer) =>
      [0, 1].flatMap((l) => {
        const { weight, bias } = harness.get(buffer, l);
        return [...weight, ...bias];
      }),
    );
  const before = values();
  harness.run(0, 1);
  return values().map((value, i) => before[i] - value);
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

describe.each([
  ['one draw', {}, undefined],
  ['several draws', { draws: 3 }, undefined],
  ['antithetic pairs', { draws: 2, estimator: { kind: 'antithetic' } }, undefined],
  ['local reparameterization', { estimator: { kind: 'localReparameterization' } }, undefined],
  ['flipout', { draws: 2, estimator: { kind: 'flipout' } }, undefined],
  ['a prior with a closed form of its own', {}, { kind: 'laplace', scale: 0.5 }],
  ['a prior met at drawn weights', { draws: 2 }, { kind: 'scaleMixture', pi: 0.5, scale1: 1, scale2: 0.05 }],
  ['a point estimate', { family: { kind: 'point' } }, undefined],
] as const)('%s', (_, given, prior) => {
  test('a step is as long as allowed, and has the direction it would have had', () => {
    const free = moved(problemOf(undefined, given, prior));
    const length = norm(free);
    const most = length / 3;
    const clipped = moved(problemOf(most, given, prior));
    // Sums of some 150 squares in float32; differences of parameters of size 1 carry their roundings.
    expect(Math.abs(norm(clipped) / most - 1)).toBeLessThan(1e-5);
    for (const [i, value] of clipped.entries())
      expect(Math.abs(value - free[i] / 3)).toBeLessThan(1e-6 * length);
  });

  test('what is short enough keeps its bits', () => {
    const [free, clipped] = [undefined, 1e6].map((most) => {
      const optimizer = { kind: 'adam', learningRate: 0.01 } as const;
      const harness = harnessOf(problemOf(most, { ...given, optimizer }, prior));
      harness.run(0, 4);
      return harness.state();
    });
    expect(Buffer.compare(free, clipped)).toBe(0);
  });
});

test('a step has the same bits in WebAssembly and in plain loops', () => {
  expectReferenceBits(problemOf(0.05, { draws: 2 }), { x, y, steps: 3 }, compiled);
});

test('a training has the same digest for 1, 2 and 3 workers and after a resume, and another without the limit', async () => {
  const { model, data, options } = teamProblem(2);
  const clipped = { ...options, gradientClip: 0.01 };
  const digests: string[] = [];
  const states: TrainingState[] = [];
  for (const workers of [1, 2, 3]) {
    await using runtime = createRuntime({ workers, backend: 'wasm', seed: 'clip' });
    const save = (state: TrainingState) => void states.push(structuredClone(state));
    const run = runtime.train(model, data, { ...clipped, checkpoint: { everySteps: 2, save } });
    digests.push(posteriorDigest(await run));
  }
  await using runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'clip' });
  digests.push(posteriorDigest(await runtime.train(model, data, { ...clipped, resume: states[0] })));
  expect(new Set(digests).size).toBe(1);
  expect(posteriorDigest(await runtime.train(model, data, options))).not.toBe(digests[0]);
});

test('ivon refuses it, and a config hands it on', async () => {
  await using runtime = createRuntime({ workers: 1 });
  const model = build({ inputSize: 1, hiddenSizes: [], outputSize: 1 });
  const run = runtime.train(model, { x: [[0], [1]], y: [[0], [1]] }, { optimizer: 'ivon', gradientClip: 1 });
  await expect(run).rejects.toThrow(
    'train: gradientClip: expected none for ivon, as sigma follows the KL, got one',
  );
  const config = parseConfig('data: { kind: synthetic }\ntraining: { gradientClip: 2.5 }', 'c.yaml');
  const features = { rows: 9, columns: 1, data: new Float64Array(9) };
  const prepared = { config, data: { train: { features }, validation: null, test: null }, classNames: null };
  expect(trainOptions(prepared as never).gradientClip).toBe(2.5);
});
