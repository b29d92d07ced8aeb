// Trainings and predictions with the products of TensorFlow.js: as good as those of WebAssembly, to rounding, on one worker and
// on two, and no promise of bits. VARPOOL_TFJS chooses the TensorFlow.js; `npm run test:tfjs` runs this on a real tfjs-node.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LikelihoodSpec } from '../../src/core/model.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { DivergedError } from '../../src/errors.ts';
import { createRuntime, openSession, type Runtime } from '../../src/node.ts';
import type { TrainingReport } from '../../src/scheduler/training/reports.ts';
import { FAULTY, type Fault, trainWithFaults } from '../support/faults.ts';
import { type Problem, smallProblem, teamProblem } from '../support/problems.ts';

const WORKERS = [1, 2];
const warnings: string[] = [];
let wasm: Runtime;
let tfjs: Map<number, Runtime>;
beforeAll(() => {
  wasm = createRuntime({ workers: 2, backend: 'wasm', seed: 'tfjs', ...FAULTY });
  const make = (workers: number) =>
    createRuntime({
      workers,
      backend: 'tfjs',
      seed: 'tfjs',
      onWarning: (text) => warnings.push(text),
      ...FAULTY,
    });
  tfjs = new Map(WORKERS.map((workers) => [workers, make(workers)]));
});
afterAll(() => Promise.all([wasm, ...tfjs.values()].map((runtime) => runtime.close())));

async function train(
  runtime: Runtime,
  { model, data, options }: Problem,
  faults: Fault[] = [],
): Promise<{ posterior: Posterior; reports: TrainingReport[]; team: number }> {
  const run = trainWithFaults(runtime, model, data, options, faults);
  const reports: TrainingReport[] = [];
  for await (const report of run) reports.push(report);
  const { posterior, team } = await run.result;
  return { posterior, reports, team };
}

/** Largest difference of two posteriors' trained numbers. */
function distance(a: Posterior, b: Posterior): number {
  const numbers = ({ layers }: Posterior) =>
    layers.flatMap(({ weight, bias }) => [weight.mu, weight.rho, bias.mu, bias.rho].map((part) => [...part]));
  const [x, y] = [numbers(a).flat(), numbers(b).flat()];
  expect(x.length).toBe(y.length);
  expect(x.every(Number.isFinite)).toBe(true);
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i])), 0);
}

test('a runtime says what it promises', () => {
  expect(tfjs.get(1)).toMatchObject({
    backend: 'tfjs',
    reproducible: false,
    backendNote: expect.stringContaining('@tensorflow/tfjs'),
  });
  expect(wasm).toMatchObject({ backend: 'wasm', reproducible: true, backendNote: null });
});

describe.each(WORKERS)('%i workers', (workers) => {
  const runtime = () => tfjs.get(workers)!;

  test.each([1, 3])('the first steps with %i draws are those of wasm', async (draws) => {
    const { model, data, options } = teamProblem(draws);
    // Momentum-free SGD moves by the gradient itself; Adam would make the sign of a rounding error a whole step.
    const few: Problem = {
      model,
      data,
      options: { ...options, epochs: 2, optimizer: { kind: 'sgd', learningRate: 0.05 } },
    };
    const [want, got] = [await train(wasm, few), await train(runtime(), few)];
    expect(got.team, 'the problem must be worth all workers, or nothing is shown').toBe(workers);
    // Six steps; gradients are sums of up to 256 products, each rounded at 6e-8 of values around 1.
    expect(distance(got.posterior, want.posterior)).toBeLessThan(1e-6);
    const half = await train(wasm, { ...few, options: { ...few.options, epochs: 1 } });
    expect(distance(got.posterior, half.posterior)).toBeGreaterThan(1e-3);
    for (const [i, report] of got.reports.entries()) expect(report.elbo).toBeCloseTo(want.reports[i].elbo, 4);
  });

  test.each([
    ['gaussian', 1],
    ['categorical', 3],
    ['bernoulli', 2],
  ] as Array<[LikelihoodSpec['kind'], number]>)(
    '%s: converges to what wasm converges to',
    async (kind, outputs) => {
      const problem = smallProblem(kind, outputs);
      const [want, got] = [await train(wasm, problem), await train(runtime(), problem)];
      const nll = ({ reports }: typeof got) => reports.map((report) => report.nll);
      expect(nll(got).at(-1)).toBeLessThan(nll(got)[0] - 0.1);
      expect(nll(got).at(-1)).toBeCloseTo(nll(want).at(-1)!, 2);
      const predictions = { draws: 20, quantiles: [0.1, 0.9] };
      const { x } = problem.data;
      const [a, b] = [
        await runtime().predict(want.posterior, x, predictions),
        await wasm.predict(want.posterior, x, predictions),
      ];
      for (const name of ['mean', 'variance', 'epistemic'] as const) {
        const scale = Math.max(...b[name]);
        expect(Math.max(...a[name].map((value, i) => Math.abs(value - b[name][i])))).toBeLessThan(
          1e-5 * scale,
        );
      }
    },
  );

  test('a learning rate that is too high ends in DivergedError', async () => {
    const { model, data, options } = teamProblem(1);
    const wild: Problem = {
      model,
      data,
      options: { ...options, epochs: 60, optimizer: { kind: 'sgd', learningRate: 1e12 } },
    };
    await expect(train(runtime(), wild)).rejects.toThrow(DivergedError);
    // The workers are fit for the next job.
    expect((await train(runtime(), smallProblem('gaussian', 1))).reports).toHaveLength(12);
  });

  test('a worker that dies is replaced, and its successor loads TensorFlow.js too', async () => {
    warnings.length = 0;
    const problem = teamProblem(1);
    const got = await train(runtime(), problem, [{ kind: 'exit', rank: workers - 1, step: 2 }]);
    expect(got.reports).toHaveLength(2);
    expect(warnings).toHaveLength(1);
    const want = await train(runtime(), problem);
    expect(got.reports[1].elbo).toBeCloseTo(want.reports[1].elbo, 3);
  });
});

test('a session answers with these products too', async () => {
  const problem = smallProblem('gaussian', 1);
  const { posterior } = await train(wasm, problem);
  await using session = await openSession(posterior, { backend: 'tfjs' });
  const got = await session.predict(problem.data.x, { draws: 10 });
  const want = await wasm.predict(posterior, problem.data.x, { draws: 10 });
  expect(session.backend).toBe('tfjs');
  for (const [i, mean] of got.mean.entries()) expect(mean).toBeCloseTo(want.mean[i], 4);
});
