// The commands on good input: what they print, which files they leave, and that a run can be repeated, predicted from and evaluated.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { npyBytes, readNpy } from '../../src/data/formats/npy.ts';
import { CURVE, flowers, jsonOf, startVarpool, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();

beforeAll(() => {
  writeConfig(dir, 'curve.yaml', CURVE);
  writeFileSync(join(dir, 'flowers.csv'), flowers(60));
  writeConfig(
    dir,
    'flowers.yaml',
    '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3 }',
    '{ epochs: 60, batchSize: 16, optimizer: { kind: adam, learningRate: 0.03 } }',
  );
  writeFileSync(
    join(dir, 'two.csv'),
    `a,b,up,down\n${Array.from({ length: 40 }, (_, i) => `${i},${i % 3},${2 * i},${-i}\n`).join('')}`,
  );
  writeConfig(dir, 'two.yaml', '{ kind: csv, path: two.csv, target: [up, down], testFraction: 0.25 }');
  for (const name of ['flowers', 'two']) {
    const ended = varpool(dir, 'train', `${name}.yaml`, '--out', name, '--quiet');
    // Nothing but that ten draws and short trainings are too few.
    const told = /^(varpool: warning: (flowers|two): the (NLL|90 % intervals) [^\n]+\n)*$/;
    expect(ended, ended.stderr).toMatchObject({ status: 0, stderr: expect.stringMatching(told) });
  }
});

describe('train', () => {
  test('--tensorboard writes event files; a warning about the weights is on stderr, in the report and in the metrics', () => {
    const frozen = '{ epochs: 60, batchSize: 16, optimizer: { kind: sgd, learningRate: 1e-12 } }';
    writeConfig(dir, 'frozen.yaml', CURVE, frozen);
    const ended = varpool(dir, 'train', 'frozen.yaml', '--out', 'frozen', '--tensorboard', '--quiet');
    expect(ended.status, ended.stderr).toBe(0);
    const names = readdirSync(join(dir, 'frozen'));
    expect(names.filter((name) => /^events\.out\.tfevents\./.test(name))).toHaveLength(1);
    expect(readFileSync(join(dir, 'frozen/config.yaml'), 'utf8')).toContain('tensorboard: true');
    const words = /sigma of 100 % of the weights is where it started/;
    expect(ended.stderr.split('\n').filter((line) => words.test(line))).toEqual([
      expect.stringMatching(/^varpool: warning: train: epoch 60: sigma of/),
    ]);
    expect(readFileSync(join(dir, 'frozen/report.html'), 'utf8')).toMatch(words);
    expect(readFileSync(join(dir, 'frozen/metrics.jsonl'), 'utf8')).toMatch(words);
  });

  test('leaves a whole run directory, and its config trains to the same bits on any number of workers', () => {
    const first = varpool(dir, 'train', 'curve.yaml', '--workers', '1', '--backend', 'wasm', '--json');
    expect(first.status, first.stderr).toBe(0);
    const result = jsonOf(first);
    expect(result.run).toBe(join('runs', 'curve-1'));
    expect(result.posteriorDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(first.stdout).toContain(result.posteriorDigest as string);
    expect(first.stderr).toMatch(/epoch 5\/5 · ELBO -?[\d.]+ · validation NLL/);
    const run = join(dir, 'runs/curve-1');
    expect(readdirSync(run).sort()).toEqual([
      'config.yaml',
      'manifest.json',
      'metrics.jsonl',
      'posterior.safetensors',
      'report.html',
    ]);
    const manifest = JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({
      status: 'finished',
      epochs: 5,
      steps: 5 * Math.ceil(56 / 16),
      workers: 1,
      backend: 'wasm',
      seed: 'test',
      posteriorDigest: result.posteriorDigest,
      test: result.test,
      featureNames: ['x'],
      targetNames: ['y'],
    });
    expect(Object.keys(manifest.test).sort()).toEqual([
      'coverage90',
      'draws',
      'mae',
      'nll',
      'nllMonteCarloError',
      'rmse',
      'rows',
    ]);
    const epochs = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(epochs).toHaveLength(5);
    const { elbo, nll, kl, validation } = JSON.parse(epochs[4]);
    expect(elbo).toBeCloseTo(-(nll + kl), 10);
    expect(validation.rows).toBe(8);
    const html = readFileSync(join(run, 'report.html'), 'utf8');
    expect(html).toContain(result.posteriorDigest as string);
    expect(html).toContain('chart-regression');
    expect(html).toContain('chart-coverage');
    expect(html).toContain('chart-snr');

    const again = varpool(
      dir,
      'train',
      join('runs/curve-1/config.yaml'),
      '--workers',
      '2',
      '--out',
      'again',
      '--json',
    );
    expect(jsonOf(again)).toMatchObject({
      posteriorDigest: result.posteriorDigest,
      test: result.test,
      workers: 2,
    });
    const other = varpool(dir, 'train', 'curve.yaml', '--seed', '7', '--json', '--quiet');
    expect(jsonOf(other)).toMatchObject({ run: join('runs', 'curve-2') });
    expect(jsonOf(other).posteriorDigest).not.toBe(result.posteriorDigest);
  });

  test('an interrupt ends it with 130, a manifest that says so and no posterior', async () => {
    writeFileSync(
      join(dir, 'long.yaml'),
      `data: ${CURVE}\ntraining: { epochs: 1000000, batchSize: 8 }\nmodel: { hiddenSizes: [64] }\n`,
    );
    const { child, ended, wrote } = startVarpool(dir, 'train', 'long.yaml', '--out', 'long');
    await wrote(/training on/);
    await new Promise((next) => setTimeout(next, 300));
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    expect(stderr).toMatch(
      /varpool: interrupted(, state after step \d+ saved)?; varpool resume long resumes it\n$/,
    );
    expect(status).toBe(130);
    const manifest = JSON.parse(readFileSync(join(dir, 'long/manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ status: 'interrupted', posteriorDigest: null });
    const refused = varpool(dir, 'evaluate', 'long');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('the run is interrupted');
    // A run that did not end can be replaced.
    expect(varpool(dir, 'train', 'curve.yaml', '--out', 'long', '--force', '--quiet').status).toBe(0);
  });
});

describe('predict', () => {
  test('classes: CSV with names, entropies and probabilities; JSON and NPY hold the same numbers', () => {
    writeFileSync(join(dir, 'new.csv'), 'height,width\n0.5,1.5\n0.5,-1.5\n');
    const csv = varpool(dir, 'predict', 'flowers', '--data', 'new.csv', '--quiet');
    expect(csv.status, csv.stderr).toBe(0);
    const [header, first, second] = csv.stdout.trimEnd().split('\n');
    expect(header).toBe('class,probability,predictiveEntropy,mutualInformation,"p.lily, white",p.rose');
    expect(first.startsWith('rose,')).toBe(true);
    expect(second.startsWith('"lily, white",')).toBe(true);
    const json = JSON.parse(varpool(dir, 'predict', 'flowers', '--data', 'new.csv', '--json').stdout);
    expect(json).toMatchObject({ rows: 2, outputs: 2, draws: 10, class: ['rose', 'lily, white'] });
    expect(first.split(',').slice(-2).map(Number)).toEqual(json.mean[0]);
    expect(Number(first.split(',')[2])).toBe(json.predictiveEntropy[0]);
    expect(varpool(dir, 'predict', 'flowers', '--data', 'new.csv', '--out', 'p.npy', '--quiet').status).toBe(
      0,
    );
    const npy = readNpy(join(dir, 'p.npy'));
    expect(npy.shape).toEqual([2, 2]);
    expect([...npy.data]).toEqual(json.mean.flat());
  });

  test('a file without names is taken with its target and without', () => {
    const rows = ['0.5,1.5,1', '3,0.5,2', '2,7,3.5', '4,1,2.5', '6,2,0'];
    writeFileSync(join(dir, 'bare.csv'), `${rows.join('\n')}\n`);
    const config = 'data: { kind: csv, path: bare.csv, target: 0 }\nmodel: { hiddenSizes: [3] }\n';
    writeFileSync(join(dir, 'bare.yaml'), `seed: b\n${config}training: { epochs: 1 }\n`);
    expect(varpool(dir, 'train', 'bare.yaml', '--out', 'bare', '--quiet').stderr).toBe('');
    writeFileSync(
      join(dir, 'inputs.csv'),
      `${rows.map((row) => row.slice(row.indexOf(',') + 1)).join('\n')}\n`,
    );
    const [all, inputs] = ['bare.csv', 'inputs.csv'].map((file) =>
      varpool(dir, 'predict', 'bare', '--data', file),
    );
    expect(all.stdout.split('\n')).toHaveLength(1 + rows.length + 1);
    expect(inputs.stdout).toBe(all.stdout);
  });

  test('numbers: a column per statistic and quantile, in the order of the levels, per target', () => {
    writeFileSync(join(dir, 'x.csv'), '3,1\n30,2\n');
    const args = ['predict', 'two', '--data', 'x.csv', '--quantiles', '0.1,0.9', '--draws', '25'];
    const ended = varpool(dir, ...args, '--out', 'p.csv', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    expect(jsonOf(ended)).toEqual({ out: 'p.csv', rows: 2, outputs: 2, draws: 25 });
    const [header, ...rows] = readFileSync(join(dir, 'p.csv'), 'utf8').trimEnd().split('\n');
    const names = ['mean', 'sd', 'aleatoricSd', 'epistemicSd', 'q0.1', 'q0.9'];
    expect(header.split(',')).toEqual([...names.map((n) => `up.${n}`), ...names.map((n) => `down.${n}`)]);
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      const [mean, sd, aleatoric, epistemic, low, high] = row.split(',').map(Number);
      expect(sd ** 2).toBeCloseTo(aleatoric ** 2 + epistemic ** 2, 3);
      expect(low).toBeLessThan(mean);
      expect(high).toBeGreaterThan(mean);
    }
    const mean = JSON.parse(
      varpool(dir, 'predict', 'two', '--data', 'x.csv', '--mode', 'mean', '--json').stdout,
    );
    expect(mean.draws).toBe(1);
    expect(mean.epistemic).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('--tolerance draws for each row until its means are exact enough, and says how many draws that took', async () => {
    writeFileSync(join(dir, 'x.csv'), '3,1\n30,2\n');
    const args = [
      'predict',
      'two',
      '--data',
      'x.csv',
      '--tolerance',
      '0.02',
      '--min-draws',
      '16',
      '--max-draws',
      '1000',
    ];
    const json = jsonOf(varpool(dir, ...args, '--json')) as {
      draws: number;
      rowDraws: number[];
      mean: number[][];
      epistemic: number[][];
      monteCarloError: number[][];
    };
    for (const [row, draws] of json.rowDraws.entries()) {
      expect([16, 32, 64, 128, 256, 512, 1000]).toContain(draws);
      const largest = Math.max(...json.epistemic[row].map((variance) => Math.sqrt(variance / (draws - 1))));
      expect(Math.max(...json.monteCarloError[row])).toBe(largest);
      if (draws < 1000) expect(largest).toBeLessThanOrEqual(0.02);
      const asked = ['predict', 'two', '--data', 'x.csv', '--draws', String(draws), '--json'];
      const outright = jsonOf(varpool(dir, ...asked)) as { mean: number[][] };
      expect(json.mean[row]).toEqual(outright.mean[row]);
    }
    expect(json.draws).toBe(Math.max(...json.rowDraws));
    const [header, ...lines] = varpool(dir, ...args)
      .stdout.trimEnd()
      .split('\n');
    expect(header.split(',').slice(-2)).toEqual(['draws', 'monteCarloError']);
    expect(lines.map((line) => Number(line.split(',').at(-2)))).toEqual(json.rowDraws);
    expect(lines.map((line) => Number(line.split(',').at(-1)))).toEqual(
      json.monteCarloError.map((errors) => Math.max(...errors)),
    );
  });

  test('--mode marginal has numbers of its own, the same for any number of workers, near those of sample', () => {
    const of = (...more: string[]) => {
      const args = ['predict', 'two', '--data', 'x.csv', '--draws', '200', '--json', ...more];
      const ended = varpool(dir, ...args);
      expect(ended.status, ended.stderr).toBe(0);
      return jsonOf(ended) as { draws: number; mean: number[][]; epistemic: number[][] };
    };
    const [marginal, again, sample] = [
      of('--mode', 'marginal'),
      of('--mode', 'marginal', '--workers', '1'),
      of('--mode', 'sample'),
    ];
    expect(again).toEqual(marginal);
    expect(marginal.draws).toBe(200);
    expect(marginal.mean).not.toEqual(sample.mean);
    for (const [r, row] of marginal.mean.entries()) {
      for (const [k, mean] of row.entries()) {
        // A difference of two means of 200 draws.
        const error = Math.sqrt((marginal.epistemic[r][k] + sample.epistemic[r][k]) / 200);
        expect(Math.abs(mean - sample.mean[r][k])).toBeLessThan(5 * error);
      }
    }
    expect(varpool(dir, 'predict', 'two', '--data', 'x.csv', '--mode', 'median').stderr).toMatch(
      /--mode: expected sample, mean or marginal, got "median" — did you mean mean\?$/m,
    );
  });

  test('a reader that closes the pipe early is no error', async () => {
    writeFileSync(join(dir, 'many.csv'), 'width,height\n'.concat('1,0.5\n'.repeat(20_000)));
    const { child, ended } = startVarpool(dir, 'predict', 'flowers', '--data', 'many.csv', '--draws', '1');
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await ended).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('evaluate', () => {
  test('the own test part gives the metrics of training; other rows are read like the run’s data', () => {
    const { test: trained } = JSON.parse(readFileSync(join(dir, 'flowers/manifest.json'), 'utf8'));
    const own = varpool(dir, 'evaluate', 'flowers', '--json');
    expect(own.status, own.stderr).toBe(0);
    expect(jsonOf(own)).toEqual({ run: 'flowers', ...trained });
    // One class alone, columns in another order.
    writeFileSync(
      join(dir, 'lilies.csv'),
      'kind,height,width\n"lily, white",0.5,-1.5\n"lily, white",0.1,-2\n',
    );
    const lilies = varpool(dir, 'evaluate', 'flowers', '--data', 'lilies.csv', '--json');
    expect(lilies.status, lilies.stderr).toBe(0);
    expect(jsonOf(lilies)).toMatchObject({ rows: 2, error: 0 });
    const two = jsonOf(varpool(dir, 'evaluate', 'two', '--data', 'two.csv', '--draws', '3', '--json'));
    expect(two).toMatchObject({ rows: 40, draws: 3 });
    expect(two).not.toHaveProperty('error');
    for (const run of ['two', 'flowers']) {
      const args = ['evaluate', run, '--data', run === 'two' ? 'two.csv' : 'lilies.csv', '--json'];
      const metrics = jsonOf(varpool(dir, ...args, '--mode', 'marginal')) as { rows: number; nll: number };
      const sample = jsonOf(varpool(dir, ...args)) as typeof metrics;
      expect(metrics.rows).toBe(sample.rows);
      expect(metrics.nll).not.toBe(sample.nll);
      expect(Math.abs(metrics.nll - sample.nll)).toBeLessThan(0.2);
    }
  });

  test('says so when the data has changed since', () => {
    writeFileSync(join(dir, 'changing.csv'), flowers(60));
    writeConfig(
      dir,
      'changing.yaml',
      '{ kind: csv, path: changing.csv, target: kind, testFraction: 0.3, task: classification }',
    );
    expect(varpool(dir, 'train', 'changing.yaml', '--out', 'changing', '--quiet').status).toBe(0);
    expect(varpool(dir, 'evaluate', 'changing').stderr).toBe('');
    writeFileSync(join(dir, 'changing.csv'), flowers(61));
    const changed = varpool(dir, 'evaluate', 'changing');
    expect(changed.status).toBe(0);
    expect(changed.stderr).toMatch(
      /^varpool: warning: \S*changing\.csv: expected the file the run was trained on[^\n]*\n$/,
    );
  });

  test('two outcomes from NPY files: trained, predicted and evaluated', () => {
    const x = Float32Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (1 + (i % 3)));
    const y = Float32Array.from(x, (value) => (value > 0 ? 1 : 0));
    writeFileSync(join(dir, 'x.npy'), npyBytes(x, [60, 1]));
    writeFileSync(join(dir, 'y.npy'), npyBytes(y, [60]));
    writeFileSync(
      join(dir, 'binary.yaml'),
      'data: { kind: npy, features: x.npy, targets: y.npy, validation: 10 }\nlikelihood: { kind: bernoulli }\nmodel: { hiddenSizes: [8] }\n' +
        'training: { epochs: 60, batchSize: 10, optimizer: { kind: adam, learningRate: 0.03 } }\n',
    );
    const trained = varpool(dir, 'train', 'binary.yaml', '--out', 'binary', '--json', '--quiet');
    expect(trained.status, trained.stderr).toBe(0);
    expect(jsonOf(trained).test).toBeNull();
    expect(varpool(dir, 'evaluate', 'binary').stderr).toMatch(/without — pass --data FILE/);
    const ended = varpool(dir, 'evaluate', 'binary', '--data', 'x.npy', '--targets', 'y.npy', '--json');
    expect(jsonOf(ended)).toMatchObject({ rows: 60, error: 0 });
    const csv = varpool(dir, 'predict', 'binary', '--data', 'x.npy').stdout.trimEnd().split('\n');
    expect(csv[0]).toBe('probability,epistemicSd,predictiveEntropy,mutualInformation');
    expect(Number(csv[1].split(',')[0])).toBeGreaterThan(0.5);
    expect(Number(csv[2].split(',')[0])).toBeLessThan(0.5);
  });

  test('--ood tells rows from elsewhere by their uncertainty', () => {
    // On the line between the classes, where the network cannot know.
    writeFileSync(join(dir, 'between.csv'), `width,height\n${'0,0.5\n'.repeat(10)}`);
    const ended = varpool(dir, 'evaluate', 'flowers', '--ood', 'between.csv', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    const { ood } = jsonOf(ended) as { ood: { rows: number; auroc: Record<string, number> } };
    expect(ood.rows).toBe(10);
    expect(ood.auroc.predictiveEntropy).toBeGreaterThan(0.8);
    expect(ood.auroc.mutualInformation).toBeGreaterThanOrEqual(0);
  });
});

test('doctor names every backend and what auto picks', () => {
  const ended = varpool(dir, 'doctor', '--json');
  expect(ended.status, ended.stderr).toBe(0);
  expect(jsonOf(ended)).toMatchObject({
    auto: expect.stringMatching(/^(wasm|native)$/),
    backends: expect.arrayContaining([
      { name: 'wasm', ok: true, reason: null },
      { name: 'reference', ok: true, reason: null },
    ]),
    node: { supported: true },
    kernels: { wasm: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
});

test('--help and --version go to stdout with status 0', () => {
  expect(varpool(dir, '--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
  const help = varpool(dir, '--help');
  expect(help).toMatchObject({ status: 0, stderr: '' });
  for (const command of ['demo', 'train', 'resume', 'predict', 'evaluate', 'doctor'])
    expect(help.stdout).toContain(`  ${command} `);
  expect(varpool(dir, 'predict', '--help').stdout).toContain('.npy');
});
