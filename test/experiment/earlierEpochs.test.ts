// Files that kernel epoch 2 wrote (test/experiment/epoch2): they predict what the varpool that wrote them predicted from them, a run of
// that epoch still has its own test rows, and nothing trains on from them.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KERNEL_EPOCH } from '../../src/backend/kernelEpoch.ts';
import { build } from '../../src/core/bayesian.ts';
import { ensembleOf } from '../../src/core/posteriors/ensembleOf.ts';
import { membersOf } from '../../src/core/posteriors/mixture.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import type { TrainingState } from '../../src/core/training/trainingState.ts';
import { loadAnyPosterior, saveAnyPosterior } from '../../src/experiment/posterior/saved.ts';
import { loadRunData, trainingData } from '../../src/experiment/run/data.ts';
import { openRun } from '../../src/experiment/run/directory.ts';
import { recordedData, repeatableRun } from '../../src/experiment/run/repeatable.ts';
import { openResume } from '../../src/experiment/run/resume.ts';
import { runRows } from '../../src/experiment/run/rows.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/tensors/safetensorsFile.ts';
import { createRuntime, openSession, type Runtime } from '../../src/node.ts';
import { epochOrderOf } from '../../src/random/earlierEpochs.ts';

const FOLDER = 'test/experiment/epoch2';

interface Then {
  readonly draws: number;
  readonly quantiles: { level: number; values: number[] }[] | null;
  readonly [name: string]: unknown;
}
const then = JSON.parse(readFileSync(`${FOLDER}/predictions.json`, 'utf8'));
const rows: number[][] = then.rows;
/** What a prediction of epoch 2 has: float32 numbers, and a variance that is the rounded sum of two of these. */
function asThen(prediction: Prediction): Then {
  const f = (values: ArrayLike<number> | null) => values && Array.from(values, Math.fround);
  const { quantiles, ...rest } = prediction;
  const arrays = Object.entries(rest).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? f(value as Float64Array) : value,
  ]);
  const [aleatoric, epistemic] = [f(prediction.aleatoric)!, f(prediction.epistemic)!];
  return {
    ...Object.fromEntries(arrays),
    variance: epistemic.map((value, i) => Math.fround(value + aleatoric[i])),
    quantiles: quantiles?.map(({ level, values }) => ({ level, values: f(values) })) ?? null,
  } as Then;
}

let runtime: Runtime;
let scratch: string;
beforeAll(() => {
  runtime = createRuntime({ workers: 2, backend: 'wasm' });
  scratch = mkdtempSync(join(tmpdir(), 'varpool-epochs-'));
});
afterAll(async () => {
  await runtime.close();
  rmSync(scratch, { recursive: true });
});

describe.each(['gaussian', 'ensemble'])('%s.safetensors of epoch 2', (name) => {
  const posterior = loadAnyPosterior(`${FOLDER}/${name}.safetensors`);

  test.each(['sample', 'mean', 'marginal'] as const)('predicts in mode %s as it did', async (mode) => {
    const wanted: Then = then[name][mode];
    const options = {
      mode,
      draws: wanted.draws,
      ...(wanted.quantiles ? { quantiles: wanted.quantiles.map(({ level }) => level) } : {}),
    };
    const prediction = await runtime.predict(posterior, rows, options);
    expect(asThen(prediction)).toEqual(wanted);
    await using session = await openSession(posterior, { capacity: 5, backend: 'wasm' });
    expect(await session.predict(rows, options)).toEqual(prediction);
  });

  test('draws what it drew', async () => {
    const values: number[][] = [];
    for await (const draw of runtime.draws(posterior, rows.slice(0, 3), { draws: 3 }))
      values.push(Array.from(draw.values, Math.fround));
    expect(values).toEqual(then[name].draws);
  });

  test('says its epoch, and still does when it is saved again', async () => {
    for (const member of membersOf(posterior)) expect(member.kernelEpoch).toBe(2);
    const path = join(scratch, `${name}.safetensors`);
    saveAnyPosterior(path, posterior);
    expect(loadAnyPosterior(path)).toEqual(posterior);
    const today = membersOf(posterior).map((member) => ({ ...member, kernelEpoch: KERNEL_EPOCH }));
    const prediction = await runtime.predict(ensembleOf(today), rows, { draws: 20 });
    expect(asThen(prediction).mean).not.toEqual(then[name].sample.mean);
  });
});

