// Warnings are judged on several epochs, withdrawn when they hold no more, and the same whether or not a training was cut in between.

import { describe, expect, test } from 'vitest';
import { referenceFactory } from '../../../src/backend/reference/reference.ts';
import { build } from '../../../src/core/bayesian.ts';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { CheckpointError } from '../../../src/errors.ts';
import { Ledger } from '../../../src/scheduler/training/ledger.ts';
import { TrainingHarness, testNormals } from '../../support/trainingHarness.ts';

const N = 64;
const M = 4;
const EPOCHS = 40;
const problem = {
  model: build({ inputSize: 2, hiddenSizes: [16], outputSize: 1 }),
  likelihood: { kind: 'gaussian', scale: 'learned' },
  rowCount: N,
  batchSize: N / M,
  draws: 1,
  epochs: EPOCHS,
  optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 },
  schedule: { kind: 'constant' },
  klWeighting: 'uniform',
  seed: 's',
} as const;
const y = testNormals(N, 3);
const BASELINE = createLikelihood(problem.likelihood).baselineNll(y, 1);
const GOOD = BASELINE - 1;
const BAD = BASELINE + 5;

/** A training whose epochs come to what `nll` says, cut after some of them and gone on with from its state. */
function trained(nll: (epoch: number) => number, cuts: readonly number[] = []) {
  const harness = new TrainingHarness(problem, referenceFactory, null, testNormals(2 * N, 2), y);
  const { memory, arena } = harness;
  const told: string[] = [];
  const open = () =>
    new Ledger(
      { problem, standardization: { features: null, targets: null }, initialRho: -5 },
      memory,
      arena,
      1,
      (message) => told.push(message),
    );
  let ledger = open();
  const lines: string[] = [];
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    for (let i = 0; i < M; i++) arena.f64[memory.stepLoss / 8 + M * (epoch - 1) + i] = nll(epoch);
    for (const { diagnostics } of ledger.enter(M * (epoch - 1), M * epoch)) {
      for (const code of diagnostics!.withdrawn ?? []) lines.push(`${epoch} no ${code}`);
      for (const { code } of diagnostics!.warnings) lines.push(`${epoch} ${code}`);
    }
    if (!cuts.includes(epoch)) continue;
    const extra = JSON.parse(JSON.stringify(ledger.diagnosis.extra(epoch)));
    ledger = open();
    ledger.resume(M * epoch, 0);
    ledger.diagnosis.restore({ extra } as TrainingState);
  }
  return { lines, told };
}

describe('a fit no better than a constant', () => {
  test('is not given for a spike of one or two epochs, even at the very end', () => {
    expect(trained((epoch) => (epoch === EPOCHS ? BAD : GOOD)).lines).toEqual([]);
    expect(trained((epoch) => (epoch > EPOCHS - 2 ? BAD : GOOD)).lines).toEqual([]);
    expect(trained((epoch) => (epoch % 4 === 0 ? BAD : GOOD)).lines).toEqual([]);
  });

  test('is given once it has lasted, and withdrawn when it is over', () => {
    expect(trained(() => BAD).lines).toEqual(['25 underfit']);
    const { lines, told } = trained((epoch) => (epoch < 30 ? BAD : GOOD));
    expect(lines).toEqual(['25 underfit', '32 no underfit']);
    expect(told).toEqual([
      expect.stringMatching(/^train: epoch 25: the training rows are fitted no better .+ than by a constant/),
      'train: epoch 32: the training rows are fitted better than by a constant now: the warning of epoch 25 is withdrawn',
    ]);
    expect(trained((epoch) => (epoch < 28 || epoch > 35 ? BAD : GOOD)).lines).toEqual([
      '25 underfit',
      '30 no underfit',
      '38 underfit',
    ]);
  });

  test.each([[[24]], [[26]], [[29, 31]], [[30, 36, 37, 38, 39]]])('is the same when cut after %j', (cuts) => {
    for (const spiked of [
      (epoch: number) => (epoch < 28 || epoch > 35 ? BAD : GOOD),
      (epoch: number) => (epoch === EPOCHS ? BAD : GOOD),
    ])
      expect(trained(spiked, cuts)).toEqual(trained(spiked));
  });
});

test('a record that is none is refused', () => {
  const harness = new TrainingHarness(problem, referenceFactory, null, testNormals(2 * N, 2), y);
  const standardization = { features: null, targets: null };
  const { diagnosis } = new Ledger(
    { problem, standardization, initialRho: -5 },
    harness.memory,
    harness.arena,
    1,
    () => undefined,
  );
  for (const warnings of [
    {},
    { nll: [1], standing: [] },
    { nll: [], standing: [['other', 3]] },
    { nll: [[1, null]], standing: [] },
  ])
    expect(() => diagnosis.restore({ extra: { warnings } } as unknown as TrainingState)).toThrow(
      CheckpointError,
    );
  expect(() => diagnosis.restore({ extra: {} } as TrainingState)).not.toThrow();
});
