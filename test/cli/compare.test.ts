// varpool compare: runs in one table, with what differs between their configs, and whether their numbers compare.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();

beforeAll(() => {
  const rows = Array.from({ length: 60 }, (_, i) => `${(i * 7) % 13},${(i * 5) % 11},${2 * ((i * 7) % 13)}`);
  writeFileSync(join(dir, 'rows.csv'), `a,b,c\n${rows.join('\n')}\n`);
  writeConfig(dir, 'rows.yaml', '{ kind: csv, path: rows.csv, testFraction: 0.2, validation: 8 }');
  const train = (out: string, ...set: string[]) => {
    const words = ['--out', out, '--quiet', ...set.flatMap((one) => ['--set', one])];
    const ended = varpool(dir, 'train', 'rows.yaml', ...words);
    expect(ended.status, ended.stderr).toBe(0);
  };
  train('short', 'training.epochs=2');
  train('long', 'training.epochs=60', 'training.optimizer.learningRate=0.03', 'checkpoint.keep=3');
  train('elsewhere', 'seed=other');
});

const metricsOf = (run: string) => JSON.parse(readFileSync(join(dir, run, 'manifest.json'), 'utf8')).test;

describe('compare', () => {
  test('has the metrics of the manifests, the fields that differ, and the least NLL marked', () => {
    const ended = varpool(dir, 'compare', 'short', 'long', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toBe('');
    const { runs, fields, comparable, metrics } = jsonOf(ended) as {
      runs: { run: string; test: object; best: boolean; config: object }[];
      fields: string[];
      comparable: boolean;
      metrics: string[];
    };
    expect(comparable).toBe(true);
    // Not checkpoint.keep: nothing follows from it.
    expect(fields.sort()).toEqual(['training.epochs', 'training.optimizer.learningRate']);
    expect(runs.map(({ run, best }) => [run, best])).toEqual([
      ['short', false],
      ['long', true],
    ]);
    expect(runs.map((one) => one.test)).toEqual([metricsOf('short'), metricsOf('long')]);
    expect(runs[1].config).toEqual({ 'training.epochs': 60, 'training.optimizer.learningRate': 0.03 });
    expect(metrics).toContain('rmse');
    const lines = varpool(dir, 'compare', 'short', 'long').stdout.split('\n');
    expect(lines[0]).toMatch(
      /^ +run +(epochs +learningRate|learningRate +epochs) +NLL .* RMSE .* epochs done +time$/,
    );
    expect(lines[1]).toMatch(/^ +short /);
    expect(lines[2]).toMatch(/^\* +long /);
  });

  test('says when runs were tested on other rows, and marks none', () => {
    const ended = varpool(dir, 'compare', 'short', 'elsewhere', '--json');
    expect(ended.status).toBe(0);
    expect(ended.stderr).toMatch(/^varpool: warning: elsewhere: tested on other rows than short, [^\n]+\n$/);
    const { runs, comparable } = jsonOf(ended) as { runs: { best: boolean }[]; comparable: boolean };
    expect(comparable).toBe(false);
    expect(runs.some(({ best }) => best)).toBe(false);
  });

  test('of two tables has one column for what their columns hold, and says of what a kind is', () => {
    const line = (i: number) => `${Array.from({ length: 12 }, (_, c) => (i * (c + 3)) % 7)},${i % 5}`;
    const rows = Array.from({ length: 40 }, (_, i) => line(i));
    for (const [name, letter] of [
      ['one', 'a'],
      ['two', 'b'],
    ]) {
      const names = Array.from({ length: 12 }, (_, c) => `${letter}${c}`);
      writeFileSync(join(dir, `${name}.csv`), `${names},y\n${rows.join('\n')}\n`);
      const columns = names.map((column) => `${column}: { kind: categorical, unseen: ignore }`).join(', ');
      const data = `{ kind: csv, path: ${name}.csv, target: y, testFraction: 0.2, columns: { ${columns} } }`;
      writeConfig(dir, `${name}.yaml`, data, '{ epochs: 1, batchSize: 16 }');
      const prior = `prior={ kind: ${name === 'one' ? 'gaussian' : 'laplace'} }`;
      const ended = varpool(dir, 'train', `${name}.yaml`, '--out', name, '--quiet', '--set', prior);
      expect(ended.status, ended.stderr).toBe(0);
    }
    const { runs, fields } = jsonOf(varpool(dir, 'compare', 'one', 'two', '--json')) as {
      runs: { config: Record<string, object> }[];
      fields: string[];
    };
    expect(fields.filter((field) => field.startsWith('data.'))).toEqual(['data.path', 'data.columns']);
    expect(Object.keys(runs[1].config['data.columns'])).toHaveLength(12);
    const lines = varpool(dir, 'compare', 'one', 'two').stdout.split('\n');
    expect(lines[0]).toMatch(/^ +run +path +columns +prior\.kind /);
    expect(lines[1].length).toBeLessThan(300);
  });

  test('--out writes a report with the table and the curves, and nothing over a run', () => {
    const ended = varpool(dir, 'compare', 'short', 'long', '--out', 'both.html');
    expect(ended.stdout).toMatch(/report → both\.html\n$/);
    const html = readFileSync(join(dir, 'both.html'), 'utf8');
    expect(html).toMatch(/<tr class="strong"><th scope="row">long<\/th>/);
    for (const id of ['compare-validation', 'compare-nll', 'compare-kl'])
      expect(html).toContain(`chart-${id}`);
    const before = readFileSync(join(dir, 'long/report.html'));
    const refused = varpool(dir, 'compare', 'short', 'long', '--out', 'long/report.html');
    expect(refused.stderr).toMatch(/^varpool: --out: expected [^\n]+ — [^\n]+\n$/);
    expect(refused.status).toBe(2);
    expect(readFileSync(join(dir, 'long/report.html'))).toEqual(before);
  });

  test.each([
    [['short'], /compare: expected two runs or more, got 1/],
    [['short', 'nowhere'], /nowhere: expected a run directory, got nothing there/],
    [['short', 'rows.yaml'], /rows\.yaml: expected a run directory, got a file/],
    [['short', 'long', '--out', 'both.csv'], /--out: expected a file that ends in \.html, got "both\.csv"/],
  ])('%j is refused', (words, pattern) => {
    const { status, stdout, stderr } = varpool(dir, 'compare', ...words);
    expect(stderr).toMatch(pattern);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(existsSync(join(dir, 'both.csv'))).toBe(false);
  });
});
