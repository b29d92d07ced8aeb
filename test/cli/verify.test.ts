// varpool verify and varpool rows as a user runs them: statuses 0, 4 and 2, what goes to stdout and stderr, and the JSON.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { flowers, jsonOf, startVarpool, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
beforeAll(() => {
  writeFileSync(join(dir, 'flowers.csv'), flowers(60));
  writeConfig(
    dir,
    'flowers.yaml',
    '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3 }',
  );
  const ended = varpool(
    dir,
    'train',
    'flowers.yaml',
    '--out',
    'run',
    '--workers',
    '1',
    '--draws',
    '7',
    '--seed',
    '3',
    '--quiet',
  );
  expect(ended, ended.stderr).toMatchObject({ status: 0 });
});

/** Runs `use` with a file of the run changed. */
function withChanged(file: string, change: (bytes: Buffer) => Buffer, use: () => void): void {
  const path = join(dir, file);
  const before = readFileSync(path);
  writeFileSync(path, change(Buffer.from(before)));
  try {
    use();
  } finally {
    writeFileSync(path, before);
  }
}

describe('verify', () => {
  test('a good run: 0, on other workers, with nothing written', () => {
    const manifest = JSON.parse(readFileSync(join(dir, 'run/manifest.json'), 'utf8'));
    const files = () =>
      readdirSync(join(dir, 'run')).map((name) => [name, readFileSync(join(dir, 'run', name), 'latin1')]);
    const before = files();
    const ended = varpool(dir, 'verify', 'run', '--workers', '2', '--backend', 'wasm', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    const said = varpool(dir, 'verify', 'run', '--quiet');
    expect(said.stdout).toMatch(/^verified +the same to every bit\n/);
    expect(ended.stderr).toMatch(/training run again on 2 workers \(wasm\)\nepoch 1\/5 · ELBO/);
    expect(jsonOf(ended)).toMatchObject({
      run: 'run',
      same: true,
      differences: [],
      posteriorDigest: manifest.posteriorDigest,
      test: manifest.test,
      workers: 2,
      backend: 'wasm',
    });
    expect(varpool(dir, 'verify', 'run', '--quiet').stderr).toBe('');
    expect(files()).toEqual(before);
  });

  test('one flipped bit: 4, with file, tensor, index and both values', () => {
    withChanged(
      'run/posterior.safetensors',
      (bytes) => {
        bytes[bytes.length - 1] ^= 0x40;
        return bytes;
      },
      () => {
        const ended = varpool(dir, 'verify', 'run', '--quiet', '--json');
        expect(ended.status).toBe(4);
        expect(ended.stderr).toMatch(
          /^varpool: run\/posterior\.safetensors: layers\.1\.bias\.rho\[1\]: expected [^\n]+ as saved, got [^\n]+ when trained again — training gives the digest in manifest\.json, so posterior\.safetensors was changed after the run\n$/,
        );
        expect(jsonOf(ended)).toMatchObject({
          same: false,
          differences: [
            { file: 'posterior.safetensors', place: 'layers.1.bias.rho', index: 1, position: [1], count: 1 },
          ],
        });
      },
    );
  });

  test.each([
    ['flowers.csv', 'rose', 'lily', /flowers\.csv: expected the file of the run \(/],
    [
      'run/config.yaml',
      'batchSize: 16',
      'batchSize: 15',
      /^varpool: run\/config\.yaml: training\.batchSize: expected 16 as in manifest\.json, got 15 — /,
    ],
    [
      'run/manifest.json',
      '"finished"',
      '"interrupted"',
      /^varpool: run\/manifest\.json: status: expected finished, got interrupted — /,
    ],
    [
      'run/posterior.safetensors',
      '"F32"',
      '"F33"',
      /^varpool: run\/posterior\.safetensors: "layers\.0\.weight\.mu": dtype: expected /,
    ],
  ])('a changed %s: 2, with the place', (file, from, to, message) => {
    const change = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1');
    withChanged(file, change, () => {
      const ended = varpool(dir, 'verify', 'run', '--quiet');
      expect(ended).toMatchObject({ status: 2, stdout: '' });
      expect(ended.stderr).toMatch(message);
      expect(ended.stderr.split('\n')).toHaveLength(2);
    });
  });

  test('--from-checkpoint trains the last stretch, and says so where there is nothing to start from', () => {
    const none = varpool(dir, 'verify', 'run', '--from-checkpoint');
    expect(none).toMatchObject({ status: 2, stdout: '' });
    expect(none.stderr).toMatch(
      /^varpool: run: expected a checkpoint from before step 15, the last one, got none — /,
    );
    const config = `${readFileSync(join(dir, 'flowers.yaml'), 'utf8')}checkpoint: { everySteps: 6 }\n`;
    writeFileSync(join(dir, 'saving.yaml'), config);
    expect(varpool(dir, 'train', 'saving.yaml', '--out', 'saving', '--quiet').status).toBe(0);
    const ended = varpool(dir, 'verify', 'saving', '--from-checkpoint', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('again from step 12 (saving/checkpoint.safetensors) on ');
    const said = varpool(dir, 'verify', 'saving', '--from-checkpoint', '--quiet');
    expect(said.stdout).toMatch(/^from step +12 of 15$/m);
    expect(jsonOf(ended)).toMatchObject({ same: true, fromStep: 12 });
  });

  test('an interrupt ends it with 130', async () => {
    // A run that says it was longer than it was, under a manifest that has no record of the config.
    const ended = varpool(dir, 'train', 'flowers.yaml', '--out', 'long', '--quiet');
    expect(ended.status).toBe(0);
    const manifest = JSON.parse(readFileSync(join(dir, 'long/manifest.json'), 'utf8'));
    delete manifest.config;
    writeFileSync(join(dir, 'long/manifest.json'), JSON.stringify(manifest));
    const config = readFileSync(join(dir, 'long/config.yaml'), 'utf8');
    writeFileSync(join(dir, 'long/config.yaml'), config.replace('epochs: 5', 'epochs: 1000000'));
    const { child, ended: end, wrote } = startVarpool(dir, 'verify', 'long');
    await wrote(/training long again/);
    await new Promise((next) => setTimeout(next, 300));
    child.kill('SIGINT');
    expect((await end).status).toBe(130);
  });
});

describe('rows', () => {
  test('of a part, an epoch and a step, each on a line; as JSON with their hash', () => {
    const { split } = JSON.parse(readFileSync(join(dir, 'run/manifest.json'), 'utf8'));
    const lines = (...args: string[]) =>
      varpool(dir, 'rows', 'run', '--quiet', ...args)
        .stdout.trimEnd()
        .split('\n')
        .map(Number);
    const train = lines();
    expect(train).toHaveLength(42);
    const order = lines('--epoch', '2');
    expect([...order].sort((a, b) => a - b)).toEqual(train);
    expect(lines('--step', '4')).toEqual(order.slice(0, 16));
    const json = jsonOf(varpool(dir, 'rows', 'run', '--part', 'test', '--json'));
    expect(json).toMatchObject({ of: 'flowers.csv', part: 'test', sha256: split.parts.test.sha256 });
    expect([...train, ...(json.rows as number[])].sort((a, b) => a - b)).toEqual([...Array(60).keys()]);
    expect(varpool(dir, 'rows', 'run', '--step', '16')).toMatchObject({
      status: 2,
      stderr: 'varpool: --step: expected 1 to 15, got 16 — correct it\n',
    });
  });
});
