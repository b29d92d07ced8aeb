// States of a training: saved when asked, resumed to the bit wherever they were taken, refused where they do not belong.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { CheckpointError, DivergedError, WorkerLostError } from '../../../src/errors.ts';
import { posteriorDigest, readCheckpoint, writeCheckpoint } from '../../../src/index.ts';
import { createRuntime } from '../../../src/node.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import type { TrainingReport } from '../../../src/scheduler/training/reports.ts';
import { FAULTY, type Fault, trainWithFaults } from '../../support/faults.ts';
import { curveData, type Problem, smallProblem, teamProblem } from '../../support/problems.ts';

const quiet = { seed: 'resume', backend: 'wasm', onWarning: () => undefined };
const one = createRuntime({ workers: 1, ...quiet });
const three = createRuntime({ workers: 3, ...quiet, ...FAULTY });
afterAll(() => Promise.all([one.close(), three.close()]));

interface Whole {
  readonly states: TrainingState[];
  readonly reports: Omit<TrainingReport, 'seconds'>[];
  readonly digest: string;
}

/** Trains with a state kept after every step (or every nth), and all reports. */
async function whole(
  { model, data, options }: Problem,
  more: TrainOptions = {},
  everySteps = 1,
): Promise<Whole> {
  const states: TrainingState[] = [];
  const checkpoint = { everySteps, save: (state: TrainingState) => void states.push(state) };
  const run = one.train(model, data, { ...options, ...more, checkpoint });
  const reports = [];
  for await (const { seconds: _, ...report } of run) reports.push(report);
  return { states, reports, digest: posteriorDigest(await run) };
}

describe.each([
  ['categorical, Adam, blundell', teamProblem(1), {}, three],
  [
    'gaussian, Adam, three draws, cosine',
    smallProblem('gaussian', 2),
    { draws: 3, schedule: { kind: 'cosine' } },
    one,
  ],
  [
    'bernoulli, SGD with momentum',
    smallProblem('bernoulli', 3),
    { optimizer: { kind: 'sgd', learningRate: 0.01, momentum: 0.9 } },
    one,
  ],
  [
    'gaussian of fixed scale, warm-up',
    smallProblem('gaussian', 1),
    { likelihood: { kind: 'gaussian', scale: 0.5 }, klWeighting: { kind: 'warmup', epochs: 4 } },
    three,
  ],
] as const)('%s', (_, problem, more, other) => {
  test('from the state of any step, on any workers, the same bits and the same reports of the epochs left', async () => {
    const { model, data, options } = problem;
    const validation = { ...data, draws: 3, every: 2 };
    const plain = await one.train(model, data, { ...options, ...more, validation });
    const { states, reports, digest } = await whole(problem, { ...more, validation });
    expect(posteriorDigest(plain), 'saving changes no bit').toBe(digest);
    const perEpoch = (reports[0] as TrainingReport).step;
    const last = (reports.at(-1) as TrainingReport).step;
    expect(states.map(({ step }) => step)).toEqual(Array.from({ length: last - 1 }, (_, i) => i + 1));
    for (const state of states) {
      const run = other.train(model, data, {
        ...options,
        ...more,
        validation,
        resume: structuredClone(state),
      });
      const left = [];
      for await (const { seconds: _, ...report } of run) left.push(report);
      expect(posteriorDigest(await run)).toBe(digest);
      expect(left).toEqual(reports.slice(Math.floor(state.step / perEpoch)));
    }
  });
});

