// What is said beside metrics: by train, evaluate and the report, on stderr, and of which rows.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrainedRun } from '../../src/experiment/run/train.ts';
import { metricWarnings } from '../../src/report/metrics.ts';
import { temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
/** y = x, and in rows of the second kind far from it. */
const table = (rows: number, far: (i: number) => number) =>
  `x,y\n${Array.from({ length: rows }, (_, i) => `${i / rows},${i / rows + 0.01 * Math.sin(i) + far(i)}\n`).join('')}`;

test('train, its report and evaluate say that too few targets are in their intervals', () => {
  writeFileSync(
    join(dir, 'train.csv'),
    table(60, () => 0),
  );
  writeFileSync(
    join(dir, 'far.csv'),
    table(50, (i) => (i % 2 === 0 ? 30 : 0)),
  );
  const data = '{ kind: csv, path: train.csv, testPath: far.csv, target: y }';
  writeConfig(dir, 'far.yaml', data, '{ epochs: 200, batchSize: 16 }');
  const line =
    /^varpool: warning: far: the 90 % intervals hold (?:50|[0-4]?\d) % of 50 (test )?rows, too few for chance \(p < 1e-6\) — they are too narrow: [^\n]+\n$/m;
  const trained = varpool(dir, 'train', 'far.yaml', '--out', 'far', '--quiet');
  expect([trained.status, trained.stderr]).toEqual([0, expect.stringMatching(line)]);
  expect(trained.stdout).toMatch(/coverage of the 90 % interval +[\d.]+ % \(± 4\.2 % by chance\)/);
  expect(readFileSync(join(dir, 'far/report.html'), 'utf8')).toContain('of 50 test rows, too few for chance');
  const evaluated = varpool(dir, 'evaluate', 'far');
  expect([evaluated.status, evaluated.stderr]).toEqual([0, expect.stringMatching(line)]);
});

describe('a run without test rows', () => {
  const validation = (coverage90: number) => ({ rows: 100, draws: 10, nll: 1, coverage90 });
  const run = (reports: object[], selection: object | null = null) =>
    ({ test: null, reports, manifest: { epochs: 3, selection } }) as unknown as TrainedRun;
  const reports = [
    { epoch: 1, validation: validation(0.9) },
    { epoch: 2, validation: validation(0.99) },
    { epoch: 3, validation: validation(0.5) },
  ];

  test('is judged by the validation of the epoch that is kept', () => {
    expect(metricWarnings(run(reports))).toEqual([
      expect.stringContaining('50 % of 100 validation rows, too few'),
    ]);
    expect(metricWarnings(run(reports, { epoch: 2 }))).toEqual([expect.stringContaining('99 % of 100')]);
    expect(metricWarnings(run(reports, { epoch: 1 }))).toEqual([]);
  });

  test('is not judged where that epoch was not validated, or members were', () => {
    expect(metricWarnings(run([{ epoch: 3, validation: null }]))).toEqual([]);
    expect(metricWarnings(run([{ epoch: 3, member: 0, validation: validation(0.5) }]))).toEqual([]);
    expect(metricWarnings(run([]))).toEqual([]);
  });
});
