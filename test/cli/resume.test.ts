// resume and what it is for: processes that are interrupted, killed or left by their workers, and resume to the same end.

import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openRun } from '../../src/experiment/run/directory.ts';
import { jsonOf, MAIN, startVarpool, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const at = (...parts: string[]) => join(dir, ...parts);
let digest: string;
let test_: unknown;

beforeAll(() => {
  // A second or two of training, saved often enough to be killed between two states.
  writeFileSync(
    at('curve.yaml'),
    `seed: cli
data: { kind: synthetic, rows: 256, testRows: 40, validation: 16, standardize: both }
model: { hiddenSizes: [24] }
training: { epochs: 600, batchSize: 16 }
checkpoint: { everySteps: 200 }
prediction: { draws: 10 }
`,
  );
  const ended = varpool(dir, 'train', 'curve.yaml', '--out', 'whole', '--json', '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
  ({ posteriorDigest: digest, test: test_ } = jsonOf(ended) as { posteriorDigest: string; test: unknown });
});

const timeless = (run: string) =>
  openRun(at(run))
    .metrics()
    .map(({ seconds: _, ...rest }) => rest);

/** Starts a training and waits until it has saved a state. */
async function started(run: string) {
  const life = startVarpool(dir, 'train', 'curve.yaml', '--out', run, '--workers', '2');
  while (!existsSync(at(run, 'checkpoint.safetensors'))) await new Promise((next) => setTimeout(next, 2));
  return life;
}

/** Resumes to the end, which must be that of the uninterrupted run. */
function finish(run: string, ...flags: string[]) {
  const ended = varpool(dir, 'resume', run, '--json', ...flags);
  expect(ended.status, ended.stderr).toBe(0);
  expect(jsonOf(ended)).toMatchObject({ run, posteriorDigest: digest, test: test_, steps: 9000 });
  expect(timeless(run)).toEqual(timeless('whole'));
  expect(readFileSync(at(run, 'report.html'), 'utf8')).toContain(digest);
  expect(
    readdirSync(at(run))
      .filter((name) => !/^checkpoint-\d{9}\.safetensors$/.test(name))
      .sort(),
  ).toEqual([
    'checkpoint.safetensors',
    'config.yaml',
    'manifest.json',
    'metrics.jsonl',
    'posterior.safetensors',
    'report.html',
  ]);
  return ended;
}

describe('a process', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'that gets %s saves its state and ends with 130',
    async (signal) => {
      const { child, ended } = await started(signal);
      child.kill(signal);
      const { status, stderr } = await ended;
      expect(status, stderr).toBe(130);
      const saved =
        /varpool: interrupted, state after step (\d+) saved; varpool resume \w+ resumes it\n$/.exec(stderr);
      expect(saved, stderr).not.toBeNull();
      const { manifest } = openRun(at(signal));
      expect(manifest).toMatchObject({ status: 'interrupted', steps: Number(saved?.[1]) });
      const { stderr: told, stdout } = finish(signal, '--workers', '1', '--backend', 'wasm');
      expect(told).toContain(`resuming after step ${saved?.[1]} (of 600 epochs)`);
      expect(JSON.parse(stdout)).toMatchObject({ workers: 1, backend: 'wasm' });
      expect(openRun(at(signal)).manifest.resumptions).toHaveLength(1);
    },
  );

  test('that is killed resumes from its last state', async () => {
    const { child, ended } = await started('killed');
    child.kill('SIGKILL');
    await ended;
    expect(openRun(at('killed')).manifest).toMatchObject({ status: 'running', endedAt: null });
    const result = jsonOf(finish('killed', '--quiet')) as { resumedFrom: number };
    expect(result.resumedFrom % 200).toBe(0);
    expect(result.resumedFrom).toBeGreaterThan(0);
  });

  test('that is training is not joined by another, and a second interrupt ends it at once', async () => {
    writeFileSync(
      at('long.yaml'),
      readFileSync(at('curve.yaml'), 'utf8').replace('epochs: 600', 'epochs: 1000000'),
    );
    const { child, ended } = startVarpool(dir, 'train', 'long.yaml', '--out', 'busy');
    while (!existsSync(at('busy', 'checkpoint.safetensors')))
      await new Promise((next) => setTimeout(next, 2));
    for (const words of [
      ['resume', 'busy'],
      ['train', 'curve.yaml', '--out', 'busy', '--force'],
    ]) {
      const refused = varpool(dir, ...words);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toBe(
        `varpool: busy: expected a run that is not in use, got one that process ${child.pid} is training — wait for it or end it\n`,
      );
    }
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect((await ended).status).toBe(130);
    // Whichever came first, it is no longer in use.
    expect(varpool(dir, 'train', 'curve.yaml', '--out', 'busy', '--force', '--quiet').status).toBe(0);
  });

  test('whose workers die again and again ends with 5 and a state, and resumes when they live', () => {
    // Not on native: koffi, like Node, falls over when a thread is ended while it sets itself up there, which nothing but this test does.
    const words = 'train long.yaml --out lost --quiet --workers 2 --backend wasm'.split(' ');
    const preload = ['--import', resolve('test/support/endsWorkers.mjs')];
    const { status, stderr } = spawnSync(process.execPath, [...preload, MAIN, ...words], {
      cwd: dir,
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect(status, stderr).toBe(5);
    expect(stderr).toMatch(
      /varpool: train: expected workers to survive steps from \d+, got 4 losses in a row \(.+\) — free memory or lower workers, then varpool resume lost\n$/,
    );
    expect(openRun(at('lost')).manifest.status).toBe('failed');
    expect(existsSync(at('lost', 'checkpoint.safetensors'))).toBe(true);
  });
});

describe('resume', () => {
  test('of a finished run says so, prints what it came to and changes nothing', () => {
    const before = readFileSync(at('whole/manifest.json'));
    const ended = varpool(dir, 'resume', 'whole', '--json');
    expect(ended).toMatchObject({ status: 0, stderr: 'whole is finished; there is nothing to resume\n' });
    expect(jsonOf(ended)).toMatchObject({ posteriorDigest: digest, test: test_, resumedFrom: null });
    expect(ended.stdout).toContain(digest);
    expect(readFileSync(at('whole/manifest.json'))).toEqual(before);
  });

  test('of a run that was killed after its end makes the report it has none of, and clears away what was left', () => {
    mkdirSync(at('cut'));
    cpSync(at('whole'), at('cut', 'curve'), { recursive: true });
    const run = (name: string) => at('cut', 'curve', name);
    const report = readFileSync(run('report.html'), 'utf8');
    rmSync(run('report.html'));
    writeFileSync(run('.varpool-0123456789abcdef.tmp'), 'half a report');
    mkdirSync(run('members/0'), { recursive: true });
    const names = readdirSync(at('whole')).sort();
    const ended = varpool(dir, 'resume', 'cut/curve', '--json');
    expect(ended).toMatchObject({
      status: 0,
      stderr: 'cut/curve was finished but for its report, which is made\n',
    });
    expect(jsonOf(ended)).toMatchObject({ posteriorDigest: digest, test: test_, resumedFrom: null });
    expect(readFileSync(run('report.html'), 'utf8')).toBe(report);
    expect(readdirSync(at('cut', 'curve')).sort()).toEqual(names);
  });

  test.runIf(process.platform === 'linux')('output that cannot be written ends no training', async () => {
    const full = openSync('/dev/full', 'w');
    const words = [MAIN, 'train', 'curve.yaml', '--out', 'full'];
    const child = spawn(process.execPath, words, { cwd: dir, stdio: ['ignore', 'pipe', full] });
    let stdout = '';
    child.stdout?.on('data', (part) => (stdout += part));
    expect(await new Promise((next) => child.on('close', next))).toBe(0);
    expect(stdout).toContain(digest);
    // A result that could not be printed is reported.
    const told = spawnSync(process.execPath, [MAIN, 'resume', 'full', '--quiet'], {
      cwd: dir,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(told.stderr).toBe(
      'varpool: stdout: expected a place that can be written, got no space left on the disk — free some or choose another disk\n',
    );
    expect(told.status).toBe(2);
  });

  test.each([
    [
      ['resume', 'whole', '--seed', '7'],
      /^varpool: --seed: expected none, for a run resumes with the seed it began with, got one — .+\n$/,
    ],
    [
      ['resume', 'nothing'],
      /^varpool: nothing: expected a run directory, got nothing there — check the path\n$/,
    ],
    [['resume'], /^varpool: command line: expected RUN, got nothing — run varpool help resume\n$/],
  ])('%j is refused with status 2', (words, message) => {
    const ended = varpool(dir, ...words);
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(message);
  });

  test('a run cut short before its config was written is refused', () => {
    const fresh = varpool(dir, 'train', 'curve.yaml', '--out', 'headless', '--quiet');
    expect(fresh.status).toBe(0);
    rmSync(at('headless/config.yaml'));
    expect(varpool(dir, 'resume', 'headless').stderr).toContain('got one without config.yaml');
  });
});