describe('when states are saved', () => {
  const { model, data, options } = teamProblem(1);
  const long = { ...options, epochs: 100_000 };

  test('at abort, once, whatever was saved before; resuming gives the bits of a run never stopped', async () => {
    const controller = new AbortController();
    const states: TrainingState[] = [];
    const stopping = one.train(model, data, {
      ...options,
      epochs: 40,
      signal: controller.signal,
      onProgress: ({ step }) => step > 20 && controller.abort(new Error('enough')),
      checkpoint: { save: (state) => void states.push(state) },
    });
    await expect(Promise.resolve(stopping)).rejects.toThrow('enough');
    expect(states).toHaveLength(1);
    expect(states[0].step).toBeGreaterThan(20);
    const resumed = await three.train(model, data, { ...options, epochs: 40, resume: states[0] });
    expect(posteriorDigest(resumed)).toBe(
      posteriorDigest(await one.train(model, data, { ...options, epochs: 40 })),
    );
  });

  test('by the clock; seconds continue from those of the state', async () => {
    const controller = new AbortController();
    const states: TrainingState[] = [];
    const checkpoint = {
      everySeconds: 0.01,
      save: (state: TrainingState) => {
        if (states.push(state) === 3) controller.abort();
      },
    };
    await one.train(model, data, { ...long, checkpoint, signal: controller.signal }).then(null, () => null);
    expect(states.length).toBeGreaterThanOrEqual(3);
    expect(states[2].seconds).toBeGreaterThan(states[0].seconds);
    const resume = { ...states[0], seconds: 1000 };
    const first = new AbortController();
    const seconds: number[] = [];
    const onReport = (report: TrainingReport) => {
      seconds.push(report.seconds);
      first.abort();
    };
    const before = performance.now();
    await one.train(model, data, { ...long, resume, onReport, signal: first.signal }).then(null, () => null);
    expect(seconds[0]).toBeGreaterThan(1000);
    expect(seconds[0]).toBeLessThan(1000 + (performance.now() - before) / 1000);
  });

  test('when workers are lost for good: the state of the last snapshot, from which the bits come out right', async () => {
    const states: TrainingState[] = [];
    const faults = Array.from({ length: 4 }, (): Fault => ({ kind: 'exit', rank: 1, step: 5 }));
    const checkpoint = { save: (state: TrainingState) => void states.push(state) };
    const dying = trainWithFaults(three, model, data, { ...options, checkpoint }, faults);
    await expect(Promise.resolve(dying)).rejects.toBeInstanceOf(WorkerLostError);
    expect(states).toHaveLength(1);
    const posterior = await one.train(model, data, { ...options, resume: states[0] });
    expect(posteriorDigest(posterior)).toBe(posteriorDigest(await one.train(model, data, options)));
  });

  test('when a validation loses its workers: a state whose epochs are all reported', async () => {
    await using other = createRuntime({ workers: 1, ...quiet });
    const evaluate = other.evaluateRead.bind(other);
    let calls = 0;
    other.evaluateRead = (...words) => {
      if (++calls === 3) throw new WorkerLostError('predict: no workers');
      return evaluate(...words);
    };
    const all = { ...options, epochs: 5, validation: { ...data, draws: 2 } };
    const states: TrainingState[] = [];
    const reported: number[] = [];
    const losing = other.train(model, data, {
      ...all,
      onReport: ({ epoch }) => reported.push(epoch),
      checkpoint: { everySteps: 4, save: (state) => void states.push(state) },
    });
    await expect(Promise.resolve(losing)).rejects.toBeInstanceOf(WorkerLostError);
    expect(reported).toEqual([1, 2]);
    // The last snapshot is older than the state of step 8, which is kept.
    expect(states.map(({ step }) => step)).toEqual([4, 8]);
    for await (const { epoch } of one.train(model, data, { ...all, resume: states[1] })) reported.push(epoch);
    expect(reported).toEqual([1, 2, 3, 4, 5]);
  });

  test('never with a number that is not finite: divergence saves nothing', async () => {
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 1, save: (state: TrainingState) => void states.push(state) };
    const optimizer = { kind: 'sgd', learningRate: 1e4 } as const;
    const diverging = one.train(model, data, { ...options, optimizer, checkpoint });
    const error = await Promise.resolve(diverging).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(DivergedError);
    expect(states.map(({ step }) => step)).toEqual([1, 2]);
    for (const { tensors } of states)
      for (const { data: values } of tensors) expect(values.every(Number.isFinite)).toBe(true);
  });

  test('an error of saving ends the training with it, and so does one of onReport', async () => {
    const full = new Error('no space');
    const fail = () => {
      throw full;
    };
    const saving = one.train(model, data, { ...long, checkpoint: { everySteps: 2, save: fail } });
    await expect(Promise.resolve(saving)).rejects.toBe(full);
    const later = one.train(model, data, {
      ...long,
      checkpoint: { everySteps: 2, save: async () => fail() },
    });
    await expect(Promise.resolve(later)).rejects.toBe(full);
    await expect(Promise.resolve(one.train(model, data, { ...long, onReport: fail }))).rejects.toBe(full);
  });

  test('reports come before a state that has their epoch in it', async () => {
    const seen: string[] = [];
    await three.train(model, data, {
      ...options,
      epochs: 4,
      onReport: ({ step }) => seen.push(`report ${step}`),
      checkpoint: { everySteps: 3, save: ({ step }) => void seen.push(`state ${step}`) },
    });
    expect(seen).toEqual(['report 3', 'state 3', 'report 6', 'state 6', 'report 9', 'state 9', 'report 12']);
  });

  test.each([
    [
      { everySteps: 0 },
      'train: checkpoint.everySteps: expected a whole number of at least 1, got 0 — change it',
    ],
    [{ everySeconds: -1 }, 'train: checkpoint.everySeconds: expected a number above 0, got -1 — change it'],
    [{ save: 7 }, 'train: checkpoint.save: expected a function, got 7 — give one that keeps the state'],
  ])('options %j are refused', async (wrong, message) => {
    const checkpoint = { save: () => undefined, ...wrong } as never;
    await expect(Promise.resolve(one.train(model, data, { ...options, checkpoint }))).rejects.toThrow(
      message,
    );
  });
});

