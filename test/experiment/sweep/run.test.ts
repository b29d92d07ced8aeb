// A sweep's cells are the trainings they say they are, however they are scheduled; what is finished is kept, what fails is reported.

import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { KERNEL_EPOCH } from '../../../src/backend/kernelEpoch.ts';
import type { Ensemble } from '../../../src/core/posterior.ts';
import { readConfig } from '../../../src/experiment/config/config.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { prepareRun, trainingData } from '../../../src/experiment/run/data.ts';
import { openRun } from '../../../src/experiment/run/directory.ts';
import { trainOptions } from '../../../src/experiment/run/train.ts';
import { readSweep } from '../../../src/experiment/sweep/cells.ts';
import { readResults, readSweepManifest, SweepDirectory } from '../../../src/experiment/sweep/directory.ts';
import { runSweep, type SweepOptions } from '../../../src/experiment/sweep/run.ts';
import { LOCK_NAME } from '../../../src/files/lock.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import type { TrainOptions } from '../../../src/runtime/options.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-sweep-'));
const runtimes = new Map<number, Runtime>();
function runtime(workers: number): Runtime {
  let open = runtimes.get(workers);
  if (open === undefined) runtimes.set(workers, (open = createRuntime({ workers, backend: 'wasm' })));
  return open;
}
afterAll(async () => {
  for (const open of runtimes.values()) await open.close();
  rmSync(dir, { recursive: true, force: true });
});

const SWEEP = `config:
  seed: s
  data: { kind: synthetic, rows: 40, testRows: 10, validation: 8 }
  training: { epochs: 6, batchSize: 8, earlyStopping: { patience: 2, every: 1 } }
  prediction: { draws: 5 }
vary:
  model.hiddenSizes: [[4], [5, 3]]
  training.optimizer.learningRate: [0.01, 0.1]
repeat: { seeds: 2 }
`;
const file = join(dir, 'sweep.yaml');
writeFileSync(file, SWEEP);

async function run(name: string, text = SWEEP, workers = 2, options: SweepOptions = {}) {
  writeFileSync(file, text);
  const { onWarning } = options;
  const directory = SweepDirectory.open(join(dir, name), onWarning === undefined ? {} : { onWarning });
  try {
    return await runSweep(readSweep(file), directory, runtime(workers), options);
  } finally {
    directory.close();
  }
}

