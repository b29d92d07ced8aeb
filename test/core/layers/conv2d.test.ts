// Convolutions: gradients of a training step against the autodiff and the conv2d of TensorFlow.js, and equal bits of the backends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Conv2dSpec, conv2dOutput } from '../../../src/core/layers/conv2d.ts';
import type { LayerSpec, Model } from '../../../src/core/model.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import type { LabelTargets } from '../../../src/data/dataset.ts';
import { type IdxPart, idxTable, readIdxParts } from '../../../src/data/formats/idx.ts';
import {
  createRuntime,
  load,
  openSession,
  posteriorDigest,
  save,
  sequential,
  type TrainOptions,
} from '../../../src/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import {
  expectAutodiffGradients,
  expectReferenceBits,
  type GradientProblem,
  gradientProblem,
} from '../../support/gradientChecks.ts';
import { defineLayerGraph } from '../../support/networkAutodiff.ts';
import { testOnPublicData } from '../../support/publicData.ts';
import { testNormals } from '../../support/trainingHarness.ts';

defineLayerGraph('conv2d', (spec, [x], w, b) => {
  const { inputShape, stride, padding } = spec as Conv2dSpec;
  const image = tf.reshape(x, [-1, ...inputShape]) as tf.Tensor4D;
  const z = tf.add(tf.conv2d(image, w as tf.Tensor4D, stride, padding), b);
  return tf.reshape(z, [x.shape[0], -1]) as tf.Tensor2D;
});

type Options = Omit<Conv2dSpec, 'inputSize' | 'outputSize' | 'name' | 'kind'>;

function conv(options: Options): Conv2dSpec {
  const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
  const [inputSize, outputSize] = [size(options.inputShape), size(conv2dOutput(options))];
  return { kind: 'conv2d', name: 'conv', inputSize, outputSize, ...options };
}

const CASES: Array<[string, LayerSpec[]]> = [
  [
    'valid, odd sizes, one channel',
    [
      conv({
        inputShape: [7, 5, 1],
        filters: 3,
        kernelSize: [3, 2],
        stride: 1,
        padding: 'valid',
        activation: 'tanh',
      }),
    ],
  ],
  [
    'same, stride 2, more filters than a panel',
    [
      conv({
        inputShape: [6, 7, 2],
        filters: 17,
        kernelSize: [3, 3],
        stride: 2,
        padding: 'same',
        activation: 'silu',
      }),
    ],
  ],
  [
    'two convolutions, an even kernel, stride 3',
    [
      conv({
        inputShape: [8, 8, 3],
        filters: 16,
        kernelSize: [4, 4],
        stride: 1,
        padding: 'same',
        activation: 'tanh',
      }),
      conv({
        inputShape: [8, 8, 16],
        filters: 5,
        kernelSize: [5, 5],
        stride: 3,
        padding: 'same',
        activation: 'gelu',
      }),
    ],
  ],
];

function problemOf(convolutions: LayerSpec[], draws: number): GradientProblem {
  const units = convolutions[convolutions.length - 1].outputSize;
  const model: Model = {
    inputSize: convolutions[0].inputSize,
    outputSize: 2,
    prior: { kind: 'gaussian', sigma: 0.8 },
    layers: [...convolutions, { name: 'out', inputSize: units, outputSize: 2, activation: 'identity' }],
  };
  return gradientProblem(model, { rowCount: 40, batchSize: 19, draws, seed: 'convolution' });
}

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

describe.each(CASES)('%s', (_, convolutions) => {
  test.each([
    [1, 0],
    [2, 2],
  ])('%i draws, step %i: gradients equal those of autodiff', (draws, step) => {
    const problem = problemOf(convolutions, draws);
    const [x, y] = [testNormals(40 * problem.model.inputSize, 1), testNormals(40 * 2, 2)];
    // Sums over up to 64 positions × 19 rows.
    expectAutodiffGradients(problem, { x, y, step }, compiled, 4e-5);
  });

  test('two steps have the same bits in WebAssembly and in plain loops', () => {
    const problem = problemOf(convolutions, 2);
    const [x, y] = [testNormals(40 * problem.model.inputSize, 1), testNormals(40 * 2, 2)];
    expectReferenceBits(problem, { x, y, steps: 2 }, compiled);
  });
});

