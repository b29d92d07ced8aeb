// An ensemble whose members stop early, keep their best epochs, are diagnosed and tell TensorBoard: each member does as it does alone,
// whatever cut the run short, and verify and rows know of members.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ensemble } from '../../../src/core/posterior.ts';
import { CheckpointError, ConfigError } from '../../../src/errors.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { prepareRun } from '../../../src/experiment/run/data.ts';
import { createRun, openRun } from '../../../src/experiment/run/directory.ts';
import { repeatableRun } from '../../../src/experiment/run/repeatable.ts';
import { openResume, type ResumePoint } from '../../../src/experiment/run/resume.ts';
import { runRows } from '../../../src/experiment/run/rows.ts';
import { type TrainRunOptions, trainRun } from '../../../src/experiment/run/train.ts';
import { EVENT_FILE } from '../../../src/experiment/tensorboard/eventLog.ts';
import type { RunReport } from '../../../src/experiment/trainings/trainings.ts';
import { checkpointBefore } from '../../../src/experiment/verify/checkpointBefore.ts';
import { describeDifference, verifyRun } from '../../../src/experiment/verify/verify.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';
import { stepRows } from '../../../src/runtime/rowOrder.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-member-selection-'));
const M = 3;
const PER_EPOCH = 4;
let runtime: Runtime;
const told: string[] = [];

const config = (ensemble: string) => `seed: s
data: { kind: synthetic, rows: 40, testRows: 10, validation: 8 }
model: { hiddenSizes: [4] }
training:
  epochs: 250
  batchSize: 8
  optimizer: { kind: adam, learningRate: 0.05 }
  earlyStopping: { patience: 9, every: 3 }
  diagnostics: { every: 5 }
ensemble: ${ensemble}
checkpoint: { everySteps: 7 }
prediction: { draws: 9 }
logging: { tensorboard: true }
`;
const prepared = (ensemble = `{ members: ${M} }`) =>
  prepareRun(parseConfig(config(ensemble), join(dir, 'config.yaml')), 'config.yaml');
const onWarning = (message: string) => void told.push(message);
const at = (name: string) => join(dir, name);

async function goOn(name: string, more: TrainRunOptions = {}): Promise<void> {
  const point = (await openResume(at(name), onWarning)) as ResumePoint;
  await trainRun(point.prepared, runtime, point.run, { resume: point, onWarning, ...more });
}

const linesOf = (name: string, member?: number) =>
  openRun(at(name))
    .metrics()
    .filter((line) => line.member === member)
    .map(({ seconds: _, member: __, ...line }) => line);

/** What must not depend on interruptions. */
function outcome(name: string) {
  const {
    members,
    posteriorDigest: digest,
    steps,
    epochs,
    test: measured,
    status,
  } = openRun(at(name)).manifest;
  return { members, digest, steps, epochs, measured, status, lines: [0, 1, 2].map((m) => linesOf(name, m)) };
}