test('a state goes through a file by the public names', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'varpool-state-'));
  try {
    const path = join(dir, 'state.safetensors');
    const { model, data, options } = smallProblem('gaussian', 2);
    const stop = new Error('killed');
    const save = (state: TrainingState) => {
      writeCheckpoint(path, state);
      if (state.step === 30) throw stop;
    };
    const killed = one.train(model, data, { ...options, checkpoint: { everySteps: 10, save } });
    await expect(Promise.resolve(killed)).rejects.toBe(stop);
    const { state } = readCheckpoint(path);
    expect(state.step).toBe(30);
    const resumed = await three.train(model, data, { ...options, resume: state });
    expect(posteriorDigest(resumed)).toBe(posteriorDigest(await one.train(model, data, options)));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

describe('a state of another training is refused', () => {
  const problem = smallProblem('gaussian', 2);
  const { model, data, options } = problem;
  const states = whole(problem, {}, 7).then((run) => run.states);
  const refusal = async (
    change: (state: TrainingState) => TrainingState,
    other: Partial<Problem> = {},
    more: TrainOptions = {},
  ) => {
    const resume = change(structuredClone((await states)[1]));
    const run = one.train(other.model ?? model, other.data ?? data, { ...options, ...more, resume });
    const error = await Promise.resolve(run).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  };
  const same = (state: TrainingState) => state;
  const NEXT = 'give the options it was saved with';

  test.each<[TrainOptions, string]>([
    [{ batchSize: 24 }, `expected a state with batchSize 24, got 25 — ${NEXT}`],
    [{ seed: 'other' }, `expected a state with seed "other", got "resume" — ${NEXT}`],
    [{ epochs: 13 }, `expected a state with epochs 13, got 12 — ${NEXT}`],
    [{ initialRho: -4 }, `expected a state with initialRho -4, got -5 — ${NEXT}`],
    [
      { optimizer: { kind: 'adam', learningRate: 0.02 } },
      `expected a state with optimizer.learningRate 0.02, got 0.01 — ${NEXT}`,
    ],
    [
      { optimizer: { kind: 'adam', learningRate: 0.01, beta1: 0.8 } },
      `expected a state with optimizer.beta1 0.8, got 0.9 — ${NEXT}`,
    ],
    [
      { optimizer: { kind: 'sgd', learningRate: 0.01 } },
      `expected a state with optimizer.kind "sgd", got "adam" — ${NEXT}`,
    ],
    [{ standardize: 'features' }, 'expected a state with the data "'],
  ])('other options: %j', async (more, message) => {
    expect(await refusal(same, {}, more)).toContain(`resume: ${message}`);
  });

  test('another model, other rows, one other number', async () => {
    const wider = {
      ...model,
      layers: model.layers.map((layer, i) => (i === 0 ? { ...layer, name: 'x' } : layer)),
    };
    expect(await refusal(same, { model: wider })).toContain('expected a state with model.layers.0.name "x"');
    expect(await refusal(same, { data: curveData(90, 4, 'gaussian', 2, 60) })).toMatch(
      /^resume: expected a state with the data "[0-9a-f]{16}", got "[0-9a-f]{16}" — give it the same rows$/,
    );
    const { x, y } = data as { x: { data: Float32Array; shape: number[] }; y: never };
    const touched = x.data.slice();
    touched[77] += 1e-3;
    expect(await refusal(same, { data: { x: { ...x, data: touched }, y } })).toContain(
      'give it the same rows',
    );
  });

  test.each<[string, (state: TrainingState) => TrainingState, string]>([
    [
      'step',
      (state) => ({ ...state, step: 49 }),
      'expected a step from 0 to 48, got 49 — the state is damaged',
    ],
    [
      'half a step',
      (state) => ({ ...state, step: 1.5 }),
      'expected a step from 0 to 48, got 1.5 — the state is damaged',
    ],
    [
      'loss',
      (state) => ({ ...state, epochLoss: Number.NaN }),
      'expected a finite epochLoss, got NaN — the state is damaged',
    ],
    [
      'a tensor that is missing',
      (state) => ({ ...state, tensors: state.tensors.filter(({ name }) => name !== 'layers.1.bias.rho.v') }),
      'expected a tensor layers.1.bias.rho.v, got none — is it a state of another model?',
    ],
    [
      'one too many',
      (state) => ({
        ...state,
        tensors: [...state.tensors, { name: 'layers.9.bias.mu', shape: [1], data: Float32Array.of(1) }],
      }),
      'expected only tensors of this training, got layers.9.bias.mu — is it a state of another model or optimizer?',
    ],
    [
      'another shape',
      (state) => ({
        ...state,
        tensors: state.tensors.map((t) => (t.name === 'layers.0.weight.mu' ? { ...t, shape: [20, 4] } : t)),
      }),
      'expected layers.0.weight.mu of shape [4, 20], got [20, 4] — is it a state of another model?',
    ],
    [
      'another type',
      (state) => ({
        ...state,
        tensors: state.tensors.map((t) =>
          t.name === 'likelihood.rawScale' ? { ...t, data: Float32Array.from(t.data) } : t,
        ),
      }),
      'expected likelihood.rawScale as Float64Array, got Float32Array — do not convert it',
    ],
    [
      'a NaN',
      (state) => {
        state.tensors[5].data[3] = Number.NaN;
        return state;
      },
      'expected finite numbers in layers.0.weight.mu.m, got NaN at 3 — the state is damaged',
    ],
  ])('damage: %s', async (_, change, message) => {
    expect(await refusal(change)).toBe(`resume: ${message}`);
  });

  test('what others keep in it is let pass', async () => {
    const [, state] = await states;
    const tensors = [...state.tensors, { name: 'extra.best', shape: [1], data: Float32Array.of(1) }];
    await one.train(model, data, { ...options, resume: { ...state, tensors, extra: { best: 3 } } });
  });
});
