// A run that stops early and keeps its best epoch, cut short and gone on with: the same files as if nothing had happened.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { prepareRun } from '../../../src/experiment/run/data.ts';
import { createRun, openRun } from '../../../src/experiment/run/directory.ts';
import { openResume, type ResumePoint } from '../../../src/experiment/run/resume.ts';
import { type TrainRunOptions, trainRun } from '../../../src/experiment/run/train.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-select-'));
let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 1, backend: 'wasm' });
});
afterAll(async () => {
  await runtime.close();
  rmSync(dir, { recursive: true, force: true });
});

const CONFIG = `seed: s
data: { kind: synthetic, rows: 40, testRows: 10, validation: 8 }
model: { hiddenSizes: [4] }
training:
  epochs: 250
  batchSize: 8
  optimizer: { kind: adam, learningRate: 0.05 }
  earlyStopping: { patience: 9, every: 3 }
checkpoint: { everySteps: 7 }
prediction: { draws: 7 }
`;
const prepared = () => prepareRun(parseConfig(CONFIG, join(dir, 'config.yaml')), 'config.yaml');
const warnings: string[] = [];
const onWarning = (message: string) => void warnings.push(message);

async function goOn(name: string, more: TrainRunOptions = {}): Promise<void> {
  const point = (await openResume(join(dir, name), onWarning)) as ResumePoint;
  await trainRun(point.prepared, runtime, point.run, { resume: point, onWarning, ...more });
}

/** What must not depend on interruptions. */
function outcome(name: string) {
  const { manifest, metrics } = openRun(join(dir, name));
  const { selection, posteriorDigest, steps, epochs, test: measured, status } = manifest;
  const lines = metrics().map(({ seconds: _, ...line }) => line);
  return { selection, posteriorDigest, steps, epochs, measured, status, lines };
}

test('interrupted again and again, and once more while it is measured', async () => {
  await trainRun(prepared(), runtime, createRun(join(dir, 'whole')));
  const whole = outcome('whole');
  expect(whole.selection).toMatchObject({ metric: 'nll', stopped: 'earlyStopping' });
  expect(whole.epochs).toBeLessThan(250);
  expect(whole.selection!.epoch).toBeLessThan(whole.epochs);

  // Before, at and after the epoch that is kept in the end.
  const stops = [2, whole.selection!.epoch, whole.selection!.epoch + 1, whole.epochs - 1];
  for (const [life, stop] of stops.entries()) {
    const controller = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => {
      if (epoch >= stop) controller.abort(new Error('cut'));
    };
    const options = { signal: controller.signal, onEpoch };
    const lived =
      life === 0 ? trainRun(prepared(), runtime, createRun(join(dir, 'cut')), options) : goOn('cut', options);
    await expect(lived).rejects.toThrow('cut');
    expect(openRun(join(dir, 'cut')).manifest.status).toBe('interrupted');
  }
  await expect(goOn('cut', { measure: () => Promise.reject(new Error('measured')) })).rejects.toThrow(
    'measured',
  );
  expect(outcome('cut')).toEqual({ ...whole, status: 'failed', measured: null });
  await goOn('cut');
  expect(outcome('cut')).toEqual(whole);
  expect(openRun(join(dir, 'cut')).manifest.resumptions).toHaveLength(stops.length + 1);
  expect(warnings).toEqual([]);
});
