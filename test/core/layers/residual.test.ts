// A network with connections past layers: gradients against autodiff, and the same bits however its units are shared out.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LayerSpec, Model } from '../../../src/core/model.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { createRuntime, load, posteriorDigest, save, sequential } from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { normal } from '../../../src/random/normal.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { activate, softplus } from '../../reference/negativeElbo.ts';
import { expectAutodiffGradients, gradientProblem } from '../../support/gradientChecks.ts';
import { madeUpPosterior, PredictionHarness } from '../../support/predictionHarness.ts';
import { randomParameters, TrainingHarness, testNormals } from '../../support/trainingHarness.ts';

const dense = (
  inputSize: number,
  outputSize: number,
  activation: LayerSpec['activation'],
  more: Partial<LayerSpec> = {},
) => ({ kind: 'dense', name: 'dense', inputSize, outputSize, activation, ...more }) as LayerSpec;

/** x → 0 → 1 → (0 + 1 + x·W) → out, where the features are read twice and layer 0 three times. */
const model: Model = {
  inputSize: 5,
  outputSize: 2,
  prior: { kind: 'gaussian', sigma: 0.8 },
  layers: [
    dense(5, 19, 'tanh'),
    dense(19, 19, 'silu'),
    dense(5, 19, 'identity', { inputs: [-1] }),
    { kind: 'add', name: 'sum', inputSize: 19, outputSize: 19, activation: 'relu', inputs: [0, 1, 2, 0] },
    dense(19, 2, 'identity'),
  ],
};

const problem = gradientProblem(model, { rowCount: 50, batchSize: 21, draws: 2, seed: 'residual' });

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

test.each([0, 2])('gradients of step %i equal those of autodiff', (step) => {
  const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];
  // Some fifty roundings of relative 2^-24 each.
  expectAutodiffGradients(problem, { x, y, step }, compiled, 2e-5);
});

test('units shared out among several give the bits of one', () => {
  const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];
  const deltas = [1, 2, 3].map((parts) => {
    const harness = new TrainingHarness(problem, wasmFactory, compiled, x, y);
    randomParameters(harness);
    const { step } = harness;
    harness.run(0, 1);
    step.sample(1, 0, harness.memory.layout.blocks.length);
    step.gather(1, 0, step.panels(1));
    for (let stage = 0; stage < step.passStages; stage++)
      for (let part = 0; part < parts; part++) step.passStage(1, stage, 0, step.tiles(1), part, parts);
    return harness.memory.activations.map(({ delta, drawBytes }) => [
      ...harness.arena.i32.slice(delta / 4, delta / 4 + drawBytes / 2),
    ]);
  });
  expect(deltas[1]).toEqual(deltas[0]);
  expect(deltas[2]).toEqual(deltas[0]);
  expect(new Set(deltas[0][0]).size).toBeGreaterThan(100);
});

describe('predictions', () => {
  const rows = 37;
  const inputs = testNormals(rows * 5, 3);
  const q = madeUpPosterior(model, { kind: 'gaussian', scale: 0.5 });
  const key = seedKey(q.seed);
  /** Weights are in panels of 16 outputs, 24 (or 8) rows each, the bias first. */
  const noiseOf = (draw: number, l: number, I: number, i: number, o: number) => {
    const panelRows = Math.ceil((I + 1) / 4) * 4;
    const index = (Math.floor(o / 16) * panelRows + i + 1) * 16 + (o % 16);
    return normal(key, 0, draw, stream(PURPOSE.predictive, l), index);
  };

  /** Outputs of one row, each pre-activation by `z`, in float64. */
  function forward(row: number, z: (l: number, x: readonly number[], o: number) => number): number[] {
    const features = [...inputs.subarray(row * 5, (row + 1) * 5)];
    const outputs: number[][] = [];
    for (const [l, spec] of model.layers.entries()) {
      const read = (spec.inputs ?? [l - 1]).map((i) => (i < 0 ? features : outputs[i]));
      outputs.push(
        Array.from({ length: spec.outputSize }, (_, o) =>
          activate(
            spec.activation,
            spec.kind === 'add' ? read.reduce((sum, x) => sum + x[o], 0) : z(l, read[0], o),
          ),
        ),
      );
    }
    return outputs[outputs.length - 1];
  }

  const modes: Record<string, (draw: number) => (l: number, x: readonly number[], o: number) => number> = {
    sample: (draw) => (l, x, o) => {
      const { weight, bias } = q.layers[l];
      const O = model.layers[l].outputSize;
      const w = (mu: number, rho: number, i: number) => mu + softplus(rho) * noiseOf(draw, l, x.length, i, o);
      return x.reduce(
        (sum, value, i) => sum + w(weight.mu[i * O + o], weight.rho[i * O + o], i) * value,
        w(bias.mu[o], bias.rho[o], -1),
      );
    },
    mean: () => (l, x, o) => {
      const { weight, bias } = q.layers[l];
      const O = model.layers[l].outputSize;
      return x.reduce((sum, value, i) => sum + weight.mu[i * O + o] * value, bias.mu[o]);
    },
    marginal: (draw) => (l, x, o) => {
      const { weight, bias } = q.layers[l];
      const O = model.layers[l].outputSize;
      const mean = x.reduce((sum, value, i) => sum + weight.mu[i * O + o] * value, bias.mu[o]);
      const variance = x.reduce(
        (sum, value, i) => sum + (softplus(weight.rho[i * O + o]) * value) ** 2,
        softplus(bias.rho[o]) ** 2,
      );
      return mean + Math.sqrt(variance) * normal(key, 0, draw, stream(PURPOSE.marginal, l), 16 * o);
    },
  };

  test.each(['sample', 'mean', 'marginal'] as const)('mode %s is the float64 network', async (mode) => {
    for (const tileRows of [16, 48]) {
      const harness = await PredictionHarness.create(q, mode, inputs, wasmFactory, { tileRows });
      const draws = mode === 'mean' ? 1 : 5;
      const values = harness.draws(draws);
      for (let s = 0; s < draws; s++) {
        for (let row = 0; row < rows; row += 3) {
          const want = forward(row, modes[mode](s));
          for (let k = 0; k < 2; k++)
            expect(
              Math.abs(values[(s * rows + row) * 2 + k] - want[k]),
              `draw ${s}, row ${row}`,
            ).toBeLessThan(3e-5);
        }
      }
    }
  });

  test('few rows that share panels with draws of themselves have the same bits', async () => {
    const all = await PredictionHarness.create(q, 'marginal', inputs, wasmFactory, { tileRows: 48 });
    const few = await PredictionHarness.create(q, 'marginal', inputs.subarray(0, 15), wasmFactory, {
      tileRows: 16,
    });
    const [wide, narrow] = [all.draws(20), few.draws(20)];
    for (let s = 0; s < 20; s++)
      for (let i = 0; i < 6; i++) expect(narrow[s * 6 + i]).toBe(wide[s * rows * 2 + i]);
  });
});

