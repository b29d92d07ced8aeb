// Metrics of each of several targets are those of that target alone: its own density, its own errors.

import { afterAll, describe, expect, test } from 'vitest';
import { plainColumns } from '../../../src/columns/tableColumns.ts';
import { build, createRuntime, type Posterior } from '../../../src/index.ts';
import { targetRows, targetTable } from '../../../src/report/metrics.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import { isOfOneTarget } from '../../../src/scheduler/prediction/targetMetrics.ts';
import type { Evaluation } from '../../../src/scheduler/training/reports.ts';

const runtime = createRuntime({ workers: 1, backend: 'wasm', seed: 'targets' });
afterAll(() => runtime.close());

const N = 30;
const x = Array.from({ length: N }, (_, r) => [Math.sin(r), Math.cos(2 * r)]);
const TARGETS = {
  gaussian: x.map(([a, b]) => [3 * a + b, 100 * b]),
  studentT: x.map(([a, b]) => [a, 10 - b]),
  poisson: x.map((_, r) => [r % 3, r % 11]),
  bernoulli: x.map((_, r) => [r % 2, r % 3 === 0 ? 1 : 0]),
};
const one = (y: number[][], k: number) => ({ x, y: y.map((row) => [row[k]]) });
const fitted = (y: number[][], options: TrainOptions) =>
  runtime.train(
    build({ inputSize: 2, hiddenSizes: [6], outputSize: 2 }),
    { x, y },
    { epochs: 4, ...options },
  );

/** A posterior of output k alone: the other unit of the last layer is gone. */
function alone(posterior: Posterior, k: number): Posterior {
  const { model, layers, noiseScale, standardization } = posterior;
  const last = layers.length - 1;
  const inputs = 6;
  const own = { weight: layers[last].weight, bias: layers[last].bias };
  const column = (values: Float32Array) => Float32Array.from({ length: inputs }, (_, i) => values[2 * i + k]);
  const targets = standardization.targets && {
    loc: standardization.targets.loc.slice(k, k + 1),
    scale: standardization.targets.scale.slice(k, k + 1),
  };
  return {
    ...posterior,
    model: build({
      inputSize: 2,
      hiddenSizes: [6],
      outputSize: 1,
      activation: model.layers[0].activation as 'relu',
    }),
    layers: [
      ...layers.slice(0, last),
      {
        weight: { mu: column(own.weight.mu), rho: column(own.weight.rho as Float32Array) },
        bias: { mu: own.bias.mu.slice(k, k + 1), rho: (own.bias.rho as Float32Array).slice(k, k + 1) },
      },
    ],
    noiseScale: noiseScale === null ? null : noiseScale.slice(k, k + 1),
    standardization: { ...standardization, targets },
  };
}

describe.each(Object.entries(TARGETS))('%s', (kind, y) => {
  test('of the mean weights, each target scores as a network of that output alone', async () => {
    const posterior = await fitted(y, { likelihood: kind as keyof typeof TARGETS });
    const all = (await runtime.evaluate(posterior, { x, y }, { mode: 'mean' })) as Evaluation &
      Record<string, number>;
    for (const k of [0, 1]) {
      const own = await runtime.evaluate(alone(posterior, k), one(y, k), { mode: 'mean' });
      for (const [name, value] of Object.entries(own).filter(
        ([name]) => !['rows', 'draws', 'nllMonteCarloError'].includes(name),
      ))
        expect(all[`output${k}.${name}`], name).toBeCloseTo(value, 10);
    }
    expect(Object.keys(all).filter(isOfOneTarget).length).toBeGreaterThan(3);
  });
});

test('of an ensemble, and by the names of the columns', async () => {
  const y = TARGETS.gaussian;
  const columns = plainColumns(['a', 'b'], ['up', 'far.away']);
  const ensemble = await runtime.trainEnsemble(
    build({ inputSize: 2, hiddenSizes: [6], outputSize: 2 }),
    { x, y },
    { members: 2, epochs: 4, columns },
  );
  const all = (await runtime.evaluate(ensemble, { x, y }, { draws: 40 })) as Evaluation &
    Record<string, number>;
  const squares = [all['up.rmse'], all['far.away.rmse']].map((rmse) => rmse * rmse);
  expect(all.rmse).toBeCloseTo(Math.sqrt((squares[0] + squares[1]) / 2), 10);
  expect(all.mae).toBeCloseTo((all['up.mae'] + all['far.away.mae']) / 2, 10);
  expect(all.coverage90).toBeCloseTo((all['up.coverage90'] + all['far.away.coverage90']) / 2, 12);
  // The density of a mixture, against its definition: the mean over all draws of both members.
  const densities = new Float64Array(N);
  for await (const { values, noiseScale } of runtime.draws(ensemble, x, { draws: 40 })) {
    for (let r = 0; r < N; r++) {
      const z = (y[r][0] - values[2 * r]) / noiseScale![0];
      densities[r] += Math.exp(-0.5 * z * z) / (Math.sqrt(2 * Math.PI) * noiseScale![0]) / 40;
    }
  }
  const nll = densities.reduce((sum, density) => sum - Math.log(density) / N, 0);
  expect(all['up.nll']).toBeCloseTo(nll, 9);
  expect(targetRows(all, 'test ').map(([label]) => label)).toEqual(['test up', 'test far.away']);
  expect(targetTable(all)).toMatchObject({
    columns: ['NLL (nats per row)', 'RMSE', 'mean absolute error', 'coverage of the 90 % interval'],
    rows: [{ label: 'up' }, { label: 'far.away' }],
  });
});

test('one target has no metrics beside its own, and validation rows have those of all targets', async () => {
  const y = TARGETS.gaussian;
  const model = build({ inputSize: 2, hiddenSizes: [], outputSize: 1 });
  const posterior = await runtime.train(model, one(y, 0), { epochs: 1 });
  const evaluation = await runtime.evaluate(posterior, one(y, 0), { draws: 3 });
  expect(Object.keys(evaluation).filter(isOfOneTarget)).toEqual([]);
  expect(targetTable(evaluation)).toBeNull();
  const run = fitted(y, { validation: { x, y } });
  for await (const { validation } of run) expect(Object.keys(validation!).filter(isOfOneTarget)).toEqual([]);
});
