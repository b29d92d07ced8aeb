// Ensembles: a member is what it is alone, whatever trains beside it; the mixture is the average over all members' draws.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mixturePit } from '../../../src/core/calibration/coverage.ts';
import { mixtureNll } from '../../../src/core/metrics/gaussianMixture.ts';
import type { Ensemble, Posterior } from '../../../src/core/posterior.ts';
import { ensembleOf } from '../../../src/core/posteriors/ensembleOf.ts';
import type { Draw } from '../../../src/core/predictive/prediction.ts';
import { DivergedError } from '../../../src/errors.ts';
import { anyPosteriorDigest, posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { logSumExp } from '../../../src/math/float64.ts';
import { createRuntime, openSession, type Runtime } from '../../../src/node.ts';
import { memberSeed } from '../../../src/random/seed.ts';
import type { MemberReport, TrainProgress } from '../../../src/scheduler/training/reports.ts';
import { curveData, smallProblem, teamProblem } from '../../support/problems.ts';

const runtimes = new Map<number, Runtime>();
function runtime(workers: number): Runtime {
  let found = runtimes.get(workers);
  if (found === undefined)
    runtimes.set(workers, (found = createRuntime({ workers, backend: 'wasm', seed: 'e' })));
  return found;
}
afterAll(() => Promise.all([...runtimes.values()].map((open) => open.close())));

describe('training', () => {
  test.each([
    ['small: one worker each', () => smallProblem('gaussian', 1), 4],
    ['large: teams when few are left', () => teamProblem(1), 3],
  ])('%s: 1, 2 and 3 workers give the digests of members trained alone', async (_, make, members) => {
    const { model, data, options } = make();
    const alone: string[] = [];
    for (let m = 0; m < members; m++) {
      const posterior = await runtime(1).train(model, data, { ...options, seed: memberSeed('e', m) });
      alone.push(posteriorDigest(posterior));
    }
    expect(new Set(alone).size).toBe(members);
    for (const workers of [1, 2, 3]) {
      const { posterior, atOnce } = await runtime(workers).trainEnsemble(model, data, { ...options, members })
        .result;
      expect(posterior.members.map(posteriorDigest), `${workers} workers`).toEqual(alone);
      expect(posterior.members.map(({ seed }) => seed)).toEqual(alone.map((_, m) => `e/member/${m}`));
      expect(atOnce).toBe(members);
    }
  });

  test('reports of each member come in order, with its validation; progress is of all together', async () => {
    const { model, data, options } = smallProblem('bernoulli', 2);
    const seen: TrainProgress[] = [];
    const run = runtime(2).trainEnsemble(model, data, {
      ...options,
      members: 3,
      validation: { ...curveData(20, 4, 'bernoulli', 2, 60), every: 5, draws: 4 },
      onProgress: (progress) => void seen.push(progress),
    });
    const reports: MemberReport[] = [];
    for await (const report of run) reports.push(report);
    for (const m of [0, 1, 2]) {
      const own = reports.filter(({ member }) => member === m);
      expect(own.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      expect(own.flatMap(({ epoch, validation }) => (validation === null ? [] : [epoch]))).toEqual([
        5, 10, 12,
      ]);
    }
    const steps = 3 * 12 * 4;
    expect(seen.every((progress) => progress.steps === steps && progress.epochs === 12)).toBe(true);
    expect(seen.at(-1)).toEqual({ step: steps, steps, epoch: 12, epochs: 12 });
    for (const [i, { step }] of seen.entries()) expect(step).toBeGreaterThanOrEqual(seen[i - 1]?.step ?? 0);
  });

  test('members that are there are taken as they are, and an ensemble grows by the same members', async () => {
    const { model, data, options } = smallProblem('categorical', 3);
    const two = await runtime(2).trainEnsemble(model, data, { ...options, members: 2 });
    const trained: number[] = [];
    const three = await runtime(2).trainEnsemble(model, data, {
      ...options,
      members: 3,
      trained: new Map(two.members.entries()),
      onMember: (m) => void trained.push(m),
    });
    expect(trained).toEqual([2]);
    expect(three.members.slice(0, 2)).toEqual(two.members);
    const all = await runtime(2).trainEnsemble(model, data, { ...options, members: 3 });
    expect(anyPosteriorDigest(three)).toBe(anyPosteriorDigest(all));
    const others = smallProblem('categorical', 4);
    await expect(
      runtime(2).trainEnsemble(others.model, others.data, {
        ...others.options,
        members: 3,
        trained: new Map(two.members.entries()),
      }),
    ).rejects.toThrow(
      /trained: expected members of 4 inputs, 4 outputs, categorical, got 4 inputs, 3 outputs/,
    );
  });

  test('a member that diverges ends the run and is named; the runtime stays usable', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    const run = runtime(2).trainEnsemble(model, data, {
      ...options,
      epochs: 2000,
      optimizer: { kind: 'sgd', learningRate: 1e6 },
      members: 3,
    });
    const error = await Promise.resolve(run).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DivergedError);
    const { message, member, step } = error as DivergedError;
    expect([0, 1, 2]).toContain(member);
    expect(message).toMatch(
      new RegExp(
        `^train: member ${member}: expected finite numbers, got NaN or infinity in .+ at step ${step} — `,
      ),
    );
    expect((await runtime(2).train(model, data, options)).layers).toHaveLength(3);
  });

  test('an abort ends all members with its reason', async () => {
    const { model, data, options } = smallProblem('gaussian', 1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const run = runtime(2).trainEnsemble(model, data, {
      ...options,
      epochs: 1_000_000,
      members: 3,
      signal: controller.signal,
    });
    for await (const { member } of run) if (member === 2) break;
    controller.abort(reason);
    await expect(Promise.resolve(run)).rejects.toBe(reason);
    await expect(
      Promise.resolve(
        runtime(2).trainEnsemble(model, data, { ...options, members: 2, signal: controller.signal }),
      ),
    ).rejects.toBe(reason);
  });

  test.each([0, 1.5, -1, undefined])('members: %s is refused', async (members) => {
    const { model, data, options } = smallProblem('gaussian', 1);
    await expect(
      Promise.resolve(runtime(1).trainEnsemble(model, data, { ...options, members: members as number })),
    ).rejects.toThrow(/^trainEnsemble: members: expected a whole number of at least 1, got /);
  });
});

const KINDS = [
  { kind: 'gaussian', K: 2 },
  { kind: 'categorical', K: 3 },
  { kind: 'bernoulli', K: 2 },
] as const;
const ROWS = 21;
const DRAWS = 20;
const M = 3;

describe.each(KINDS)('predicting $kind', ({ kind, K }) => {
  const x = curveData(ROWS, 4, kind, K, 60);
  let ensemble: Ensemble;
  let draws: Draw[];
  beforeAll(async () => {
    // Members of separate runs: one has seen other rows, so its units differ, and one is of another shape.
    const { model, data, options } = smallProblem(kind, K);
    const two = await runtime(2).trainEnsemble(model, data, { ...options, members: 2 });
    const other = await runtime(2).train(model, curveData(70, 4, kind, K, 90), {
      ...options,
      seed: 'other',
      standardize: kind === 'gaussian' ? 'both' : 'none',
    });
    ensemble = ensembleOf([two, other]);
    draws = await collect(runtime(2).draws(ensemble, x.x, { draws: DRAWS }));
  });

  test('draw s is draw floor(s / M) of member s mod M, with its noise', async () => {
    const own: Draw[][] = [];
    for (const member of ensemble.members)
      own.push(await collect(runtime(2).draws(member, x.x, { draws: DRAWS })));
    expect(draws).toHaveLength(DRAWS);
    for (const [s, { draw, member, values, noiseScale }] of draws.entries()) {
      const expected = own[s % M][Math.floor(s / M)];
      expect({ draw, member }).toEqual({ draw: s, member: s % M });
      expect(values).toEqual(expected.values);
      expect(noiseScale).toEqual(expected.noiseScale);
    }
    if (kind === 'gaussian') expect(draws[0].noiseScale).not.toEqual(draws[2].noiseScale);
    else expect(draws[0].noiseScale).toBeNull();
  });

  test('moments are those of all draws, aleatoric the mean over members', async () => {
    const prediction = await runtime(2).predict(ensemble, x.x, { draws: DRAWS });
    expect(prediction.draws).toBe(DRAWS);
    const scale = kind === 'gaussian' ? 30 : 1;
    for (let i = 0; i < ROWS * K; i++) {
      const mean = draws.reduce((sum, draw) => sum + draw.values[i], 0) / DRAWS;
      const epistemic = draws.reduce((sum, draw) => sum + (draw.values[i] - mean) ** 2, 0) / DRAWS;
      const noise = (draw: Draw) =>
        draw.noiseScale === null ? draw.values[i] * (1 - draw.values[i]) : draw.noiseScale[i % K] ** 2;
      const aleatoric = draws.reduce((sum, draw) => sum + noise(draw), 0) / DRAWS;
      expect(Math.abs(prediction.mean[i] - mean)).toBeLessThan(1e-6 * scale);
      expect(Math.abs(prediction.epistemic[i] - epistemic)).toBeLessThan(1e-6 * scale);
      expect(Math.abs(prediction.aleatoric[i] - aleatoric)).toBeLessThan(1e-6 * scale);
    }
    if (prediction.mutualInformation !== null) {
      const { predictiveEntropy, expectedEntropy, mutualInformation } = prediction;
      for (let i = 0; i < mutualInformation.length; i++) {
        const difference = predictiveEntropy![i] - expectedEntropy![i];
        expect(Math.abs(mutualInformation[i] - Math.max(0, difference))).toBeLessThan(1e-6);
      }
    }
  });

  test('metrics are of the mixture', async () => {
    const evaluation = await runtime(2).evaluate(ensemble, x, { draws: DRAWS });
    expect(evaluation).toMatchObject({ rows: ROWS, draws: DRAWS });
    if (kind !== 'gaussian') {
      const mean = (await runtime(2).predict(ensemble, x.x, { draws: DRAWS })).mean;
      const y = (x.y as { data?: Float32Array }).data ?? (x.y as Float32Array);
      let nll = 0;
      for (let r = 0; r < ROWS; r++) {
        if (kind === 'categorical') nll -= Math.log(mean[r * K + y[r]]) / ROWS;
        else
          for (let k = 0; k < K; k++)
            nll -= Math.log(y[r * K + k] ? mean[r * K + k] : 1 - mean[r * K + k]) / ROWS;
      }
      expect(evaluation.nll).toBeCloseTo(nll, 5);
      return;
    }
    const targets = Float64Array.from((x.y as { data: Float32Array }).data);
    // One draw at a time, each with its own noise; then the average density and CDF.
    const each = draws.map(({ values, noiseScale }) => mixtureNll(values, noiseScale!, targets));
    const nll = Array.from(
      { length: ROWS },
      (_, r) => Math.log(DRAWS) - logSumExp(each.map((one) => -one[r])),
    );
    // Draws are handed over as float32.
    expect(evaluation.nll).toBeCloseTo(nll.reduce((a, b) => a + b) / ROWS, 6);
    const pits = draws.map(({ values, noiseScale }) => mixturePit(values, noiseScale!, targets));
    const inside = [...targets.keys()].filter((i) => {
      const pit = pits.reduce((sum, one) => sum + one[i], 0) / DRAWS;
      return pit >= 0.05 && pit <= 0.95;
    });
    expect(evaluation.coverage90).toBeCloseTo(inside.length / targets.length, 9);
  });

  test('workers do not matter, and a session gives the same bits', async () => {
    const options = { draws: DRAWS, quantiles: [0.1, 0.9] };
    const wanted = await runtime(2).predict(ensemble, x.x, options);
    expect(await runtime(1).predict(ensemble, x.x, options)).toEqual(wanted);
    expect(await runtime(3).predict(ensemble, x.x, options)).toEqual(wanted);
    for (const cacheBytes of [0, 1 << 20]) {
      await using session = await openSession(ensemble, { backend: 'wasm', capacity: 16, cacheBytes });
      expect(await session.predict(x.x, options)).toEqual(wanted);
      await expect(session.predict(x.x, { draws: 2 })).rejects.toThrow(
        /at least 3 draws for 3 members, got 2/,
      );
    }
  });

  test('mode mean is the mixture of the members’ mean networks', async () => {
    const means: Float64Array[] = [];
    for (const member of ensemble.members)
      means.push((await runtime(2).predict(member, x.x, { mode: 'mean' })).mean);
    const prediction = await runtime(2).predict(ensemble, x.x, { mode: 'mean' });
    expect(prediction.draws).toBe(M);
    for (let i = 0; i < ROWS * K; i++) {
      const mean = means.reduce((sum, values) => sum + values[i], 0) / M;
      expect(Math.abs(prediction.mean[i] - mean)).toBeLessThan(kind === 'gaussian' ? 1e-5 : 1e-6);
    }
  });

  test('an ensemble of one is that one', async () => {
    const [only] = ensemble.members;
    const options = { draws: 9, quantiles: [0.5] };
    const alone = await runtime(2).predict(only, x.x, options);
    expect(await runtime(2).predict(ensembleOf([only]), x.x, options)).toEqual(alone);
    expect(await runtime(2).evaluate(ensembleOf([only]), x, options)).toEqual(
      await runtime(2).evaluate(only, x, options),
    );
  });

  test('draws that leave a member out are refused', async () => {
    const few = { draws: 2 };
    const message = /expected at least 3 draws for 3 members, got 2 — ask for a multiple of 3$/;
    await expect(runtime(1).predict(ensemble, x.x, few)).rejects.toThrow(message);
    await expect(runtime(1).evaluate(ensemble, x, few)).rejects.toThrow(message);
  });
});

test('quantiles of members with different noise are those of the mixture', async () => {
  const { model, data, options } = smallProblem('gaussian', 1);
  const fitted = await runtime(2).train(model, data, options);
  const louder: Posterior = { ...fitted, noiseScale: fitted.noiseScale!.map((scale) => 5 * scale) };
  const ensemble = ensembleOf([fitted, louder]);
  const x = curveData(5, 4, 'gaussian', 1, 60).x;
  const draws = await collect(runtime(2).draws(ensemble, x, { draws: 40 }));
  const { quantiles } = await runtime(2).predict(ensemble, x, { draws: 40, quantiles: [0.05, 0.3, 0.95] });
  for (const { level, values } of quantiles!) {
    for (const [row, value] of values.entries()) {
      const below = draws.reduce(
        (sum, draw) => sum + mixturePit([draw.values[row]], draw.noiseScale!, [value])[0],
        0,
      );
      expect(Math.abs(below / 40 - level)).toBeLessThan(1e-5);
    }
  }
});

async function collect(draws: AsyncIterable<Draw>): Promise<Draw[]> {
  const all: Draw[] = [];
  for await (const draw of draws) all.push(draw);
  return all;
}
