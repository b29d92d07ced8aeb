// A run of an ensemble: what is on disk is what was trained, each member as alone; what was done is not done again.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ensemble } from '../../../src/core/posterior.ts';
import { formatConfig, parseConfig } from '../../../src/experiment/config/config.ts';
import { posteriorDigest } from '../../../src/experiment/posterior/saved.ts';
import { prepareRun, trainingData } from '../../../src/experiment/run/data.ts';
import { createRun, openRun, RunWriter } from '../../../src/experiment/run/directory.ts';
import { openResume } from '../../../src/experiment/run/resume.ts';
import { trainRun } from '../../../src/experiment/run/train.ts';
import { memberPath, readMembers, writeMember } from '../../../src/experiment/trainings/memberFiles.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-members-'));
let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ workers: 2, backend: 'wasm' });
});
afterAll(async () => {
  await runtime.close();
  rmSync(dir, { recursive: true, force: true });
});

const TEXT = (ensemble: string, epochs = 30) =>
  `seed: s\ndata: { kind: synthetic, rows: 40, testFraction: 0.2, validation: 8 }\nmodel: { hiddenSizes: [4] }\ntraining: { epochs: ${epochs}, batchSize: 8 }\nensemble: ${ensemble}\nprediction: { draws: 12 }`;

function prepared(text: string) {
  return prepareRun(parseConfig(text, join(dir, 'config.yaml')), 'config.yaml');
}

