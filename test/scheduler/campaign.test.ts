// A campaign of random faults, the same ones every time: workers die, throw, run out of memory, dawdle, hang and swallow replies at
// random steps, tiles and blocks of many small trainings, and processes are stopped and resumed between. No digest may tell.

import seedrandom from 'seedrandom';
import { afterAll, describe, expect, test } from 'vitest';
import { parameterLayout } from '../../src/core/parameters.ts';
import type { TrainingState } from '../../src/core/training/trainingState.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../src/node.ts';
import type { TrainOptions } from '../../src/runtime/options.ts';
import { FAULTY, type Fault, trainWithFaults } from '../support/faults.ts';
import { type Problem, smallProblem, teamProblem } from '../support/problems.ts';

const warnings: string[] = [];
const onWarning = (message: string) => void warnings.push(message);
const open = (workers: number, more = {}) =>
  createRuntime({ workers, backend: 'wasm', seed: 'campaign', onWarning, ...FAULTY, ...more });
const pools = [open(2), open(3)];
afterAll(() => Promise.all(pools.map((pool) => pool.close())));

const random = seedrandom.alea('campaign');
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(values: readonly T[]): T => values[below(values.length)];

/** Problems with what a fault can hit in them: steps, and tiles and blocks of a step. */
const PROBLEMS = [
  { problem: teamProblem(1), team: true },
  { problem: teamProblem(2), team: true },
  { problem: smallProblem('gaussian', 2), team: false },
].map(({ problem, team }) => {
  const { batchSize, epochs, draws = 1 } = problem.options as Required<TrainOptions>;
  const { shape } = problem.data.x as { readonly shape: readonly number[] };
  const perEpoch = Math.ceil(shape[0] / batchSize);
  const tiles = (step: number) =>
    draws * Math.ceil(Math.min(batchSize, shape[0] - (step % perEpoch) * batchSize) / 16);
  return {
    problem,
    team,
    steps: perEpoch * epochs,
    tiles,
    blocks: parameterLayout(problem.model).blocks.length,
  };
});
type Target = (typeof PROBLEMS)[number];

function randomFault({ team, steps, tiles, blocks }: Target, workers: number, kinds: Fault['kind'][]): Fault {
  const kind = pick(kinds);
  const step = below(steps);
  const ms = 1 + below(30);
  // A reply is lost as a whole, so that fault has no place inside a step.
  const place = kind === 'lost' ? 0 : below(3);
  if (place === 1) return { kind, step, tile: below(tiles(step)), ms };
  if (place === 2) return { kind, step, block: below(blocks), ms };
  return { kind, step, rank: team ? below(workers) : 0, ms };
}

const wanted = new Map<Problem, string>();
async function digestWithout({ model, data, options }: Problem, key: Problem): Promise<string> {
  const found = wanted.get(key) ?? posteriorDigest(await pools[0].train(model, data, options));
  wanted.set(key, found);
  return found;
}

describe('random faults in small trainings', () => {
  let injected = 0;

  test.each(Array.from({ length: 66 }, (_, i) => i))(
    'training %i: dying, throwing and slow workers',
    async () => {
      const target = pick(PROBLEMS);
      const pool = pick(pools);
      const { model, data, options } = target.problem;
      const faults = Array.from({ length: 3 }, () =>
        randomFault(target, pool.workers, ['exit', 'throw', 'throw', 'throw', 'slow']),
      );
      const deadly = faults.filter(({ kind }) => kind !== 'slow').length;
      const story = JSON.stringify(faults);
      injected += faults.length;
      warnings.length = 0;
      const reports: number[] = [];
      const run = trainWithFaults(pool, model, data, options, faults);
      for await (const { epoch } of run) reports.push(epoch);
      expect(faults, story).toEqual([]);
      expect(warnings, 'one warning a loss').toHaveLength(deadly);
      expect(posteriorDigest(await run), story).toBe(await digestWithout(target.problem, target.problem));
      expect(reports).toEqual(Array.from({ length: options.epochs as number }, (_, i) => i + 1));
    },
  );

  test('workers that hang and replies that never come are given up and replaced', async () => {
    for (const target of [PROBLEMS[0], PROBLEMS[2], PROBLEMS[1]]) {
      const { model, data, options } = target.problem;
      const faults = Array.from({ length: 2 }, () => randomFault(target, 3, ['hang', 'lost']));
      const story = JSON.stringify(faults);
      injected += faults.length;
      warnings.length = 0;
      const run = trainWithFaults(pools[1], model, data, options, faults, 700);
      expect(posteriorDigest(await run), story).toBe(await digestWithout(target.problem, target.problem));
      expect(faults, story).toEqual([]);
      expect(
        warnings.filter((text) => text.includes('no sign of life for 0.7 s')).length,
      ).toBeGreaterThanOrEqual(2);
    }
  });

  test('a worker that is slow but alive outlasts a patience shorter than the whole stretch', async () => {
    const { problem } = PROBLEMS[0];
    const slow = [0, 1, 2, 3, 4, 5].map((step): Fault => ({ kind: 'slow', step, rank: step % 3, ms: 400 }));
    const checkpoint = { everySteps: 1, save: () => undefined };
    injected += slow.length;
    warnings.length = 0;
    const { model, data, options } = problem;
    const posterior = await trainWithFaults(pools[1], model, data, { ...options, checkpoint }, slow, 1_800);
    expect(slow).toEqual([]);
    expect(warnings).toEqual([]);
    expect(posteriorDigest(posterior)).toBe(await digestWithout(problem, problem));
  });

  test('a worker beyond its heap limit is replaced', async () => {
    await using pool = open(2, { workerHeapMb: 32 });
    const { problem } = PROBLEMS[0];
    const faults: Fault[] = [{ kind: 'memory', step: 3, block: 7 }];
    injected += faults.length;
    warnings.length = 0;
    const run = trainWithFaults(pool, problem.model, problem.data, problem.options, faults);
    expect(posteriorDigest(await run)).toBe(await digestWithout(problem, problem));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/memory/);
  });

  test('the campaign is as large as it says', () => expect(injected).toBeGreaterThanOrEqual(200));
});

test('random chains of stops, resumptions and faults, each life on another pool', async () => {
  for (let chain = 0; chain < 12; chain++) {
    const target = pick(PROBLEMS);
    const { model, data, options } = target.problem;
    const stops = [below(target.steps), below(target.steps)].sort((a, b) => a - b);
    let state: TrainingState | undefined;
    for (const stop of stops) {
      // A process that is killed leaves the state it saved last.
      const controller = new AbortController();
      const checkpoint = {
        everySteps: 1,
        save: (saved: TrainingState) => {
          if (saved.step <= stop) state = structuredClone(saved);
          else controller.abort(new Error('killed'));
        },
      };
      const pool = pick(pools);
      const faults = [randomFault(target, pool.workers, ['exit', 'throw'])];
      const life = { ...options, checkpoint, signal: controller.signal };
      await trainWithFaults(
        pool,
        model,
        data,
        state === undefined ? life : { ...life, resume: state },
        faults,
      ).then(null, (error: unknown) => expect((error as Error).message).toBe('killed'));
    }
    const last = state === undefined ? options : { ...options, resume: state };
    const posterior = await pick(pools).train(model, data, last);
    expect(posteriorDigest(posterior)).toBe(await digestWithout(target.problem, target.problem));
  }
});
