// A table with outliers through the commands: train, predict and evaluate with `likelihood: { kind: studentT }`.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const ROWS = 80;

beforeAll(() => {
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const x = i / 10;
    const y = 2 * x + ((i * 37) % 11) / 10 - 0.5 + (i % 10 === 9 ? 50 : 0);
    return `${x},${y.toFixed(3)}\n`;
  });
  writeFileSync(join(dir, 'table.csv'), `x,y\n${lines.join('')}`);
  for (const [name, options] of [
    ['finite', 'kind: studentT, df: 3'],
    ['infinite', 'kind: studentT, df: 1, scale: 0.3'],
  ]) {
    writeFileSync(
      join(dir, `${name}.yaml`),
      [
        'seed: t',
        'data: { kind: csv, path: table.csv, target: y, testFraction: 0.25 }',
        'model: { hiddenSizes: [] }',
        `likelihood: { ${options} }`,
        'training: { epochs: 400, batchSize: 60, optimizer: { kind: adam, learningRate: 0.05 } }',
        'prediction: { draws: 40 }',
        '',
      ].join('\n'),
    );
    const ended = varpool(dir, 'train', `${name}.yaml`, '--out', name, '--quiet');
    expect(ended.status, ended.stderr).toBe(0);
  }
});

test('the run records the likelihood with its options, and reports coverage', () => {
  expect(readFileSync(join(dir, 'finite/config.yaml'), 'utf8')).toMatch(
    /likelihood:\s+kind: studentT\s+df: 3\s+scale: learned\n/,
  );
  const report = readFileSync(join(dir, 'finite/report.html'), 'utf8');
  expect(report).toContain('studentT likelihood');
  expect(report).toMatch(/coverage/i);
});

function predicted(run: string): Record<string, number>[] {
  const out = `${run}.csv`;
  const ended = varpool(dir, 'predict', run, '--data', 'table.csv', '--out', out, '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
  const [header, ...rows] = readFileSync(join(dir, out), 'utf8').trimEnd().split('\n');
  const names = header.split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((cell, c) => [names[c], Number(cell)])));
}

test('predict follows the rows that are no outliers; its deviations and quantiles are of the t distribution', () => {
  const rows = predicted('finite');
  expect(rows).toHaveLength(ROWS);
  for (const [i, { mean, sd, aleatoricSd, epistemicSd, 'q0.05': low, 'q0.95': high }] of rows.entries()) {
    expect(Math.abs(mean - (2 * i) / 10)).toBeLessThan(1.5);
    expect(sd ** 2).toBeCloseTo(aleatoricSd ** 2 + epistemicSd ** 2, 6);
    expect(low).toBeLessThan(mean);
    // t.95 with 3 degrees of freedom is 2.353 scales, and a standard deviation is sqrt(3) scales.
    expect((high - low) / 2 / aleatoricSd).toBeGreaterThan(2.353 / Math.sqrt(3));
  }
  for (const { sd, aleatoricSd, epistemicSd, 'q0.95': high, mean } of predicted('infinite')) {
    expect([sd, aleatoricSd]).toEqual([Infinity, Infinity]);
    expect(epistemicSd).toBeLessThan(5);
    // Cauchy: 6.314 scales of 0.3.
    expect(high - mean).toBeGreaterThan(0.3 * 6.3);
    expect(high - mean).toBeLessThan(0.3 * 6.3 + 5);
  }
});

test('evaluate and verify', () => {
  const ended = varpool(dir, 'evaluate', 'finite', '--json');
  expect(ended.status, ended.stderr).toBe(0);
  const { metrics = jsonOf(ended) } = jsonOf(ended) as { metrics?: Record<string, unknown> };
  expect(Object.keys(metrics as object)).toEqual(
    expect.arrayContaining(['nll', 'rmse', 'mae', 'coverage90']),
  );
  const verified = varpool(dir, 'verify', 'infinite');
  expect(verified.status, verified.stderr).toBe(0);
});

test('an option that is not there is refused in one line with the nearest', () => {
  writeFileSync(
    join(dir, 'wrong.yaml'),
    'data: { kind: synthetic }\nlikelihood: { kind: studentT, dff: 3 }\n',
  );
  const ended = varpool(dir, 'train', 'wrong.yaml');
  expect(ended.status).toBe(2);
  expect(ended.stderr).toMatch(
    /wrong\.yaml: likelihood\.dff: expected a known key, got .+ — did you mean df\?/,
  );
});
