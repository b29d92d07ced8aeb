// A table whose noise depends on its features through the commands: the network gets its outputs from the targets of the table.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const ROWS = 120;

beforeAll(() => {
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const x = i / ROWS;
    const y = 100 * x + (((i * 37) % 11) - 5) * (i < ROWS / 2 ? 0.5 : 8);
    return `${x.toFixed(4)},${y.toFixed(3)}\n`;
  });
  writeFileSync(join(dir, 'table.csv'), `x,y\n${lines.join('')}`);
  writeFileSync(
    join(dir, 'run.yaml'),
    [
      'seed: rows',
      'data: { kind: csv, path: table.csv, target: y, testFraction: 0.25 }',
      'model: { hiddenSizes: [16], activation: tanh }',
      'likelihood: heteroscedastic',
      'training: { epochs: 1000, batchSize: 45, optimizer: { kind: adam, learningRate: 0.02 } }',
      'prediction: { draws: 40 }',
      '',
    ].join('\n'),
  );
  const ended = varpool(dir, 'train', 'run.yaml', '--out', 'run', '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
});

test('predict, evaluate, verify and the report know one target with the noise of each row', () => {
  const predicted = varpool(dir, 'predict', 'run', '--data', 'table.csv', '--out', 'out.csv', '--quiet');
  expect(predicted.status, predicted.stderr).toBe(0);
  const [header, ...rows] = readFileSync(join(dir, 'out.csv'), 'utf8').trimEnd().split('\n');
  expect(header).toBe('mean,sd,aleatoricSd,epistemicSd,q0.05,q0.5,q0.95');
  const noise = rows.map((row) => Number(row.split(',')[2]));
  // Standard deviations of 1.6 and 25, of which 45 rows each are seen.
  expect(noise[10]).toBeLessThan(13);
  expect(noise[110]).toBeGreaterThan(2 * noise[10]);

  const report = readFileSync(join(dir, 'run/report.html'), 'utf8');
  expect(report).toContain('heteroscedastic likelihood');
  const evaluated = varpool(dir, 'evaluate', 'run', '--json');
  expect(evaluated.status, evaluated.stderr).toBe(0);
  const { nll } = jsonOf(evaluated) as { nll: number };
  expect(nll).toBeLessThan(4.5);
  const verified = varpool(dir, 'verify', 'run');
  expect(verified.status, verified.stderr).toBe(0);
});