test('a model made by sequential trains, predicts and comes back from its file as it was', async () => {
  const made = sequential({
    inputShape: [5],
    layers: [
      { kind: 'dense', units: 19, activation: 'tanh', name: 'a' },
      { kind: 'dense', units: 19, activation: 'silu', name: 'b' },
      { kind: 'dense', units: 19, inputs: ['input'], name: 'c' },
      { kind: 'add', inputs: ['a', 'b', 'c', 'a'], activation: 'relu' },
      { kind: 'dense', units: 2, name: 'out' },
    ],
    prior: { kind: 'gaussian', sigma: 0.8 },
  });
  expect(made.layers.map(({ name: _, ...spec }) => spec)).toEqual(
    model.layers.map(({ name: _, ...spec }) => (spec.kind === 'dense' ? { ...spec, kind: undefined } : spec)),
  );
  await using runtime = createRuntime({ workers: 1, backend: 'wasm', seed: 'residual' });
  const [x, y] = [testNormals(50 * 5, 1), testNormals(50 * 2, 2)];
  const data = { x: { data: x, shape: [50, 5] }, y: { data: y, shape: [50, 2] } };
  const posterior = await runtime.train(made, data, { epochs: 3, batchSize: 16 });
  const dir = mkdtempSync(join(tmpdir(), 'varpool-residual-'));
  try {
    const path = join(dir, 'posterior.safetensors');
    save(path, posterior);
    const again = load(path);
    expect(posteriorDigest(again)).toBe(posteriorDigest(posterior));
    const [before, after] = [
      await runtime.predict(posterior, data.x),
      await runtime.predict(again as Posterior, data.x),
    ];
    expect(after.mean).toEqual(before.mean);
    expect(after.epistemic.every((value) => value > 0)).toBe(true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.each([
  [[{ kind: 'add', inputs: ['input'] }], /layers\[0\]: inputs: expected at least 2 inputs, got 1/],
  [
    [{ kind: 'dense', units: 3, inputs: ['b'] }],
    /layers\[0\]: inputs: expected input or an earlier layer, got b/,
  ],
  [
    [
      { kind: 'dense', units: 3, name: 'a' },
      { kind: 'dense', units: 4, name: 'b' },
      { kind: 'add', inputs: ['a', 'b'] },
    ],
    /layers\[2\]: inputs: expected layers of one shape, got \[3\] and \[4\]/,
  ],
  [
    [
      { kind: 'dense', units: 3 },
      { kind: 'dense', units: 3, inputs: ['input'] },
    ],
    /layers\[0\]: expected a layer that another reads, got none for dense_0/,
  ],
  [[{ kind: 'dens', units: 3 }], /kind/],
  [[{ kind: 'dense', unit: 3 }], /did you mean units/],
] as const)('what cannot be a network is refused: %j', (layers, message) => {
  expect(() => sequential({ inputShape: [5], layers: layers as never })).toThrow(message);
});