describe('as a user meets it', () => {
  const model = sequential({
    inputShape: [6, 6, 2],
    layers: [
      { kind: 'conv2d', filters: 5, kernelSize: [3, 3], stride: 2, activation: 'relu', name: 'first' },
      { kind: 'conv2d', filters: 5, activation: 'tanh', name: 'second' },
      { kind: 'add', inputs: ['first', 'second'] },
      { kind: 'dense', units: 3 },
    ],
  });
  const rows = 60;
  const x = { data: testNormals(rows * 72, 5), shape: [rows, 72] };
  const y = Float32Array.from({ length: rows }, (_, row) =>
    x.data[row * 72] > 0 ? 2 : x.data[row * 72 + 1] > 0 ? 1 : 0,
  );
  const train = (workers: number, more: TrainOptions = {}, backend = 'wasm') => {
    const runtime = createRuntime({ workers, backend, seed: 'conv' });
    const options = { likelihood: 'categorical', epochs: 4, batchSize: 24, draws: 2, ...more } as const;
    return runtime.train(model, { x, y }, options).then(async (posterior) => ({ posterior, runtime }));
  };

  test.each(['reparameterization', 'localReparameterization'] as const)(
    '%s: one digest for 1, 2 and 3 workers and plain loops, kept by the file, predicted in every mode',
    async (estimator) => {
      const runs = [
        ...(await Promise.all([1, 2, 3].map((workers) => train(workers, { estimator })))),
        await train(1, { estimator }, 'reference'),
      ];
      expect(new Set(runs.map(({ posterior }) => posteriorDigest(posterior))).size).toBe(1);
      const [{ posterior, runtime }] = runs;
      const dir = mkdtempSync(join(tmpdir(), 'varpool-conv-'));
      const path = join(dir, 'posterior.safetensors');
      save(path, posterior);
      const again = load(path) as Posterior;
      rmSync(dir, { recursive: true });
      expect(again.model).toEqual(model);
      for (const mode of ['sample', 'mean', 'marginal'] as const) {
        const [all, one] = [
          await runtime.predict(again, x, { draws: 40, mode }),
          await runtime.predict(
            posterior,
            { data: x.data.slice(72, 144), shape: [1, 72] },
            { draws: 40, mode },
          ),
        ];
        expect([...one.mean]).toEqual([...all.mean.slice(3, 6)]);
      }
      await using session = await openSession(posterior, { backend: 'wasm' });
      expect((await session.predict(x, { draws: 11 })).mean).toEqual(
        (await runtime.predict(posterior, x, { draws: 11 })).mean,
      );
      for (const { runtime } of runs) await runtime.close();
    },
  );

  test.each([
    [
      { inputShape: [36], layers: [{ kind: 'conv2d', filters: 2 }] },
      /layers\[0\]: inputs: expected an input of shape \[height, width, channels\], got \[36\]/,
    ],
    [
      { inputShape: [2, 2, 1], layers: [{ kind: 'conv2d', filters: 2, padding: 'valid' }] },
      /layers\[0\]: kernelSize: expected at most 2 × 2 as the input, got 3 × 3/,
    ],
    [
      { inputShape: [4, 4, 1], layers: [{ kind: 'conv2d', filters: 2, kernelSize: [3] }] },
      /kernelSize: expected height and width, got \[3\]/,
    ],
    [{ inputShape: [4, 4, 1], layers: [{ kind: 'conv2d', filter: 2 }] }, /did you mean filters/],
  ])('%j is refused', (options, message) => {
    expect(() => sequential(options as never)).toThrow(message);
  });

  testOnPublicData('reads digits: a tenth of MNIST, end to end', 'mnist', async (path) => {
    const parts = readIdxParts(path, {});
    const of = (part: IdxPart, count: number) => {
      const table = idxTable(
        part,
        255,
        Array.from({ length: count }, (_, i) => i),
      );
      return { x: table.features, y: (table.targets as LabelTargets).labels };
    };
    const digits = sequential({
      inputShape: [28, 28, 1],
      layers: [
        { kind: 'conv2d', filters: 16, kernelSize: [5, 5], stride: 2, activation: 'relu' },
        { kind: 'conv2d', filters: 16, kernelSize: [5, 5], stride: 2, activation: 'relu' },
        { kind: 'dense', units: 10 },
      ],
    });
    await using runtime = createRuntime({ workers: 2, seed: 'digits' });
    const posterior = await runtime.train(digits, of(parts.train as IdxPart, 6000), {
      likelihood: 'categorical',
      epochs: 8,
      batchSize: 64,
      optimizer: { kind: 'adam', learningRate: 0.003 },
    });
    const { error } = await runtime.evaluate(posterior, of(parts.test as IdxPart, 2000), { draws: 10 });
    // A linear model of as many rows stays above .12.
    expect(error).toBeLessThan(0.06);
  });
});
