// Early stopping and the choice of the best epoch: the rule against its definition, the kept bits against shorter trainings, and that
// neither workers, backends nor lost workers can be seen in what was chosen.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Posterior } from '../../../src/core/posterior.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { CheckpointError } from '../../../src/errors.ts';
import { readCheckpoint, writeCheckpoint } from '../../../src/experiment/checkpoint/checkpointFile.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';
import { EpochSelector } from '../../../src/scheduler/training/earlyStopping.ts';
import type { Evaluation, TrainingReport } from '../../../src/scheduler/training/reports.ts';
import { FAULTY, type Fault, trainWithFaults } from '../../support/faults.ts';
import { curveData, smallProblem, teamProblem } from '../../support/problems.ts';

const metrics = (nll: number): Evaluation => ({ rows: 1, draws: 1, nll });
/** Told apart by identity. */
const posteriors = Array.from(
  { length: 64 },
  (_, e) => ({ layers: [], noiseScale: [e] }) as never as Posterior,
);

/** Where training stops and what it keeps, from all values at once. */
function byDefinition(values: readonly number[], patience: number, minDelta: number) {
  let reference = Number.NaN;
  let improved = 0;
  let stop = values.length;
  for (let epoch = 1; epoch < values.length && stop === values.length; epoch++) {
    const value = values[epoch - 1];
    if (Number.isFinite(value) && (improved === 0 || value < reference - minDelta)) {
      reference = value;
      improved = epoch;
    }
    if (epoch - improved >= patience) stop = epoch;
  }
  const seen = values.slice(0, stop);
  const finite = seen.filter(Number.isFinite);
  const least = finite.length === 0 ? null : seen.indexOf(Math.min(...finite)) + 1;
  return { stop, best: least };
}

describe('the rule', () => {
  const value = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: -8, max: 8 }).map((n) => n / 4) },
    { weight: 1, arbitrary: fc.constant(Number.NaN) },
  );
  const scenario = fc.record({
    values: fc.array(value, { minLength: 1, maxLength: 40 }),
    patience: fc.integer({ min: 1, max: 6 }),
    minDelta: fc.constantFrom(0, 0.25, 0.6),
  });

  test('stops and keeps as its definition says; told twice, or restored from JSON, it does the same', () => {
    fc.assert(
      fc.property(scenario, fc.nat(), fc.nat(), ({ values, patience, minDelta }, again, cut) => {
        const make = () => new EpochSelector(values.length, 'nll', { metric: 'nll', patience, minDelta });
        let selector = make();
        let stop = values.length;
        for (let epoch = 1; epoch <= values.length; epoch++) {
          selector.observe(epoch, metrics(values[epoch - 1]), posteriors[epoch]);
          // After a roll-back, epochs that were judged before come again.
          const from = Math.max(1, epoch - (again % 4));
          for (let e = from; e <= epoch; e++) selector.observe(e, metrics(values[e - 1]), posteriors[e]);
          if (epoch === 1 + (cut % values.length)) {
            const state = JSON.parse(JSON.stringify(selector.state()));
            selector = make();
            selector.restore(state);
          }
          if (selector.stopped) {
            stop = epoch;
            break;
          }
        }
        const expected = byDefinition(values, patience, minDelta);
        expect(stop).toBe(expected.stop);
        expect(selector.outcome().selected?.epoch ?? null).toBe(expected.best);
        const kept = selector.result(posteriors[stop]);
        expect(kept.noiseScale).toEqual([expected.best ?? stop]);
      }),
      { numRuns: 300 },
    );
  });

  test('without a rule it goes to the end, without a metric to select by it keeps the last', () => {
    const best = new EpochSelector(3, 'nll', null);
    for (const [i, nll] of [3, 1, 2].entries()) best.observe(i + 1, metrics(nll), posteriors[i + 1]);
    expect(best.outcome()).toEqual({ selected: { epoch: 2, metric: 'nll', value: 1 }, stopped: 'epochs' });
    const last = new EpochSelector(9, null, { metric: 'nll', patience: 2, minDelta: 0 });
    for (const [i, nll] of [3, 4, 5].entries()) last.observe(i + 1, metrics(nll), posteriors[i + 1]);
    expect(last.outcome()).toEqual({ selected: null, stopped: 'earlyStopping' });
    expect(last.result(posteriors[3])).toBe(posteriors[3]);
  });
});