describe('a run of an ensemble', () => {
  test('members have the digests and metrics of runs of their own, and the mixture is in the run', async () => {
    const all = prepared(TEXT('{ members: 3 }'));
    const trained = await trainRun(all, runtime, createRun(join(dir, 'all')));
    const run = openRun(join(dir, 'all'));
    expect(run.manifest).toEqual(trained.manifest);
    expect(run.manifest).toMatchObject({ status: 'finished', seed: 's', epochs: 30, steps: 3 * 30 * 3 });
    expect(run.manifest.posteriorDigest).toBe(trained.posteriorDigest);
    const ensemble = run.posterior() as Ensemble;
    expect(ensemble).toEqual(trained.posterior);
    expect(run.manifest.test).toEqual(
      await runtime.evaluate(ensemble, trainingData(all.data.test!), { draws: 12 }),
    );
    for (const m of [0, 1, 2]) {
      const alone = await trainRun(
        prepared(TEXT(`{ members: 3, member: ${m} }`)),
        runtime,
        createRun(join(dir, `alone${m}`)),
      );
      expect(alone.manifest).toMatchObject({ seed: `s/member/${m}`, steps: 90 });
      expect(alone.manifest).not.toHaveProperty('members');
      expect(run.manifest.members![m]).toEqual({
        seed: `s/member/${m}`,
        posteriorDigest: alone.posteriorDigest,
        test: alone.manifest.test,
        selection: alone.manifest.selection,
      });
      expect(posteriorDigest(ensemble.members[m])).toBe(alone.posteriorDigest);
      const own = run.metrics().filter(({ member }) => member === m);
      const untimed = (epochs: ReturnType<typeof run.metrics>) =>
        epochs.map(({ member: _m, seconds: _s, ...rest }) => rest);
      expect(untimed(own)).toEqual(untimed(openRun(join(dir, `alone${m}`)).metrics()));
    }
    expect(readdirSync(join(dir, 'all')).sort()).toEqual([
      'config.yaml',
      'manifest.json',
      'metrics.jsonl',
      'posterior.safetensors',
    ]);
  });

  test('what an interrupt leaves of members is used, and no member is trained twice', async () => {
    const whole = await trainRun(prepared(TEXT('{ members: 3 }')), runtime, createRun(join(dir, 'whole')));
    const config = prepared(TEXT('{ members: 3 }'));
    const at = join(dir, 'resumed');
    createRun(at);
    const { members } = whole.posterior as Ensemble;
    writeMember(at, 1, members[1]);
    const epochs: (number | undefined)[] = [];
    const resumed = await trainRun(config, runtime, new RunWriter(at), {
      onEpoch: ({ member }) => void epochs.push(member),
    });
    expect(new Set(epochs)).toEqual(new Set([0, 2]));
    expect(resumed.posteriorDigest).toBe(whole.posteriorDigest);
    expect(resumed.manifest.members).toEqual(whole.manifest.members);
    expect(existsSync(join(at, 'members'))).toBe(false);
  });

  test('an abort leaves the members that are done, and `interrupted`; --force clears them away', async () => {
    const controller = new AbortController();
    const at = join(dir, 'aborted');
    const writer = createRun(at);
    const { posterior } = await trainRun(
      prepared(TEXT('{ members: 2 }')),
      runtime,
      createRun(join(dir, 'two')),
    );
    writeMember(at, 0, (posterior as Ensemble).members[0]);
    const training = trainRun(prepared(TEXT('{ members: 2 }', 1_000_000)), runtime, writer, {
      signal: controller.signal,
      onEpoch: ({ epoch }) => epoch === 2 && controller.abort(new Error('enough')),
    });
    await expect(training).rejects.toThrow('enough');
    const { manifest } = openRun(at);
    expect(manifest).toMatchObject({ status: 'interrupted', posteriorDigest: null, epochs: 0 });
    expect(manifest.members!.map(({ seed }) => seed)).toEqual(['s/member/0', 's/member/1']);
    expect([...readMembers(at, 2, 's', () => undefined).keys()]).toEqual([0]);
    writeFileSync(join(at, 'members', 'note.txt'), 'mine');
    createRun(at, { force: true });
    expect(existsSync(memberPath(at, 0))).toBe(false);
    expect(readdirSync(join(at, 'members'))).toEqual(['note.txt']);
  });

  test.each([4, 40, 75])(
    'cut short after about %i steps of members, a run resumes to the same bits',
    async (stop) => {
      const text = (more = '') => `${TEXT('{ members: 3 }')}${more}`;
      const whole = await trainRun(prepared(text()), runtime, createRun(join(dir, `whole${stop}`)));
      const at = join(dir, `cut${stop}`);
      const controller = new AbortController();
      const saved: number[] = [];
      const cut = trainRun(prepared(text('\ncheckpoint: { everySteps: 7 }')), runtime, createRun(at), {
        signal: controller.signal,
        onEpoch: ({ step }) => step >= stop && controller.abort(new Error('enough')),
        onCheckpoint: (step) => void saved.push(step),
      });
      await expect(cut).rejects.toThrow('enough');
      expect(saved.length).toBeGreaterThanOrEqual(3);
      const point = await openResume(at, () => undefined);
      if ('finished' in point) throw new Error('finished');
      const before = point.points.map(({ step }) => step);
      expect(Math.max(...before)).toBeGreaterThanOrEqual(stop);
      const done = new Set<number>();
      const warnings: string[] = [];
      const resumed = await trainRun(point.prepared, runtime, point.run, {
        resume: point,
        onEpoch: ({ member = 0, step }) => {
          expect(step, 'no step of a member is reported again').toBeGreaterThan(before[member]);
          done.add(member);
        },
        onWarning: (message) => void warnings.push(message),
      });
      expect(warnings).toEqual([]);
      expect(resumed.posteriorDigest).toBe(whole.posteriorDigest);
      expect(resumed.manifest.members).toEqual(whole.manifest.members);
      expect(resumed.manifest).toMatchObject({ status: 'finished', epochs: 30, steps: 270 });
      expect(resumed.manifest.resumptions).toMatchObject([{ step: before.reduce((a, b) => a + b) }]);
      for (const m of [0, 1, 2]) {
        const own = (name: string) =>
          openRun(join(dir, name))
            .metrics()
            .filter(({ member }) => member === m)
            .map(({ seconds: _, ...rest }) => rest);
        expect(own(`cut${stop}`)).toEqual(own(`whole${stop}`));
      }
      expect(existsSync(join(at, 'members'))).toBe(false);
    },
  );

  test('a run that was only not measured yet is measured', async () => {
    const at = join(dir, 'unmeasured');
    const whole = await trainRun(prepared(TEXT('{ members: 2 }')), runtime, createRun(join(dir, 'measured')));
    const measure = () => Promise.reject(new Error('no'));
    await expect(
      trainRun(prepared(TEXT('{ members: 2 }')), runtime, createRun(at), { measure }),
    ).rejects.toThrow('no');
    const point = await openResume(at, () => undefined);
    if ('finished' in point) throw new Error('finished');
    const onEpoch = () => {
      throw new Error('trained again');
    };
    const resumed = await trainRun(point.prepared, runtime, point.run, { resume: point, onEpoch });
    expect(resumed.manifest).toMatchObject({ members: whole.manifest.members, test: whole.manifest.test });
    expect(resumed.manifest).toMatchObject({
      epochs: 30,
      steps: 180,
      posteriorDigest: whole.posteriorDigest,
    });
  });

  test('a finished member whose file is damaged is reported and trained again, to the same bits', async () => {
    const whole = openRun(join(dir, 'all'));
    const at = join(dir, 'damaged');
    const controller = new AbortController();
    const cut = trainRun(prepared(TEXT('{ members: 3 }')), runtime, createRun(at), {
      signal: controller.signal,
      onEpoch: ({ epoch }) => epoch === 2 && controller.abort(new Error('enough')),
    });
    await expect(cut).rejects.toThrow('enough');
    const { members } = whole.posterior() as Ensemble;
    for (const m of [0, 2]) writeMember(at, m, members[m]);
    const bytes = readFileSync(memberPath(at, 2));
    bytes[bytes.length - 2] ^= 1;
    writeFileSync(memberPath(at, 2), bytes);
    const warnings: string[] = [];
    const point = await openResume(at, (message) => void warnings.push(message));
    if ('finished' in point) throw new Error('finished');
    expect(warnings).toEqual([
      expect.stringMatching(
        /members.2.posterior\.safetensors: expected content of SHA-256 .* — the file is damaged: .*; training member 2 again$/,
      ),
    ]);
    const trained = new Set<number | undefined>();
    const resumed = await trainRun(point.prepared, runtime, point.run, {
      resume: point,
      onEpoch: ({ member }) => void trained.add(member),
    });
    expect([...trained].sort()).toEqual([1, 2]);
    expect(resumed.posteriorDigest).toBe(whole.manifest.posteriorDigest);
  });

  test('a member of another run is refused', () => {
    const at = join(dir, 'foreign');
    createRun(at);
    const { members } = openRun(join(dir, 'all')).posterior() as Ensemble;
    writeMember(at, 1, members[0]);
    expect(() => readMembers(at, 3, 's', () => undefined)).toThrow(
      /members.1.posterior\.safetensors: expected a member of seed "s\/member\/1", got "s\/member\/0" — remove the file$/,
    );
  });
});

