// What a step costs in counts that do not depend on any clock: calls, elements, float operations and bytes of every kernel, the
// WebAssembly instructions of each, messages, allocations. The numbers are in the files beside this one: a change of them is to be
// seen and meant. `npx vitest run test/bench/counts.test.ts --update` writes them anew.

import { spawnSync } from 'node:child_process';
import { serialize } from 'node:v8';
import { beforeAll, describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { ACTIVATIONS, type Kernels, LANES } from '../../src/backend/backend.ts';
import { type KernelWork, kernelCost, prepareKernel, workName } from '../../src/bench/kernelWork.ts';
import { NETWORKS, type Network, networkName, parameterCount, stepWork } from '../../src/bench/networks.ts';
import { build } from '../../src/core/bayesian.ts';
import type { OptimizerSettings } from '../../src/core/optimizers/index.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { checkOptions } from '../../src/options/check.ts';
import { wasmFactory, wasmFactoryOf } from '../../src/platform/node/backends.ts';
import { readKernelFile } from '../../src/platform/node/kernelFile.ts';
import { enableRelaxedSimd } from '../../src/platform/node/relaxedSimd.ts';
import { nodeWorkerHost } from '../../src/platform/node/workerHost.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import type { WorkerPool } from '../../src/platform/platform.ts';
import { trainOptions } from '../../src/runtime/optionSchemas.ts';
import { prepareTraining } from '../../src/runtime/prepare.ts';
import { ArenaPool } from '../../src/scheduler/arenas.ts';
import { Seats } from '../../src/scheduler/seats.ts';
import { Trainer } from '../../src/scheduler/training/trainer.ts';
import { createCompute } from '../../src/workers/compute.ts';
import type { Request } from '../../src/workers/protocol.ts';
import { type CountedModule, countedKernels, countedModule } from '../support/countedModule.ts';
import { type Count, KernelCounter } from '../support/countingKernels.ts';
import { TrainingHarness } from '../support/trainingHarness.ts';

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const STEPS = 4;

function problem(network: Network, draws: number, optimizer: OptimizerSettings): TrainingProblem {
  const { sizes, batchSize } = network;
  const [inputSize, outputSize] = [sizes[0], sizes[sizes.length - 1]];
  return {
    model: build({ inputSize, hiddenSizes: sizes.slice(1, -1), outputSize }),
    likelihood: outputSize > 1 ? { kind: 'categorical' } : { kind: 'gaussian', scale: 'learned' },
    rowCount: batchSize * STEPS,
    batchSize,
    draws,
    epochs: 2,
    optimizer,
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    seed: 'counts',
  };
}

const ADAM: OptimizerSettings = { kind: 'adam', learningRate: 1e-3 };
const PROBLEMS: [string, Network, number, OptimizerSettings][] = [
  ...NETWORKS.map((network): [string, Network, number, OptimizerSettings] => [
    networkName(network),
    network,
    1,
    ADAM,
  ]),
  ['784-50-50-10 B=128 S=3', NETWORKS[1], 3, ADAM],
  ['13-50-1 B=32 sgd', NETWORKS[0], 1, { kind: 'sgd', learningRate: 1e-3, momentum: 0.9 }],
];

function total(counts: Partial<Record<keyof Kernels, Count>>, key: keyof Count): number {
  return Object.values(counts).reduce((sum, count) => sum + count[key], 0);
}

describe('kernel calls of a step', () => {
  const counted = PROBLEMS.map(([name, network, draws, optimizer]) => {
    const counter = new KernelCounter();
    const training = problem(network, draws, optimizer);
    const I = training.model.inputSize;
    const harness = new TrainingHarness(
      training,
      counter.factory,
      null,
      new Float32Array(training.rowCount * I),
      new Float32Array(training.rowCount),
    );
    harness.run(0, 1);
    counter.take();
    harness.run(1, 2);
    const step = counter.take();
    harness.run(2, STEPS - 1);
    counter.take();
    harness.run(STEPS - 1, STEPS);
    return { name, network, draws, step, lastOfEpoch: counter.take() };
  });

  test('are those of the record', async () => {
    const record = Object.fromEntries(
      counted.map(({ name, step, lastOfEpoch }) => [
        name,
        {
          flops: total(step, 'flops'),
          bytes: total(step, 'bytes'),
          kernels: step,
          epochEnd: { kl_f32: lastOfEpoch.kl_f32 },
        },
      ]),
    );
    await expect(json(record)).toMatchFileSnapshot('counts.step.json');
  });

  test.each(counted.filter(({ draws }) => draws === 1))(
    '$name: no product but the three of every layer, no parameter updated or drawn twice',
    ({ network, step }) => {
      const { gemmFlops } = stepWork(network);
      const P = parameterCount(network);
      // Outputs beyond a multiple of 16 are padding: products of layers with few outputs have up to 16.
      const padding = network.sizes
        .slice(1)
        .reduce((sum, O, l) => sum + (Math.ceil(O / LANES) * LANES - O) * (network.sizes[l] + 1), 0);
      expect(step.gemm_f32!.flops).toBeGreaterThanOrEqual(gemmFlops);
      expect(step.gemm_f32!.flops).toBeLessThanOrEqual(gemmFlops + 2 * network.batchSize * padding);
      for (const { elements } of [step.perturb_f32!, (step.adam_f32 ?? step.sgd_f32)!]) {
        expect(elements).toBeGreaterThanOrEqual(P);
        // Rows of a panel are rounded up to a multiple of 4 at most.
        expect(elements).toBeLessThanOrEqual(P + padding + 4 * (P / network.sizes[0] + LANES));
      }
    },
  );
});

describe('WebAssembly instructions', () => {
  let module: CountedModule;
  beforeAll(async () => {
    enableRelaxedSimd();
    module = await countedModule(await readKernelFile('varpool.wasm'));
  });

  const layout = new ArenaLayout(1);
  const base = layout.reserve('operands', 1 << 21);
  const arena = Arena.allocate(layout);

  test('a call with twice the rows executes twice the instructions of its loop', () => {
    const { kernels, executed } = countedKernels(module, arena);
    const of = (rows: number) => executed(prepareKernel({ kind: 'multiply', rows }, kernels, arena, base));
    const [one, two, four] = [of(64), of(128), of(256)];
    expect(four - two).toBe(2 * (two - one));
    // A vector of four at a time is loaded twice, multiplied and stored.
    expect((two - one) / (64 * LANES)).toBeGreaterThanOrEqual(1);
    expect(executed(() => undefined)).toBe(0);
  });

  test('the woven module computes what the plain one does', async () => {
    const { kernels } = countedKernels(module, arena);
    const fused = wasmFactoryOf('fused');
    const plain = fused.create(arena, await fused.compile(), 0);
    const [one, two] = [kernels, plain].map((each) => {
      each.normal_f32(base, 64, 1, 2, 3, 0, 5, 0);
      return arena.floats(base, 64 * LANES).slice();
    });
    expect(one).toEqual(two);
  });

  test('of every kernel are those of the record', async () => {
    const { kernels, executed } = countedKernels(module, arena);
    const record: Record<string, { instructions: number; perUnit: number }> = {};
    const add = (name: string, units: number, work: () => void) => {
      const instructions = executed(work);
      record[name] = { instructions, perUnit: Number((instructions / units).toFixed(3)) };
    };
    const works: KernelWork[] = [
      { kind: 'gemm', m: 64, n: 64, k: 128, transposeA: false },
      { kind: 'gemm', m: 64, n: 64, k: 128, transposeA: true },
      { kind: 'gemm', m: 50, n: 32, k: 13, transposeA: true },
      { kind: 'normals', rows: 64 },
      { kind: 'perturb', rows: 64 },
      { kind: 'optimizer', rows: 64 },
      { kind: 'multiply', rows: 64 },
    ];
    for (const work of works) {
      // Of a product, an instruction a multiply-add; of others, an element.
      const units = work.kind === 'gemm' ? kernelCost(work).flops / 2 : work.rows * LANES;
      const label = workName(work);
      add(
        label.startsWith(work.kind) ? label : `${work.kind} ${label}`,
        units,
        prepareKernel(work, kernels, arena, base),
      );
    }
    const rows = 64;
    const [a, b, c, d] = [0, 1, 2, 3].map((n) => base + n * rows * LANES * 4);
    const n = rows * LANES;
    for (let i = 0; i < 4 * n; i++) arena.f32[base / 4 + i] = ((i * 37) % 64) / 32 - 1;
    for (const [number, name] of ACTIVATIONS.entries())
      add(`activate ${name}`, n, () => kernels.activate_f32(a, b, c, rows, number));
    arena.i32.fill(3, d / 4, d / 4 + n);
    add('categorical 10 classes', 10 * rows, () => kernels.categorical_f32(a, b, c, d, 10, 10, 64, 1 / 64));
    add('softmax 10 classes', 40 * LANES, () => kernels.softmax_f32(a, b, c, 10, 10, 4));
    add('transpose', n, () => kernels.transpose_f32(a, rows, c, rows, rows, LANES));
    add('sumrows', n, () => kernels.sumrows_f32(a, c, rows, 0));
    add('accumulate', n, () => kernels.accumulate_f32(a, b, c, d, rows, 0));
    add('variance', n, () => kernels.variance_f32(a, b, rows));
    add('marginal', n, () => kernels.marginal_f32(a, b, d + 4 * n, rows, 1, 1, 2, 0, 0, 16, 4, 5));
    add('kl', n, () => kernels.kl_f32(a, b, c, rows, LANES, 0, 0.5));
    add('moments', n, () => kernels.moments_f32(a, b, c, rows, 2));
    await expect(json({ module: module.instructions, kernels: record })).toMatchFileSnapshot(
      'counts.wasm.json',
    );
  });
});

describe('messages', () => {
  /** Bytes of what a stretch sends to one worker and gets back; memory and code are shared, not sent. */
  async function messages(network: Network) {
    const sizes: { request: number; reply: number }[] = [];
    const compute = createCompute(nodeWorkerHost);
    const pool = {
      size: 1,
      run: async (request: Request) => {
        const reply = compute(request);
        const job = request.kind === 'train' ? { ...request.job, memory: null, compiled: null } : null;
        sizes.push({
          request: serialize({ ...request, job }).length,
          reply: serialize(reply).length,
        });
        return reply;
      },
    } as unknown as WorkerPool;
    const { model, likelihood, batchSize, rowCount } = problem(network, 1, ADAM);
    const x = { data: new Float32Array(rowCount * model.inputSize), shape: [rowCount, model.inputSize] };
    const given = { likelihood: likelihood.kind, batchSize, epochs: 1, standardize: 'none' };
    const options = checkOptions('train', trainOptions, given);
    const prepared = prepareTraining(model, { x, y: new Float32Array(rowCount) }, options, 'messages');
    const trainer = await Trainer.create(
      prepared,
      {
        pool,
        factory: wasmFactory,
        compiled: await wasmFactory.compile(),
        cores: 1,
        availableMemory: () => 1 << 30,
        nextJobId: () => 1,
        arenas: new ArenaPool(nodePlatform),
        seats: new Seats(1),
        warn: () => undefined,
      },
      { classNames: null },
    );
    await trainer.run(() => undefined);
    return sizes;
  }

  test('of a stretch are one to each worker, under a kilobyte, whatever the size of the network', async () => {
    const small = await messages(NETWORKS[0]);
    const large = await messages(NETWORKS[2]);
    // The first stretch is four steps, all there are.
    expect([small.length, large.length]).toEqual([1, 1]);
    for (const { request, reply } of [...small, ...large]) {
      expect(request).toBeLessThan(1024);
      expect(reply).toBeLessThan(256);
    }
    // One more layer to name.
    expect(Math.abs(large[0].request - small[0].request)).toBeLessThan(128);
  });
});

describe('JavaScript allocations of a step in steady state', () => {
  let counted: Record<string, { bytes: number; arrays: number }>;
  beforeAll(() => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['bench/allocations.mjs'], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    counted = JSON.parse(stdout) as typeof counted;
  }, 120_000);

  test('no arrays', () => {
    expect(Object.keys(counted).length).toBeGreaterThanOrEqual(3);
    for (const [name, { arrays }] of Object.entries(counted)) expect(arrays, name).toBe(0);
  });

  test('no objects but a few dozen numbers', () => {
    // A number that is no small integer takes 16 bytes; which of them the engine keeps in registers differs from run to run (630 to 870
    // bytes were seen for the first). An object a block or a view of a typed array a step would show.
    const bound = { '13-50-1 B=32': 1000, '784-50-50-10 B=128': 1024, '13-50-1 B=32 S=2': 1100 };
    for (const [name, limit] of Object.entries(bound))
      for (const backend of ['wasm', 'native']) {
        const found = counted[`${name} ${backend}`];
        if (found !== undefined) expect(found.bytes, `${name} ${backend}`).toBeLessThan(limit);
      }
  });
});