const runtimes: Runtime[] = [];
afterAll(() => Promise.all(runtimes.map((open) => open.close())));
function runtime(workers: number, backend = 'wasm'): Runtime {
  const known = runtimes.find((open) => open.workers === workers && open.backend === backend);
  if (known !== undefined) return known;
  runtimes.push(createRuntime({ workers, backend, seed: 'stopping', onWarning: () => undefined, ...FAULTY }));
  return runtimes.at(-1) as Runtime;
}

/** Few noisy rows and a fast optimizer: it overfits within some epochs. */
function overfitting(more: TrainOptions = {}) {
  const { model, options } = smallProblem('gaussian', 1);
  const optimizer = { kind: 'adam', learningRate: 0.03 } as const;
  const validation = { ...curveData(40, 4, 'gaussian', 1, 90), draws: 8 };
  const training = { ...options, epochs: 60, batchSize: 24, optimizer, initialRho: -8, validation, ...more };
  return { model, data: curveData(24, 4, 'gaussian', 1), options: training };
}

describe('a training', () => {
  const rule = { patience: 6, minDelta: 0.001 };

  test('keeps the bits it had at the best epoch, and stops at the end of its patience', async () => {
    const { model, data, options } = overfitting({ earlyStopping: rule });
    const run = runtime(1).train(model, data, options);
    const reports: TrainingReport[] = [];
    for await (const report of run) reports.push(report);
    const { posterior, selected, stopped } = await run.result;
    expect(stopped).toBe('earlyStopping');
    expect(reports.length).toBeLessThan(60);
    const values = reports.map(({ validation }) => validation!.nll);
    expect(selected).toEqual({
      epoch: values.indexOf(Math.min(...values)) + 1,
      metric: 'nll',
      value: Math.min(...values),
    });
    expect(reports.length).toBe(byDefinition([...values, 0], rule.patience, rule.minDelta).stop);
    expect(reports.map((report) => report.stopped ?? null)).toEqual([
      ...values.slice(1).map(() => null),
      'earlyStopping',
    ]);
    expect(reports.at(-1)!.best).toEqual(selected);

    // A training of that many epochs is the same training, ended there: the schedule is constant.
    const until = async (epochs: number) =>
      posteriorDigest(await runtime(1).train(model, data, { ...overfitting().options, epochs }));
    expect(selected!.epoch).toBeLessThan(reports.length);
    expect(posteriorDigest(posterior)).toBe(await until(selected!.epoch));
    const plain = await runtime(1, 'reference').train(model, data, options).result;
    expect([posteriorDigest(plain.posterior), plain.selected]).toEqual([
      posteriorDigest(posterior),
      selected,
    ]);
    const last = await runtime(1).train(model, data, { ...options, select: 'last' });
    expect(posteriorDigest(last)).toBe(await until(reports.length));
  });

  test('is judged with draws that do not depend on the epoch: the metric is that of the kept posterior, evaluated afresh', async () => {
    const { model, data, options } = overfitting({ select: { kind: 'best', metric: 'rmse' } });
    const { posterior, selected, stopped } = await runtime(1).train(model, data, options).result;
    expect(stopped).toBe('epochs');
    expect(selected!.metric).toBe('rmse');
    const fresh = await runtime(1).evaluate(posterior, options.validation, { draws: 8 });
    expect(selected!.value).toBe(fresh.rmse);
  });

  test('only epochs that are validated can be kept', async () => {
    const validation = { ...overfitting().options.validation, every: 4 };
    const { model, data, options } = overfitting({ select: 'best', validation });
    const { selected } = await runtime(1).train(model, data, options).result;
    expect(selected!.epoch % 4).toBe(0);
  });

  test('chooses the same epoch and bits with 1, 2, 3 and 7 workers, and when workers die', async () => {
    const { model, data, options } = teamProblem(1);
    const more: TrainOptions = {
      epochs: 6,
      optimizer: { kind: 'adam', learningRate: 0.02 },
      validation: { ...curveData(30, 9, 'categorical', 3, 90), draws: 4 },
      earlyStopping: { metric: 'error', patience: 2 },
    };
    const outcomes: string[] = [];
    const run = async (open: Runtime, faults: Fault[] = []) => {
      const result = await trainWithFaults(open, model, data, { ...options, ...more }, faults).result;
      const { posterior, selected, stopped, team } = result;
      outcomes.push(JSON.stringify([posteriorDigest(posterior), selected, stopped]));
      return team;
    };
    for (const workers of [1, 2, 3, 7]) expect(await run(runtime(workers))).toBe(workers);
    await run(runtime(3), [
      { kind: 'exit', rank: 1, step: 4 },
      { kind: 'throw', rank: 0, step: 8 },
    ]);
    expect(outcomes[0]).toMatch(/"epoch":[1-5],/);
    expect(new Set(outcomes).size, outcomes.join('\n')).toBe(1);
  });
});

