// The commands on bad input: one line on stderr that says where, what and what next, status 2, and not a file changed.

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { idxBytes } from '../data/support.ts';
import { CURVE, flowers, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();

beforeAll(() => {
  writeConfig(dir, 'curve.yaml', CURVE);
  writeFileSync(join(dir, 'flowers.csv'), flowers(60));
  writeConfig(dir, 'flowers.yaml', FLOWERS);
  writeFileSync(join(dir, 'new.csv'), 'width,height\n1,0.5\n');
  const trained = varpool(dir, 'train', 'flowers.yaml', '--out', 'run', '--quiet');
  expect(trained.status, trained.stderr).toBe(0);
});

const FLOWERS = '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3 }';

/** Every file below a directory with its content. */
function snapshot(at: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(at, { recursive: true, encoding: 'utf8' })) {
    const path = join(at, name);
    files[name] = statSync(path).isDirectory() ? 'directory' : sha256(readFileSync(path));
  }
  return files;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function refused(pattern: RegExp, ...args: string[]): void {
  const before = snapshot(dir);
  const { status, stdout, stderr } = varpool(dir, ...args);
  expect(stderr).toMatch(/^varpool: [^\n]+\n$/);
  expect(stderr).toMatch(pattern);
  expect(stderr).toMatch(/: expected .+, got .+ — .+/);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(snapshot(dir)).toEqual(before);
}

describe('command line', () => {
  const predict = ['predict', 'run', '--data', 'new.csv'];
  test.each([
    [['--tolerance', '0'], /--tolerance: expected a number above 0, got "0" — give for example 0\.01$/m],
    [['--tolerance', 'small'], /--tolerance: expected a number above 0, got "small"/],
    [
      ['--tolerance', '0.1', '--draws', '5'],
      /--tolerance: expected no --draws beside it, got both — keep one/,
    ],
    [
      ['--tolerance', '0.1', '--mode', 'mean'],
      /--tolerance: expected --mode sample or marginal, got mean, which/,
    ],
    [
      ['--min-draws', '5'],
      /--min-draws: expected --tolerance beside it, got none — give both, or take --draws/,
    ],
    [['--max-draws', '5'], /--max-draws: expected --tolerance beside it, got none/],
    [['--tolerance', '0.1', '--min-draws', '1'], /--min-draws: expected at least 2, got 1 — raise it/],
    [
      ['--tolerance', '0.1', '--max-draws', '31'],
      /--max-draws: expected at least min, 32, got 31 — raise it, or lower/,
    ],
  ])('predict %j', (flags, pattern) => refused(pattern, ...predict, ...flags));

  test.each([
    [['tarin', 'curve.yaml'], /"tarin" — did you mean train\?/],
    [['train', 'curve.yaml', '--wrokers', '2'], /--wrokers — did you mean --workers\?/],
    [['train'], /expected CONFIG, got nothing/],
    [['train', 'curve.yaml', 'other.yaml'], /no more arguments/],
    [['train', 'curve.yaml', '--out'], /a value for --out/],
    [['train', 'curve.yaml', '--workers', 'zero'], /^varpool: --workers: .* or auto, got "zero"/],
    [['train', 'curve.yaml', '--workers', '0'], /--workers: /],
    [['train', 'curve.yaml', '--workers', '1e9'], /--workers: /],
    [['train', 'curve.yaml', '--backend', 'cuda'], /backend: expected auto or one of .*wasm.*, got "cuda"/],
    [['resume', 'run', '--backend', 'toString'], /backend: expected auto or one of .*wasm.*, got "toString"/],
    [['verify', 'run', '--backend', 'cuda'], /--backend: expected auto or one of .*wasm.*, got "cuda"/],
    [['train', 'curve.yaml', '--backend', ''], /--backend: expected auto or .*, got ""/],
    [['train', 'curve.yaml', '--draws', '0'], /--draws: /],
    [['train', 'curve.yaml', '--draws', '2.5'], /--draws: /],
    [['train', 'curve.yaml', '--seed', ''], /--seed: /],
    [['predict', 'run'], /--data/],
    [['predict', 'run', '--data', 'new.csv', '--mode', 'median'], /--mode: /],
    [['predict', 'run', '--data', 'new.csv', '--quantiles', '0.5,1'], /--quantiles: /],
    [['predict', 'run', '--data', 'new.csv', '--quantiles', '0.5'], /--quantiles: .* classes/],
    [['predict', 'run', '--data', 'new.csv', '--out', 'p.txt'], /\.csv, \.npy or \.json, got "p\.txt"/],
    [['evaluate', 'run', '--targets', 'y.npy'], /--targets: /],
    [['train', 'curve.yaml', '--out', ''], /--out: .*got an empty string — is a shell variable not set\?/],
    [['demo', '--out='], /--out: .*empty string/],
    [['sweep', 'curve.yaml', '--out', ''], /--out: .*empty string/],
    [['predict', 'run', '--data', 'new.csv', '--out', ''], /--out: .*empty string/],
    [['predict', 'run', '--data', ''], /--data: .*empty string/],
    [['evaluate', 'run', '--data', ''], /--data: .*empty string/],
    [['evaluate', 'run', '--ood', ''], /--ood: .*empty string/],
    [['train', ''], /CONFIG: .*empty string/],
    [['verify', ''], /RUN: .*empty string/],
    [['resume', ''], /RUN: .*empty string/],
    [['rows', ''], /RUN: .*empty string/],
  ])('%j', (args, pattern) => refused(pattern, ...args));

  test('no command at all: the help, on stderr', () => {
    const { status, stdout, stderr } = varpool(dir);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('demo');
  });

  test('--verbose adds the stack', () => {
    const { status, stderr } = varpool(dir, 'train', 'missing.yaml', '--verbose');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^varpool: missing\.yaml: expected [^\n]+\n(Config)?Error: .*\n {4}at /s);
  });
});

