// A worker's part without a thread: requests in, replies out, on a real arena. However a training is cut into stretches, and
// whatever a worker did before, the state afterwards is the same.

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { nodeWorkerHost } from '../../src/platform/node/workerHost.ts';
import { createCompute } from '../../src/workers/compute.ts';
import type { StretchHook } from '../../src/workers/hook.ts';
import { CONTROL, type Request, type TrainingJob, type TrainReply } from '../../src/workers/protocol.ts';
import { Team, TeamAbortedError } from '../../src/workers/team.ts';
import { FAULTY, type Fault } from '../support/faults.ts';
import { TrainingHarness, testNormals } from '../support/trainingHarness.ts';

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
});

const STEPS = 12; // 4 epochs of 3 minibatches: 8, 8 and 5 rows
const problem: TrainingProblem = {
  model: build({ inputSize: 3, hiddenSizes: [20], outputSize: 2, activation: 'silu' }),
  likelihood: { kind: 'gaussian', scale: 'learned' },
  rowCount: 21,
  batchSize: 8,
  draws: 2,
  epochs: 4,
  optimizer: { kind: 'adam', learningRate: 0.01 },
  schedule: { kind: 'cosine' },
  klWeighting: 'blundell',
  seed: 'compute',
};

let jobs = 0;
/** A fresh arena with the job that names it; nothing has run. */
function fresh() {
  const harness = new TrainingHarness(
    problem,
    wasmFactory,
    compiled,
    testNormals(63, 401),
    testNormals(42, 402),
  );
  for (const l of [0, 1]) {
    const { I, O } = harness.memory.layout.layers[l];
    const values = (count: number, loc: number) =>
      Float64Array.from(testNormals(count, 403 + l), (value) => Math.fround(loc + 0.3 * value));
    harness.put(harness.memory.mu, l, { weight: values(I * O, 0), bias: values(O, 0) });
    harness.put(harness.memory.rho, l, { weight: values(I * O, -3), bias: values(O, -3) });
  }
  const job: TrainingJob = {
    kind: 'training',
    id: ++jobs,
    arena: jobs,
    evictions: 0,
    backend: 'wasm',
    compiled,
    memory: harness.arena.memory,
    threads: 1,
    problem,
  };
  const train = (from: number, to: number, fault?: Fault): Request => ({
    kind: 'train',
    job,
    rank: 0,
    size: 1,
    cores: 1,
    from,
    to,
    ...(fault === undefined ? {} : { order: [fault] }),
  });
  const control = harness.arena.i32.subarray(harness.memory.control / 4, harness.memory.control / 4 + 16);
  return { harness, train, control };
}

function wholeRun(): Uint8Array {
  const { harness, train } = fresh();
  createCompute(nodeWorkerHost)(train(0, STEPS));
  return harness.state();
}

