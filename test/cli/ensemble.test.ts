// Ensembles on the command line: train, predict from and evaluate the mixture or a member, and one member trained alone.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  flowers,
  jsonOf,
  startVarpool,
  temporaryDirectory,
  varpool,
  writeConfig,
} from './cli.ts';

const dir = temporaryDirectory();
type Members = { seed: string; posteriorDigest: string; test: Record<string, number> }[];
let trained: Ended;

beforeAll(() => {
  writeFileSync(join(dir, 'flowers.csv'), flowers(60));
  const config = writeConfig(
    dir,
    'flowers.yaml',
    '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3, validation: 6 }',
    '{ epochs: 20, batchSize: 16, optimizer: { kind: adam, learningRate: 0.03 } }',
  );
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, `${text}ensemble: { members: 3 }\n`);
  writeFileSync(join(dir, 'single.yaml'), text);
  trained = varpool(dir, 'train', 'flowers.yaml', '--out', 'all', '--workers', '2', '--json');
});

test('train says what the mixture and what one member is worth, and lists the members', () => {
  expect(trained.status, trained.stderr).toBe(0);
  expect(trained.stderr).toMatch(/training 3 members on 2 workers/);
  expect(trained.stderr).toMatch(/member [012] · epoch 20\/20 · ELBO .+ · validation NLL/);
  const said = varpool(
    dir,
    'train',
    'flowers.yaml',
    '--out',
    'said',
    '--set',
    'training.epochs=1',
    '--quiet',
  );
  expect(said.stdout).toMatch(/^test NLL +[\d.e-]+ nats per row$/m);
  expect(said.stdout).toMatch(/^one member, NLL +[\d.e-]+ nats per row$/m);
  const result = jsonOf(trained);
  const members = result.members as Members;
  expect(members.map(({ seed }) => seed)).toEqual(['test/member/0', 'test/member/1', 'test/member/2']);
  expect(result.steps).toBe(3 * 20 * Math.ceil(36 / 16));
  const manifest = JSON.parse(readFileSync(join(dir, 'all/manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({ members, posteriorDigest: result.posteriorDigest, status: 'finished' });
  const page = readFileSync(join(dir, 'all/report.html'), 'utf8');
  expect(page).toContain('<h2>Members</h2>');
  expect(page).toContain('<th scope="row">ensemble of 3</th>');
  expect(page).toContain('Mean of 3 members');
});

test('a member trained alone, by --member, has its digest and metrics', () => {
  const { members } = jsonOf(trained) as { members: Members };
  const alone = varpool(
    dir,
    'train',
    'flowers.yaml',
    '--member',
    '1',
    '--out',
    'one',
    '--json',
    '--workers',
    '1',
  );
  expect(alone.status, alone.stderr).toBe(0);
  expect(jsonOf(alone)).toMatchObject({
    posteriorDigest: members[1].posteriorDigest,
    test: members[1].test,
  });
  // The run directory says what it is: its config trains it again.
  const again = varpool(dir, 'train', 'one/config.yaml', '--out', 'again', '--json', '--quiet');
  expect(jsonOf(again).posteriorDigest).toBe(members[1].posteriorDigest);
});

test('killed in mid-training and resumed, it ends with the same digests', async () => {
  const text = readFileSync(join(dir, 'flowers.yaml'), 'utf8').replace('epochs: 20', 'epochs: 1500');
  writeFileSync(join(dir, 'long.yaml'), `${text}checkpoint: { everySteps: 50 }\n`);
  const whole = varpool(dir, 'train', 'long.yaml', '--out', 'whole', '--quiet', '--json');
  expect(whole.status, whole.stderr).toBe(0);
  const run = startVarpool(dir, 'train', 'long.yaml', '--out', 'killed', '--workers', '2');
  await run.wrote(/member \d · epoch 2\d\d/);
  run.child.kill('SIGKILL');
  await run.ended;
  const resumed = varpool(dir, 'resume', 'killed', '--json', '--workers', '1');
  expect(resumed.status, resumed.stderr).toBe(0);
  expect(resumed.stderr).toMatch(/resuming after step \d+ \(of 1500 epochs of each of 3 members\)/);
  const [was, is] = [jsonOf(whole), jsonOf(resumed)];
  expect(is).toMatchObject({ posteriorDigest: was.posteriorDigest, members: was.members, test: was.test });
  expect(is.resumedFrom).toBeGreaterThan(0);
}, 120_000);

describe('predict and evaluate', () => {
  test('evaluate measures the mixture, with --member one of them', () => {
    const { test: metrics, members } = jsonOf(trained) as { test: object; members: Members };
    expect(jsonOf(varpool(dir, 'evaluate', 'all', '--json'))).toEqual({ run: 'all', ...metrics });
    expect(jsonOf(varpool(dir, 'evaluate', 'all', '--member', '2', '--json'))).toEqual({
      run: 'all',
      ...members[2].test,
    });
  });

  test('predict averages over members; draws in all formats', () => {
    const rows = (...more: string[]) => {
      const ended = varpool(dir, 'predict', 'all', '--data', 'flowers.csv', '--json', ...more);
      expect(ended.status, ended.stderr).toBe(0);
      return jsonOf(ended) as { mean: number[][]; draws: number };
    };
    const mixture = rows('--draws', '9');
    const each = ['0', '1', '2'].map((m) => rows('--draws', '3', '--member', m));
    expect(mixture.draws).toBe(9);
    for (const [row, values] of mixture.mean.entries()) {
      const mean = each.reduce((sum, one) => sum + one.mean[row][0], 0) / 3;
      expect(Math.abs(values[0] - mean)).toBeLessThan(1e-6);
    }
    expect(rows('--mode', 'mean').draws).toBe(3);
  });
});

test.each([
  [
    ['predict', 'all', '--data', 'flowers.csv', '--draws', '2'],
    /predict: draws: expected at least 3 draws for 3 members, got 2 — ask for a multiple of 3/,
  ],
  [
    ['predict', 'all', '--data', 'flowers.csv', '--member', '3'],
    /--member: expected a member from 0 to 2, got 3 — /,
  ],
  [['evaluate', 'all', '--member', 'x'], /--member: expected a whole number from 0, got "x" — /],
  [
    ['train', 'flowers.yaml', '--member', '7', '--out', 'no'],
    /--member: expected a member from 0 to 2, got 7 — /,
  ],
  [
    ['train', 'single.yaml', '--member', '0', '--out', 'no'],
    /--member: expected a config with an ensemble, got one without — leave it out/,
  ],
  [
    ['train', 'flowers.yaml', '--draws', '2', '--out', 'no'],
    /prediction\.draws: expected at least 3 for 3 members, got 2/,
  ],
])('refused: %j', (words, message) => {
  const ended = varpool(dir, ...words);
  expect(ended).toMatchObject({ status: 2, stdout: '' });
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
});

test('verify trains all members again or one, rows tells the order of one, and neither takes a member there is not', () => {
  const { members, posteriorDigest } = jsonOf(trained) as unknown as {
    members: Members;
    posteriorDigest: string;
  };
  const whole = varpool(dir, 'verify', 'all', '--workers', '1', '--json');
  expect(whole.status, whole.stderr).toBe(0);
  expect(jsonOf(whole)).toMatchObject({ same: true, posteriorDigest });
  const one = varpool(dir, 'verify', 'all', '--member', '2', '--json');
  expect(one.status, one.stderr).toBe(0);
  expect(one.stderr).toMatch(/training member 2 of all again on /);
  const said = varpool(dir, 'verify', 'all', '--member', '2', '--quiet');
  expect(said.stdout).toMatch(/^member +2$/m);
  const { posteriorDigest: digest, test: measured } = members[2];
  expect(jsonOf(one)).toMatchObject({ member: 2, same: true, posteriorDigest: digest, test: measured });

  const rows = (...flags: string[]) => varpool(dir, 'rows', 'all', '--epoch', '2', '--quiet', ...flags);
  const orders = ['0', '1', '2'].map((m) => rows('--member', m).stdout.trim().split('\n'));
  expect(new Set(orders.map((order) => order.join())).size).toBe(3);
  expect(
    new Set(
      orders.map((order) =>
        order
          .map(Number)
          .sort((a, b) => a - b)
          .join(),
      ),
    ).size,
  ).toBe(1);
  for (const [ended, message] of [
    [rows(), 'varpool: --member: expected a member from 0 to 2, got none — each has an order of its own\n'],
    [
      varpool(dir, 'verify', 'all', '--member', '3'),
      'varpool: --member: expected a member from 0 to 2, got 3 — members are counted from 0\n',
    ],
    [
      varpool(dir, 'verify', 'all', '--from-checkpoint'),
      'varpool: all: expected a run of one posterior for --from-checkpoint, got 3 members, whose states are not kept when all are done — verify the whole run, or one member with --member\n',
    ],
  ] as const)
    expect(ended).toEqual({ status: 2, stdout: '', stderr: message });
});