describe('config', () => {
  test.each<[string, string, RegExp]>([
    ['unknown key', 'data: { kind: synthetic }\ntraining: { epoch: 3 }', /training\.epoch: .*epochs/],
    ['negative size', 'data: { kind: synthetic }\nmodel: { hiddenSizes: [-3] }', /hiddenSizes\[0\]/],
    ['zero draws', 'data: { kind: synthetic }\ntraining: { draws: 0 }', /training\.draws/],
    ['seed of another type', 'seed: [1]\ndata: { kind: synthetic }', /seed/],
    ['fractional seed', 'seed: 1.5\ndata: { kind: synthetic }', /seed/],
    [
      'batch larger than the data',
      'data: { kind: synthetic, rows: 20 }\ntraining: { batchSize: 21 }',
      /bad\.yaml: training\.batchSize: expected at most 20 .*got 21/,
    ],
    ['no data', 'seed: 1', /data/],
    ['not YAML', 'data: [', /bad\.yaml/],
  ])('%s', (_, text, pattern) => {
    writeFileSync(join(dir, 'bad.yaml'), text);
    refused(pattern, 'train', 'bad.yaml');
    // Not even with --force is a run given up for one that cannot start.
    refused(pattern, 'train', 'bad.yaml', '--out', 'run', '--force');
  });

  test('no such file', () =>
    refused(/missing\.yaml: expected a config file, got no such file/, 'train', 'missing.yaml'));
});

describe('data', () => {
  test.each<[string, string, RegExp]>([
    ['ragged', 'width,height,kind\n1,2,a\n1,b\n', /line 3: expected 3 columns/],
    ['text in a number column', 'width,height,kind\n1,2,a\n1,tall,b\n', /line 3.*height.*"tall"/],
    ['NaN', 'width,height,kind\n1,NaN,a\n1,2,b\n', /line 2.*height/],
    ['Infinity', 'width,height,kind\n1,2,a\n1,Infinity,b\n', /line 3.*height/],
    ['no rows', 'width,height,kind\n', /row/],
    ['one class', 'width,height,kind\n1,2,a\n1,3,a\n', /2 classes/],
  ])('CSV: %s', (_, text, pattern) => {
    writeFileSync(join(dir, 'bad.csv'), text);
    writeConfig(dir, 'badcsv.yaml', '{ kind: csv, path: bad.csv, target: kind, task: classification }');
    refused(pattern, 'train', 'badcsv.yaml');
  });

  test.each<[string, (images: Buffer) => Buffer | null, RegExp]>([
    ['missing', () => null, /train-images-idx3-ubyte/],
    ['garbage', () => Buffer.from('these are no digits'), /train-images-idx3-ubyte/],
    ['a cut gzip', (images) => images.subarray(0, images.length >> 1), /train-images-idx3-ubyte\.gz/],
    [
      'cut inside the gzip',
      (images) => gzipSync(gunzipSync(images).subarray(0, 100_000), { level: 1 }),
      /bytes/,
    ],
  ])('IDX: %s', (name, damage, pattern) => {
    const at = join(dir, `idx-${name.replaceAll(' ', '-')}`);
    mkdirSync(at);
    // Digits enough for 100,000 bytes before and after packing.
    const rows = 300;
    let state = 1;
    const pixels = Uint8Array.from({ length: rows * 784 }, () => (state = (state * 16807) % 2147483647));
    const labels = Array.from({ length: rows }, (_, i) => i % 10);
    writeFileSync(join(at, 'train-labels-idx1-ubyte.gz'), gzipSync(idxBytes(8, [rows], labels)));
    const images = damage(gzipSync(idxBytes(8, [rows, 28, 28], pixels)));
    if (images !== null) writeFileSync(join(at, 'train-images-idx3-ubyte.gz'), images);
    writeConfig(dir, 'idx.yaml', `{ kind: idx, dir: ${JSON.stringify(at)} }`);
    refused(pattern, 'train', 'idx.yaml');
  });

  test('predict: wrong column count, missing file', () => {
    writeFileSync(join(dir, 'wide.csv'), '1,2,3\n');
    refused(/wide\.csv: line 1: expected 2 columns, got 3/, 'predict', 'run', '--data', 'wide.csv');
    refused(/none\.csv/, 'predict', 'run', '--data', 'none.csv', '--out', 'p.csv');
  });

  test('evaluate: a class the model never saw', () => {
    writeFileSync(join(dir, 'unseen.csv'), 'width,height,kind\n1,2,tulip\n');
    refused(/"tulip"/, 'evaluate', 'run', '--data', 'unseen.csv');
  });
});

