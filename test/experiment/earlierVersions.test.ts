// Run directories that an earlier varpool of this kernel epoch wrote (test/experiment/epoch3), before methods were kinds: they open,
// predict the same bytes, are verified to the bit, and resume to the digest that version came to.

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRun } from '../../src/experiment/run/directory.ts';
import { repeatableRun } from '../../src/experiment/run/repeatable.ts';
import { openResume } from '../../src/experiment/run/resume.ts';
import { trainRun } from '../../src/experiment/run/train.ts';
import { checkpointBefore } from '../../src/experiment/verify/checkpointBefore.ts';
import { verifyRun } from '../../src/experiment/verify/verify.ts';
import { createRuntime, type Runtime } from '../../src/node.ts';
import { varpool } from '../cli/cli.ts';

/** What `interrupted` came to where it was trained to its end without an interruption. */
const UNINTERRUPTED = '441c8ffd74b95245cb7faefeb94625174a80001f3c218f57cd9abe41e62d4947';
let runtime: Runtime;
const folder = join(mkdtempSync(join(tmpdir(), 'varpool-earlier-')), 'epoch3');
beforeAll(() => {
  cpSync('test/experiment/epoch3', folder, { recursive: true });
  runtime = createRuntime({ workers: 2, backend: 'wasm' });
});
afterAll(async () => {
  await runtime.close();
  rmSync(join(folder, '..'), { recursive: true });
});

describe.each(['regression', 'ensemble'])('a finished run: %s', (name) => {
  test('predicts what it predicted, byte for byte', () => {
    const { stdout, status } = varpool(folder, 'predict', name, '--data', 'rows.csv', '--draws', '10');
    expect(status).toBe(0);
    expect(stdout).toBe(readFileSync(join(folder, `${name}.csv`), 'utf8'));
  });

  test('is verified to the bit', async () => {
    const run = openRun(join(folder, name));
    const { differences, posteriorDigest } = await verifyRun(repeatableRun(run), runtime);
    expect(differences).toEqual([]);
    expect(posteriorDigest).toBe(run.manifest.posteriorDigest);
  });
});

test('one member of the ensemble is verified alone', async () => {
  const repeatable = repeatableRun(openRun(join(folder, 'ensemble')));
  expect(await verifyRun(repeatable, runtime, { member: 1 })).toMatchObject({ differences: [] });
});

test('a run is verified from a checkpoint of that version', async () => {
  const repeatable = repeatableRun(openRun(join(folder, 'regression')));
  const from = checkpointBefore(repeatable.run, () => undefined);
  expect(from.state.step).toBe(100);
  expect(await verifyRun(repeatable, runtime, { from })).toMatchObject({ differences: [] });
});

test('an interrupted run resumes from its checkpoint to the digest of the uninterrupted one', async () => {
  const point = await openResume(join(folder, 'interrupted'), () => undefined);
  if ('finished' in point) throw new Error('expected an interrupted run');
  expect(point.points[0].found?.state.step).toBe(68);
  const { posteriorDigest } = await trainRun(point.prepared, runtime, point.run, { resume: point });
  expect(posteriorDigest).toBe(UNINTERRUPTED);
});