describe('a training that resumes from a state', () => {
  const dir = mkdtempSync(join(tmpdir(), 'varpool-best-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const { model, data, options } = overfitting({
    earlyStopping: { patience: 6, minDelta: 0.001 },
    epochs: 40,
  });

  test('keeps and stops as if it had not been cut short, from whatever step, through a file', async () => {
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 1, save: (state: TrainingState) => void states.push(state) };
    const whole = await runtime(1).train(model, data, { ...options, batchSize: 12, checkpoint }).result;
    expect(whole.stopped).toBe('earlyStopping');
    const plain = await runtime(1).train(model, data, { ...options, batchSize: 12 });
    expect(posteriorDigest(plain)).toBe(posteriorDigest(whole.posterior));
    const past = states.filter(({ step }) => step > 2 * whole.selected!.epoch);
    expect(past.length).toBeGreaterThan(0);
    expect(
      past.every(({ tensors }) => tensors.some(({ name }) => name === 'extra.best.layers.0.weight.mu')),
    ).toBe(true);
    for (const state of states) {
      const path = join(dir, 'state.safetensors');
      writeCheckpoint(path, state, null);
      const resume = readCheckpoint(path).state;
      const { posterior, selected, stopped } = await runtime(1).train(model, data, {
        ...options,
        batchSize: 12,
        resume,
      }).result;
      expect({ selected, stopped }).toEqual({ selected: whole.selected, stopped: whole.stopped });
      expect(posteriorDigest(posterior)).toBe(posteriorDigest(whole.posterior));
    }
  });

  test('is refused with other options of choosing, and when the best epoch is missing from the state', async () => {
    const states: TrainingState[] = [];
    const checkpoint = { everySteps: 3, save: (state: TrainingState) => void states.push(state) };
    await runtime(1).train(model, data, { ...options, checkpoint });
    const resume = states.at(-1) as TrainingState;
    const go = (more: TrainOptions) => runtime(1).train(model, data, { ...options, resume, ...more }).result;
    const other =
      /^resume: expected a state whose epochs are chosen by .*"patience":7.*, got .*"patience":6.* — give the options/;
    await expect(go({ earlyStopping: { patience: 7, minDelta: 0.001 } })).rejects.toThrow(other);
    await expect(go({ earlyStopping: undefined as never })).rejects.toThrow(/chosen by null, got \{/);
    await expect(go({ select: 'last' })).rejects.toThrow(CheckpointError);
    const tensors = resume.tensors.filter(({ name }) => name !== 'extra.best.layers.1.bias.rho');
    await expect(go({ resume: { ...resume, tensors } })).rejects.toThrow(
      'resume: expected a tensor extra.best.layers.1.bias.rho of 17 float32 numbers, got none — the state is damaged',
    );
  });
});

describe('refused', () => {
  const { model, data, options } = overfitting();
  test.each<[TrainOptions, RegExp]>([
    [
      { select: 'best', validation: undefined as never },
      /^train: select: expected validation rows .* — pass validation/,
    ],
    [
      { earlyStopping: { patience: 2 }, validation: undefined as never },
      /^train: earlyStopping: expected validation rows/,
    ],
    [
      { earlyStopping: { patience: 0 } },
      /^train: earlyStopping.patience: expected a whole number of at least 1, got 0/,
    ],
    [{ earlyStopping: { patience: 1, minDelta: -1 } }, /^train: earlyStopping.minDelta: expected .*, got -1/],
    [
      { earlyStopping: { patience: 1, metric: 'error' } },
      /earlyStopping.metric: expected nll, rmse, mae for gaussian, got error/,
    ],
    [
      { select: { kind: 'best', metric: 'ece' } },
      /select.metric: expected nll, rmse, mae for gaussian, got ece/,
    ],
    [{ select: 'first' as never }, /^train: select: expected last or best, .* got "first"/],
  ])('%j', async (more, message) => {
    await expect(runtime(1).train(model, data, { ...options, ...more })).rejects.toThrow(message);
  });
});