describe('run directory', () => {
  test('not one', () => {
    refused(
      /nowhere: expected a run directory, got nothing there/,
      'predict',
      'nowhere',
      '--data',
      'new.csv',
    );
    mkdirSync(join(dir, 'empty'));
    refused(/empty: expected a run directory, got one without manifest\.json/, 'evaluate', 'empty');
  });

  test('already there: refused without --force', () => {
    refused(/run: .*got a run .*--force/, 'train', 'curve.yaml', '--out', 'run');
  });

  test.each<[string, (posterior: Buffer) => Buffer, RegExp]>([
    [
      'truncated',
      (bytes) => bytes.subarray(0, bytes.length - 8),
      /posterior\.safetensors: expected \d+ bytes of data/,
    ],
    ['a header length that lies', (bytes) => withLength(bytes, 2n ** 40n), /header/],
    ['a flipped bit', (bytes) => flipped(bytes, bytes.length - 5), /posterior\.safetensors/],
    [
      'shapes that do not match',
      (bytes) => Buffer.from(bytes.toString('latin1').replace('"shape":[2,8]', '"shape":[8,2]'), 'latin1'),
      /layers\.0\.weight/,
    ],
  ])('a posterior that is damaged: %s', (name, damage, pattern) => {
    const at = join(dir, `damaged-${name.replaceAll(' ', '-')}`);
    mkdirSync(at);
    for (const file of readdirSync(join(dir, 'run'))) copyFileSync(join(dir, 'run', file), join(at, file));
    const path = join(at, 'posterior.safetensors');
    const before = readFileSync(path);
    const after = damage(before);
    expect(after.equals(before)).toBe(false);
    writeFileSync(path, after);
    refused(pattern, 'predict', at, '--data', 'new.csv');
  });
});

test('outputs that cannot be written are told before any work', () => {
  refused(/flowers\.csv: expected a directory, got a file/, 'train', 'curve.yaml', '--out', 'flowers.csv');
  refused(/flowers\.csv\/run/, 'train', 'curve.yaml', '--out', 'flowers.csv/run');
  // A place where making a directory fails in a way that sends a recursive mkdir of Node into an endless loop.
  if (process.platform === 'linux')
    refused(/\/proc\/none\/run/, 'train', 'curve.yaml', '--out', '/proc/none/run');
  refused(
    /no-such\/p\.csv: .*no such directory/,
    'predict',
    'run',
    '--data',
    'none.csv',
    '--out',
    'no-such/p.csv',
  );
});

test('outputs that would replace what is read are refused, whatever they are called', () => {
  linkSync(join(dir, 'new.csv'), join(dir, 'hard.csv'));
  symlinkSync('new.csv', join(dir, 'soft.csv'));
  const here = join(temporaryDirectory(), 'here');
  symlinkSync(dir, here);
  const onto = (out: string) => ['predict', 'run', '--data', 'new.csv', '--out', out];
  for (const out of ['new.csv', './run/../new.csv', 'hard.csv', 'soft.csv', join(here, 'new.csv')])
    refused(/--out: expected a place that holds no file the command reads, got .*new\.csv/, ...onto(out));
  refused(/--out: .*got .*flowers\.csv/, ...onto('flowers.csv'));
  refused(/--out: .*got run\/manifest\.json/, ...onto('run/manifest.json'));
  refused(
    /here\/run: .*got .*run\/config\.yaml/,
    'train',
    'run/config.yaml',
    '--out',
    join(here, 'run'),
    '--force',
  );
  mkdirSync(join(dir, 'swept'));
  writeFileSync(
    join(dir, 'swept', 'sweep.json'),
    JSON.stringify({ base: '../curve.yaml', repeat: { seeds: 2 } }),
  );
  refused(/swept: .*got swept\/sweep\.json/, 'sweep', 'swept/sweep.json', '--out', 'swept', '--force');
});

test('divergence ends with status 3, names step and tensor, and marks the run', () => {
  writeFileSync(
    join(dir, 'hot.yaml'),
    `data: ${CURVE}\ntraining: { epochs: 50, batchSize: 16, optimizer: { kind: sgd, learningRate: 1e9 } }\nmodel: { hiddenSizes: [8] }\n`,
  );
  const { status, stderr, stdout } = varpool(dir, 'train', 'hot.yaml', '--out', 'hot', '--quiet');
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toMatch(/^varpool: [^\n]*step \d+[^\n]*\n$/);
  expect(stderr).toMatch(/layers\.\d\.(weight|bias)\.(mu|rho)|elbo|likelihood/);
  expect(JSON.parse(readFileSync(join(dir, 'hot/manifest.json'), 'utf8')).status).toBe('diverged');
});

function withLength(bytes: Buffer, length: bigint): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(length, 0);
  return copy;
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] ^= 1;
  return copy;
}