describe('the config', () => {
  test('is kept as it was written', () => {
    const text = formatConfig(parseConfig(TEXT('{ members: 3, member: 1 }'), join(dir, 'config.yaml')));
    expect(text).toContain('ensemble:\n  members: 3\n  member: 1\n');
    expect(formatConfig(parseConfig(TEXT('{ members: 1 }').replace(/ensemble.*\n/, ''), 'c'))).not.toContain(
      'ensemble',
    );
  });

  test.each([
    ['{ members: 0 }', 'ensemble.members: expected a whole number of at least 1, got 0 — change it'],
    ['{}', 'ensemble.members: expected a whole number of at least 1, got nothing — add it'],
    [
      '{ members: 2, member: 2 }',
      'ensemble.member: expected a member from 0 to 1, got 2 — members are counted from 0',
    ],
    [
      '{ members: 2, size: 2 }',
      'ensemble.size: expected a known key, got "size" — known here: members, member',
    ],
    ['5', 'ensemble: expected a map with keys members, member, got 5 — change it'],
  ])('%s is a mistake', (ensemble, message) => {
    expect(() => parseConfig(TEXT(ensemble), 'config.yaml')).toThrow(`config.yaml: ${message}`);
  });

  test('draws that leave a member out are found before training', () => {
    expect(() => prepared(TEXT('{ members: 13 }'))).toThrow(
      'config.yaml: prediction.draws: expected at least 13 for 13 members, got 12 — use a multiple of 13',
    );
    expect(prepared(TEXT('{ members: 13, member: 3 }')).model.outputSize).toBe(1);
  });
});