describe('cells', () => {
  test('with an ensemble are the mixtures they say they are, cut short or not', async () => {
    const text = SWEEP.replace(
      'prediction: { draws: 5 }',
      'ensemble: { members: 2 }\n  prediction: { draws: 6 }',
    )
      .replace('model.hiddenSizes: [[4], [5, 3]]', 'ensemble.members: [1, 3]')
      .replace('[0.01, 0.1]', '[0.01]');
    const results = await run('mixed', text);
    expect([...results.values()].map(({ setting }) => setting['ensemble.members'])).toEqual([1, 1, 3, 3]);
    for (const { run: at, ...result } of results.values()) {
      const opened = openRun(join(dir, 'mixed', at));
      const prepared = prepareRun(readConfig(opened.path('config')), 'config');
      const posterior = opened.posterior() as Ensemble;
      expect(posterior.members).toHaveLength(result.setting['ensemble.members'] as number);
      expect(result).toMatchObject({ status: 'finished', epochKept: null });
      expect(opened.manifest.members!.every(({ selection }) => selection?.metric === 'nll')).toBe(true);
      for (const part of ['validation', 'test'] as const) {
        const metrics = runtime(1).evaluate(posterior, trainingData(prepared.data[part]!), { draws: 6 });
        expect(result[part]).toEqual(await metrics);
      }
    }
    const controller = new AbortController();
    const onCell = () => controller.abort(new Error('enough'));
    await expect(run('mixed2', text, 2, { signal: controller.signal, onCell })).rejects.toThrow('enough');
    const digests = (all: typeof results) => [...all.values()].map(({ posteriorDigest: digest }) => digest);
    expect(digests(await run('mixed2', text, 1))).toEqual(digests(results));
  });

  test('are not mixed with those of another kernel epoch; other sources of the same one may resume', async () => {
    const text = SWEEP.replace('[0.01, 0.1]', '[0.01]');
    await run('epochs', text);
    const path = join(dir, 'epochs', 'sweep.json');
    const manifest = readSweepManifest(path);
    expect(manifest).toMatchObject({ kernelEpoch: KERNEL_EPOCH, reproducible: true });
    writeFileSync(path, JSON.stringify({ ...manifest, kernelEpoch: 1 }));
    await expect(run('epochs', text)).rejects.toThrow(
      `expected kernel epoch 1 as in its finished cells, got ${KERNEL_EPOCH} — begin again with --force`,
    );
    const kernels = { sources: '0'.repeat(64), wasm: '0'.repeat(64) };
    writeFileSync(path, JSON.stringify({ ...manifest, kernels, reproducible: false }));
    await run('epochs', text);
    expect(readSweepManifest(path).reproducible, 'as good as the worst of its lives').toBe(false);
  });

  test('have the digests and metrics of their configs trained alone, for any number of workers', async () => {
    const results = await run('a');
    expect(results.size).toBe(8);
    expect(new Set([...results.values()].map((result) => result.posteriorDigest)).size).toBe(8);
    for (const [cell, result] of results) {
      const opened = openRun(join(dir, 'a', result.run));
      const prepared = prepareRun(readConfig(opened.path('config')), 'config');
      expect(prepared.config.seed).toBe(cell.seed);
      const alone = runtime(1).train(
        prepared.model,
        trainingData(prepared.data.train),
        trainOptions(prepared),
      );
      const { posterior, selected } = await alone.result;
      expect(result.posteriorDigest).toBe(posteriorDigest(posterior));
      expect(result.posteriorDigest).toBe(opened.manifest.posteriorDigest);
      expect(result.epochKept).toBe(selected!.epoch);
      const metrics = (part: 'validation' | 'test') =>
        runtime(1).evaluate(posterior, trainingData(prepared.data[part]!), { draws: 5 });
      expect(result.validation).toEqual(await metrics('validation'));
      expect(result.test).toEqual(await metrics('test'));
    }
    const again = await run('a1', SWEEP, 1);
    const plain = (all: typeof results) =>
      [...all.values()].map(({ posteriorDigest: digest, setting, seed }) => ({ digest, setting, seed }));
    expect(plain(again)).toEqual(plain(results));
    expect(readSweepManifest(join(dir, 'a', 'sweep.json'))).toMatchObject({
      status: 'finished',
      cells: 8,
      finished: 8,
    });
  });

  test('that are finished are not done again, and a larger sweep does only what is new', async () => {
    const done: string[] = [];
    const onCell: SweepOptions['onCell'] = (cell) => void done.push(cell.name);
    const before = readFileSync(join(dir, 'a', 'results.jsonl'), 'utf8');
    await run('a', SWEEP, 2, { onCell });
    expect(done).toEqual([]);
    expect(readFileSync(join(dir, 'a', 'results.jsonl'), 'utf8')).toBe(before);
    const results = await run('a', SWEEP.replace('[0.01, 0.1]', '[0.01, 0.1, 0.2]'), 2, { onCell });
    expect(results.size).toBe(12);
    expect(done).toHaveLength(4);
    for (const name of done) expect(name).toContain('learningRate=0.2');
  });

  test('an interrupt keeps what ended; a torn line and a half-written cell are done again', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const onCell: SweepOptions['onCell'] = (_cell, _result, ended) => ended === 3 && controller.abort(reason);
    await expect(run('b', SWEEP, 2, { onCell, signal: controller.signal })).rejects.toBe(reason);
    const path = join(dir, 'b', 'results.jsonl');
    const ended = readResults(path);
    expect(ended.length).toBeGreaterThanOrEqual(3);
    expect(ended.length).toBeLessThan(8);
    expect(readSweepManifest(join(dir, 'b', 'sweep.json')).status).toBe('interrupted');
    appendFileSync(path, '{"key":"torn');
    const results = await run('b');
    expect([...results.values()].map((result) => result.posteriorDigest)).toEqual(
      [...(await run('a')).values()].map((result) => result.posteriorDigest),
    );
    const lines = readResults(path);
    expect(lines).toHaveLength(8);
    expect(lines.slice(0, ended.length)).toEqual(ended);
  });

  test('that were cut short resume from where they were, to the same digests', async () => {
    const text = SWEEP.replace('epochs: 6', 'epochs: 3000').replace(
      ', earlyStopping: { patience: 2, every: 1 }',
      '',
    );
    const controller = new AbortController();
    const reason = new Error('enough');
    // In the middle of the second training: some cell has ended by then, or is under way.
    let trainings = 0;
    const train: Runtime['train'] = (model, data, options = {}) => {
      const second = ++trainings === 2;
      const onReport: TrainOptions['onReport'] = (report) => {
        options.onReport?.(report);
        if (second && report.epoch === 10) controller.abort(reason);
      };
      return runtime(2).train(model, data, { ...options, onReport });
    };
    const cutting = new Proxy(runtime(2), {
      get: (target, name) => {
        if (name === 'train') return train;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    writeFileSync(file, text);
    const directory = SweepDirectory.open(join(dir, 'h'));
    const cut = runSweep(readSweep(file), directory, cutting, { signal: controller.signal });
    await expect(cut.finally(() => directory.close())).rejects.toBe(reason);
    const results = [...(await run('h', text)).values()];
    const lives = results.map((result) => openRun(join(dir, 'h', result.run)).manifest.resumptions ?? []);
    const resumed = lives.flat();
    expect(resumed.length).toBeGreaterThanOrEqual(1);
    for (const { step } of resumed) expect(step).toBeGreaterThan(0);
    const whole = [...(await run('i', text)).values()];
    expect(results.map((result) => result.posteriorDigest)).toEqual(
      whole.map((result) => result.posteriorDigest),
    );
    expect(results.map((result) => result.test)).toEqual(whole.map((result) => result.test));
  });

  test('that diverge are told, stay told, and do not stop the rest', async () => {
    const text = SWEEP.replace('[0.01, 0.1]', '[0.01, 1e30]');
    const statuses = async () => [...(await run('c', text)).values()].map((result) => result.status);
    const expected = Array.from({ length: 2 }, () => ['finished', 'finished', 'diverged', 'diverged']).flat();
    expect(await statuses()).toEqual(expected);
    const lines = readResults(join(dir, 'c', 'results.jsonl'));
    expect(lines.find(({ status }) => status === 'diverged')!.error).toMatch(
      /^train: expected finite numbers, got NaN/,
    );
    expect(await statuses()).toEqual(expected);
    expect(readResults(join(dir, 'c', 'results.jsonl'))).toHaveLength(8);
  });

  test('that failed in another way get another try', async () => {
    writeFileSync(file, SWEEP);
    const { cells } = readSweep(file);
    const directory = SweepDirectory.open(join(dir, 'd'));
    const first = directory.key(cells[0].config);
    // A file where the cell's directory belongs.
    await run2(directory, () => writeFileSync(join(dir, 'd', 'cells'), ''));
    expect(readResults(join(dir, 'd', 'results.jsonl')).every(({ status }) => status === 'failed')).toBe(
      true,
    );
    rmSync(join(dir, 'd', 'cells'));
    const results = await run('d');
    expect([...results.values()].every(({ status }) => status === 'finished')).toBe(true);
    expect(existsSync(join(dir, 'd', directory.run(first), 'posterior.safetensors'))).toBe(true);
  });
});

async function run2(directory: SweepDirectory, before: () => void): Promise<void> {
  try {
    before();
    await runSweep(readSweep(file), directory, runtime(2));
  } finally {
    directory.close();
  }
}

describe('refused', () => {
  const CSV = `config:
  seed: s
  data: { kind: csv, path: rows.csv, validation: 8 }
  training: { epochs: 2, batchSize: 8 }
vary: { model.hiddenSizes: [[4], [5]] }
`;
  const rows = (last: string) =>
    `a,y\n${Array.from({ length: 30 }, (_, i) => `${i},${i * i}\n`).join('')}${last}\n`;

  test('data that changed since the first cells', async () => {
    writeFileSync(join(dir, 'rows.csv'), rows('5,5'));
    await run('e', CSV);
    writeFileSync(join(dir, 'rows.csv'), rows('5,6'));
    await expect(run('e', CSV)).rejects.toThrow(
      /^rows\.csv: expected SHA-256 \w+… as in the finished cells of .*, got SHA-256 \w+… — begin again with --force/,
    );
  });

  test('a cell whose data does not allow it, before anything runs', async () => {
    const text = CSV.replace('vary:', 'vary: { training.batchSize: [8, 500] }\nx:').replace(/x: .*\n/, '');
    await expect(run('f', text)).rejects.toThrow(
      /cell batchSize=500: training.batchSize: expected at most 23 .*got 500/,
    );
    expect(existsSync(join(dir, 'f', 'cells'))).toBe(false);
  });

  test('equal cells', async () => {
    await expect(run('g', CSV.replace('[[4], [5]]', '[[4], [4]]'))).rejects.toThrow(
      /expected every cell to differ, got the same config in hiddenSizes=\[4\] and hiddenSizes=\[4\]/,
    );
  });

  test('a directory of something else, or one another process works on', async () => {
    expect(() => SweepDirectory.open(dir)).toThrow(
      /expected a new or empty directory, or one of a sweep, got one with \d+ other files — choose another/,
    );
    const held = SweepDirectory.open(join(dir, 'a'));
    await expect(run('a')).rejects.toThrow(
      `expected a run that is not in use, got one that process ${process.pid} is training`,
    );
    held.close();
    // A lock whose process has ended is stale.
    const left = { pid: 999_999_999, began: null, host: hostname() };
    writeFileSync(join(dir, 'a', LOCK_NAME), JSON.stringify(left));
    expect((await run('a')).size).toBe(8);
    expect(existsSync(join(dir, 'a', LOCK_NAME))).toBe(false);
  });

  test('no results that were damaged: they are reported by line, and their cells trained again', async () => {
    const path = join(dir, 'b', 'results.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, [lines[0], lines[1].replace('"status"', '"statu"'), ...lines.slice(2)].join('\n'));
    const done: string[] = [];
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    const results = await run('b', SWEEP, 2, { onCell: (_, { key }) => void done.push(key), onWarning });
    expect(warnings).toEqual([
      expect.stringMatching(
        /results\.jsonl: line 2: status: expected finished, diverged, failed, got nothing — .*; training its cell again$/,
      ),
    ]);
    expect(done).toEqual([JSON.parse(lines[1]).key]);
    expect([...results.values()].map(({ posteriorDigest }) => posteriorDigest)).toEqual(
      [...(await run('a')).values()].map(({ posteriorDigest }) => posteriorDigest),
    );
    expect(readResults(path)).toHaveLength(8);
  });
});