beforeAll(async () => {
  runtime = createRuntime({ workers: 2, backend: 'wasm', onWarning });
  await trainRun(prepared(), runtime, createRun(at('whole')));
});
afterAll(async () => {
  await runtime.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('members', () => {
  test('stop, are kept and are diagnosed as they are alone', async () => {
    const { manifest } = openRun(at('whole'));
    expect(manifest).not.toHaveProperty('selection');
    const ends: number[] = [];
    for (let m = 0; m < M; m++) {
      const alone = await trainRun(
        prepared(`{ members: ${M}, member: ${m} }`),
        runtime,
        createRun(at(`alone${m}`)),
      );
      expect(manifest.members![m]).toEqual({
        seed: `s/member/${m}`,
        posteriorDigest: alone.posteriorDigest,
        test: alone.manifest.test,
        selection: alone.manifest.selection,
      });
      expect(alone.manifest.selection).toMatchObject({ metric: 'nll', stopped: 'earlyStopping' });
      expect(linesOf('whole', m)).toEqual(linesOf(`alone${m}`));
      expect(linesOf('whole', m)[4]).toHaveProperty('diagnostics');
      const { members } = openRun(at('whole')).posterior() as Ensemble;
      expect(posteriorDigest(members[m])).toBe(alone.posteriorDigest);
      ends.push(alone.manifest.epochs);
    }
    expect(new Set(ends).size, 'a test of members that end apart').toBeGreaterThan(1);
    expect(manifest.steps).toBe(PER_EPOCH * ends.reduce((a, b) => a + b));
    expect(manifest.epochs).toBe(Math.min(...ends));
  });

  test('have a directory of events each, which outlasts the training and goes with --force', () => {
    const events = (name: string, m: number) =>
      readdirSync(join(at(name), 'members', String(m))).filter((file) => EVENT_FILE.test(file));
    for (let m = 0; m < M; m++) {
      const [file, ...others] = events('whole', m);
      expect(others).toEqual([]);
      const text = readFileSync(join(at('whole'), 'members', String(m), file), 'latin1');
      // One value each time it was measured: of this member alone.
      const validated = linesOf('whole', m).filter((line) => line.validation !== undefined).length;
      expect(text.split('validation/nll')).toHaveLength(validated + 1);
    }
    expect(readdirSync(at('whole')).filter((file) => EVENT_FILE.test(file))).toEqual([]);
    cpSync(at('whole'), at('forced'), { recursive: true });
    createRun(at('forced'), { force: true });
    expect(readdirSync(at('forced'))).toEqual([]);
  });

  test('are named in what is wrong with them', async () => {
    told.length = 0;
    // 40 epochs that stay where they began.
    const text = config(`{ members: ${M} }`).replace('epochs: 250', 'epochs: 40').replace('0.05', '0.000001');
    const still = parseConfig(text.replace(/^ {2}earlyStopping: .*\n/m, ''), join(dir, 'config.yaml'));
    await trainRun(prepareRun(still, 'config.yaml'), runtime, createRun(at('still')));
    for (let m = 0; m < M; m++)
      expect(told).toContainEqual(expect.stringMatching(new RegExp(`^train: member ${m}: epoch \\d+: `)));
    expect(told.filter((message) => !/^train: member [0-2]: /.test(message))).toEqual([]);
  });
});

test('cut short again and again, some members done and others not, the run ends as the uninterrupted one', async () => {
  const whole = outcome('whole');
  const ends = whole.lines.map((lines) => lines.length);
  // Members are trained side by side in no fixed order of their epochs, so each life ends at what a member has reported, not at a time.
  // Epochs are reported from one validation to the next: later in the last three, an abort comes too late.
  const stops: ((report: RunReport, done: ReadonlySet<number>) => boolean)[] = [
    ({ epoch }) => epoch >= 3,
    ({ epoch }) => epoch >= Math.min(...ends) - 3,
    // The first word of a member after another has come to its end.
    ({ member }, done) => done.size > 0 && !done.has(member!),
  ];
  told.length = 0;
  for (const [life, stop] of stops.entries()) {
    const controller = new AbortController();
    const done = new Set<number>();
    const onEpoch = (report: RunReport) => {
      if (stop(report, done)) controller.abort(new Error('cut'));
      if (report.stopped !== undefined) done.add(report.member!);
    };
    const options = { signal: controller.signal, onEpoch };
    const lived =
      life === 0 ? trainRun(prepared(), runtime, createRun(at('cut')), options) : goOn('cut', options);
    await expect(lived).rejects.toThrow('cut');
    const { manifest } = openRun(at('cut'));
    expect(manifest.status).toBe('interrupted');
    // What is known of members that are done is what it is in the end.
    for (const [m, { selection }] of manifest.members!.entries())
      expect([null, whole.members![m].selection]).toContainEqual(selection);
  }
  expect(openRun(at('cut')).manifest.members!.some(({ selection }) => selection !== null)).toBe(true);
  const measure = () => Promise.reject(new Error('measured'));
  await expect(goOn('cut', { measure })).rejects.toThrow('measured');
  await goOn('cut');
  expect(outcome('cut')).toEqual(whole);
  expect(told.filter((message) => message.includes('resuming without'))).toEqual([]);
});

describe('verify', () => {
  test('trains all members again, or one', async () => {
    const repeatable = repeatableRun(openRun(at('whole')));
    const { manifest } = repeatable.run;
    await using one = createRuntime({ workers: 1, backend: 'wasm', onWarning });
    expect(await verifyRun(repeatable, one)).toMatchObject({
      differences: [],
      posteriorDigest: manifest.posteriorDigest,
      test: manifest.test,
    });
    for (let m = 0; m < M; m++) {
      const { posteriorDigest: digest, test: measured } = manifest.members![m];
      expect(await verifyRun(repeatable, one, { member: m })).toEqual({
        differences: [],
        posteriorDigest: digest,
        savedDigest: digest,
        recordedDigest: digest,
        test: measured,
      });
    }
  });

  test('names what of a member was changed: a bit, the epoch that was kept, a line', async () => {
    const run = at('changed');
    cpSync(at('whole'), run, { recursive: true });
    const bytes = readFileSync(join(run, 'posterior.safetensors'));
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(join(run, 'posterior.safetensors'), bytes);
    const text = readFileSync(join(run, 'manifest.json'), 'utf8');
    const manifest = JSON.parse(text);
    manifest.members[2].selection.epoch += 3;
    writeFileSync(join(run, 'manifest.json'), JSON.stringify(manifest));
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const i = lines.findIndex((line) => JSON.parse(line).member === 2 && JSON.parse(line).stopped);
    lines[i] = JSON.stringify({ ...JSON.parse(lines[i]), best: { ...JSON.parse(lines[i]).best, epoch: 1 } });
    writeFileSync(join(run, 'metrics.jsonl'), `${lines.join('\n')}\n`);

    const repeatable = repeatableRun(openRun(run));
    for (const member of [undefined, 2]) {
      const verification = await verifyRun(repeatable, runtime, member === undefined ? {} : { member });
      expect(verification.differences.map(({ file, place }) => `${file}: ${place}`)).toEqual([
        expect.stringMatching(/^posterior\.safetensors: members\.2\./),
        'manifest.json: members[2].selection.epoch',
        `metrics.jsonl: line ${i + 1}: best.epoch`,
      ]);
      expect(describeDifference(repeatable, verification)).toMatch(
        /training gives the digest in manifest\.json, so posterior\.safetensors was changed after the run$/,
      );
    }
    expect(await verifyRun(repeatable, runtime, { member: 1 })).toMatchObject({ differences: [] });
  });

  test('resumes from no checkpoint of an ensemble, for there is none', () => {
    expect(() => checkpointBefore(openRun(at('whole')), onWarning)).toThrow(CheckpointError);
    expect(() => checkpointBefore(openRun(at('whole')), onWarning)).toThrow(
      /: expected a run of one posterior for --from-checkpoint, got 3 members, .+ — verify the whole run, or one member with --member$/,
    );
  });

  test('of one member that stopped early, from its newest checkpoint and as a whole', async () => {
    const repeatable = repeatableRun(openRun(at('alone1')));
    expect(await verifyRun(repeatable, runtime)).toMatchObject({ differences: [] });
    const from = checkpointBefore(repeatable.run, onWarning);
    expect(from.state.step).toBeGreaterThan(0);
    expect(await verifyRun(repeatable, runtime, { from })).toMatchObject({ differences: [] });
  });
});

describe('rows', () => {
  test('of a member are those of its run alone', () => {
    for (let m = 0; m < M; m++) {
      const of = runRows(openRun(at('whole')), { epoch: 2, step: 3, member: m });
      expect(of).toEqual(runRows(openRun(at(`alone${m}`)), { epoch: 2, step: 3 }));
      const train = runRows(openRun(at('whole'))).rows;
      expect([...of.rows]).toEqual([...stepRows(`s/member/${m}`, PER_EPOCH + 3, 32, 8)].map((i) => train[i]));
    }
  });

  test('end where the member stopped', () => {
    const last = linesOf('whole', 1).length;
    const run = openRun(at('whole'));
    expect(runRows(run, { epoch: last, member: 1 }).rows).toHaveLength(32);
    expect(() => runRows(run, { epoch: last + 1, member: 1 })).toThrow(
      `--epoch: expected 1 to ${last}, got ${last + 1} — it stopped early there`,
    );
  });

  test.each([
    [
      'whole',
      { epoch: 1 },
      '--member: expected a member from 0 to 2, got none — each has an order of its own',
    ],
    [
      'whole',
      { epoch: 1, member: 3 },
      '--member: expected a member from 0 to 2, got 3 — members are counted from 0',
    ],
    [
      'alone0',
      { epoch: 1, member: 0 },
      '--member: expected a run with an ensemble, got one without — leave it out',
    ],
  ])('of %s, %j, are refused', (name, query, message) => {
    expect(() => runRows(openRun(at(name)), query)).toThrow(ConfigError);
    expect(() => runRows(openRun(at(name)), query)).toThrow(message);
  });
});