test('a posterior of a later kernel epoch is not read as one of this', () => {
  const { metadata, tensors } = readSafetensors(`${FOLDER}/gaussian.safetensors`);
  const path = join(scratch, 'later.safetensors');
  const said = (kernelEpoch: string) => {
    writeSafetensors(path, tensors, { ...metadata, kernelEpoch });
    return () => loadAnyPosterior(path);
  };
  expect(said(String(KERNEL_EPOCH + 1))).toThrow(
    `${path}: metadata: kernelEpoch: expected ${KERNEL_EPOCH} or older, got ${KERNEL_EPOCH + 1} — use a newer varpool`,
  );
  for (const bad of ['', '0', '-1', 'two', '2.5'])
    expect(said(bad)).toThrow(
      /metadata: kernelEpoch: expected a whole number of at least 1, got .* — the file is damaged$/,
    );
});

describe('a run of epoch 2', () => {
  const run = openRun(`${FOLDER}/run`);

  test('has the rows it was trained and tested on', () => {
    const { data, notes } = recordedData(run); // which holds them to the manifest
    expect(notes).toEqual([]);
    expect(data.rows.test?.indices).toHaveLength(12);
    const now = loadRunData(run.config).rows.test?.indices;
    expect([...data.rows.test!.indices]).not.toEqual([...now!]);
    const epoch = runRows(run, { epoch: 2 });
    expect([...epoch.rows].sort()).toEqual([...runRows(run).rows].sort());
    const seed = run.manifest.seed;
    const wanted = epochOrderOf(2, new Int32Array(24), seed, 1).map((row) => data.rows.train.indices[row]);
    expect(epoch.rows).toEqual(wanted);
  });

  test('is evaluated to the metrics of its manifest', async () => {
    const { test: table } = recordedData(run).data;
    const now = await runtime.evaluate(run.posterior(), trainingData(table!), { draws: 10 });
    const { nll, rmse, coverage90 } = run.manifest.test as Record<string, number>;
    expect(now.nll).toBeCloseTo(nll, 5); // targets were float32 then
    expect(now.rmse).toBeCloseTo(rmse, 5);
    expect(now.coverage90).toBe(coverage90);
  });

  test('is neither verified nor resumed, and says why', async () => {
    const why =
      /manifest\.json: kernelEpoch: expected 3 \(this varpool's\), got 2 — digests differ between epochs/;
    expect(() => repeatableRun(run)).toThrow(why);
    const dir = join(scratch, 'cut');
    cpSync(run.dir, dir, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ ...manifest, status: 'interrupted' }));
    await expect(openResume(dir, () => undefined)).rejects.toThrow(why);
  });
});

test('a state of epoch 2 is not trained on', async () => {
  const model = build({ inputSize: 2, hiddenSizes: [3], outputSize: 1 });
  const data = { x: rows, y: rows.map(([a]) => a) };
  const options = { epochs: 2, batchSize: 8, likelihood: { kind: 'gaussian', scale: 'learned' } } as const;
  let state: TrainingState | undefined;
  const checkpoint = { everySteps: 3, save: (next: TrainingState) => void (state ??= next) };
  await runtime.train(model, data, { ...options, checkpoint });
  const { kernelEpoch: _, ...origin } = state!.origin;
  await expect(runtime.train(model, data, { ...options, resume: { ...state!, origin } })).rejects.toThrow(
    'expected a state of kernel epoch 3, got one of 2 or earlier — finish it with the varpool that saved it, or train anew',
  );
});