describe('train', () => {
  test('any cut into stretches, by one worker or a new one each time, gives the same state', () => {
    const whole = wholeRun();
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: STEPS - 1 }), { maxLength: STEPS - 1 });
    fc.assert(
      fc.property(cuts, fc.boolean(), (unsorted, renew) => {
        const { harness, train, control } = fresh();
        let compute = createCompute(nodeWorkerHost);
        let from = 0;
        for (const to of [...unsorted.sort((a, b) => a - b), STEPS]) {
          if (renew) {
            compute = createCompute(nodeWorkerHost);
            // As after a rollback: weights and minibatch in the arena count for nothing.
            Atomics.store(control, CONTROL.readyFor, 0);
          }
          const reply = compute(train(from, to)) as TrainReply;
          expect([reply.kind, reply.ended, reply.step]).toEqual(['trained', 'complete', to]);
          expect(Atomics.load(control, CONTROL.stepsDone)).toBe(to);
          from = to;
        }
        expect(harness.state()).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  test('the loss of each step is recorded, and the KL of each epoch', () => {
    const { harness, train } = fresh();
    createCompute(nodeWorkerHost)(train(0, STEPS));
    const losses = Array.from({ length: STEPS }, (_, step) => harness.loss(step));
    expect(losses.every((loss) => Number.isFinite(loss) && loss !== 0)).toBe(true);
    expect(new Set(losses).size).toBe(STEPS);
    const kl = harness.arena.f64.subarray(harness.memory.epochKl / 8, harness.memory.epochKl / 8 + 5);
    expect([...kl].map((value) => value > 0)).toEqual([true, true, true, true, false]);
  });

  test('the cancel flag ends it after the step under way', () => {
    const { train, control } = fresh();
    Atomics.store(control, CONTROL.cancel, 1);
    const reply = createCompute(nodeWorkerHost)(train(2, STEPS)) as TrainReply;
    expect([reply.ended, reply.step]).toEqual(['canceled', 3]);
  });

  test('an aborted team ends without a step', () => {
    const { harness, train, control } = fresh();
    const before = harness.state();
    Atomics.store(control, CONTROL.abort, 1);
    const reply = createCompute(nodeWorkerHost)(train(0, STEPS)) as TrainReply;
    expect([reply.ended, reply.step]).toEqual(['aborted', 0]);
    expect(harness.state()).toEqual(before);
  });

  test('a parameter that is NaN ends it as diverged after that step', () => {
    const { harness, train } = fresh();
    harness.arena.f32[harness.memory.mu / 4] = Number.NaN;
    const reply = createCompute(nodeWorkerHost)(train(0, STEPS)) as TrainReply;
    expect([reply.ended, reply.step]).toEqual(['diverged', 1]);
  });

  test('an order without a hook changes nothing', () => {
    const { harness, train } = fresh();
    createCompute(nodeWorkerHost)(train(0, STEPS, { kind: 'throw', step: 3 }));
    expect(harness.state()).toEqual(wholeRun());
  });

  test('faults happen at their step: throw throws, exit exits, slow only takes time', async () => {
    const { faultHook } = (await import(FAULTY.workerHook)) as {
      faultHook: (exit: () => never) => StretchHook;
    };
    const { harness, train } = fresh();
    const hook = faultHook(() => {
      throw new Error('exited');
    });
    const compute = createCompute(nodeWorkerHost, hook);
    expect(() => compute(train(0, 5, { kind: 'throw', rank: 0, step: 3 }))).toThrow(
      'fault injected at step 3',
    );
    expect(harness.step.arena.i32[harness.memory.control / 4 + CONTROL.stepsDone]).toBe(3);
    expect(() => compute(train(3, 5, { kind: 'exit', rank: 0, step: 4 }))).toThrow('exited');
    compute(train(4, STEPS, { kind: 'slow', rank: 0, step: 5 }));
    expect(harness.state()).toEqual(wholeRun());
    expect(() => compute(train(11, 12, { kind: 'throw', rank: 1, step: 11 }))).not.toThrow();
  });
});

test('release forgets, and the job continues when asked again', () => {
  const { harness, train } = fresh();
  const compute = createCompute(nodeWorkerHost);
  compute(train(0, 4));
  const meeting = new Int32Array(new SharedArrayBuffer(4));
  expect(compute({ kind: 'release', size: 1, meeting })).toEqual({ kind: 'released' });
  expect(meeting[0]).toBe(1);
  compute(train(4, STEPS));
  expect(harness.state()).toEqual(wholeRun());
});

test('two jobs may take turns on one worker', () => {
  const [a, b] = [fresh(), fresh()];
  const compute = createCompute(nodeWorkerHost);
  for (let step = 0; step < STEPS; step++) for (const { train } of [a, b]) compute(train(step, step + 1));
  const whole = wholeRun();
  expect(a.harness.state()).toEqual(whole);
  expect(b.harness.state()).toEqual(whole);
});

describe('Team', () => {
  const control = () => new Int32Array(new SharedArrayBuffer(256));

  test('shares of any number of pieces are neighbors that cover all, none twice, and even', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 64 }), (n, size) => {
        const words = control();
        let next = 0;
        for (let rank = 0; rank < size; rank++) {
          const team = new Team(words, size, rank, 1);
          expect(team.first(n)).toBe(next);
          next = team.last(n);
          const share = next - team.first(n);
          expect(share).toBeGreaterThanOrEqual(Math.floor(n / size));
          expect(share).toBeLessThanOrEqual(Math.ceil(n / size));
        }
        expect(next).toBe(n);
      }),
    );
  });

  test('a barrier of one is passed at once; an aborted one throws', () => {
    const words = control();
    const team = new Team(words, 1, 0, 1);
    team.sync();
    Atomics.store(words, CONTROL.abort, 1);
    expect(() => team.sync()).toThrow(TeamAbortedError);
    // Waiting for a member that will never come: the flag gets it out.
    expect(() => new Team(words, 2, 0, 1).sync()).toThrow(TeamAbortedError);
  });
});
