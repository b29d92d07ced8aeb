// What report.html says of single rows: the numbers of predict and evaluate, for the rows the run was tested on.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ChartSpec } from '../../src/report/charts/chartSpec.ts';
import { flowers, jsonOf, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const html = (run: string) => readFileSync(join(dir, run, 'report.html'), 'utf8');
const chartsOf = (run: string): ChartSpec[] =>
  JSON.parse(/id="report-data">([^<]*)</.exec(html(run))?.[1] as string);
/** Cells of the table of a section, row by row. */
const table = (run: string, section: string) => {
  const inside = html(run).split(`<section id="${section}">`)[1].split('</section>')[0];
  const body = inside.split('<tbody>')[1].split('</tbody>')[0];
  return body
    .split('</tr>')
    .map((row) =>
      [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, text]) => text.replace(/<[^>]*>/g, '')),
    )
    .filter((row) => row.length > 0);
};

beforeAll(() => {
  const rows = Array.from(
    { length: 80 },
    (_, i) => `${i},${(i * 7) % 5},${2 * i},${((i * 31) % 17) - 100 * i}`,
  );
  writeFileSync(join(dir, 'two.csv'), `a,b,up,down\n${rows.join('\n')}\n`);
  writeConfig(dir, 'two.yaml', '{ kind: csv, path: two.csv, target: [up, down], testFraction: 0.25 }');
  writeFileSync(join(dir, 'flowers.csv'), flowers(60));
  writeConfig(
    dir,
    'flowers.yaml',
    '{ kind: csv, path: flowers.csv, target: kind, task: classification, testFraction: 0.3 }',
  );
  for (const name of ['two', 'flowers']) {
    const ended = varpool(dir, 'train', `${name}.yaml`, '--out', name, '--quiet');
    expect(ended.status, ended.stderr).toBe(0);
  }
});

describe('of numbers', () => {
  const rowsOf = () =>
    varpool(dir, 'rows', 'two', '--part', 'test', '--quiet').stdout.trim().split('\n').map(Number);
  const predictTest = () => {
    const lines = readFileSync(join(dir, 'two.csv'), 'utf8').trim().split('\n');
    writeFileSync(
      join(dir, 'test.csv'),
      `${[lines[0], ...rowsOf().map((row) => lines[row + 1])].join('\n')}\n`,
    );
    const words = ['--data', 'test.csv', '--quantiles', '0.05,0.95', '--json'];
    return jsonOf(varpool(dir, 'predict', 'two', ...words)) as {
      mean: number[][];
      variance: number[][];
      quantiles: { values: number[][] }[];
    };
  };

  test('predicted against actual has what predict says of the test rows', () => {
    const { mean } = predictTest();
    for (const k of [0, 1]) {
      const { y, lower, upper } = chartsOf('two').find(({ id }) => id === `fit-${k}`)!.points[0];
      const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
      for (const [i, value] of sorted(mean.map((row) => row[k])).entries())
        expect(sorted(y)[i] / value).toBeCloseTo(1, 4);
      for (const [i, value] of y.entries()) {
        expect(lower![i]).toBeLessThan(value);
        expect(upper![i]).toBeGreaterThan(value);
      }
    }
  });

  test('the least sure row is the one of the largest variance, by its number in the file', () => {
    const { variance, mean } = predictTest();
    const average = [0, 1].map((k) => variance.reduce((sum, row) => sum + row[k] / variance.length, 0));
    const share = variance.map((row) => Math.max(row[0] / average[0], row[1] / average[1]));
    const most = share.indexOf(Math.max(...share));
    const [row, target, actual, predicted] = table('two', 'least-sure')[0];
    expect(Number(row)).toBe(rowsOf()[most]);
    const k = target === 'up' ? 0 : 1;
    expect(Number(predicted) / mean[most][k]).toBeCloseTo(1, 3);
    const written = readFileSync(join(dir, 'two.csv'), 'utf8').split('\n')[Number(row) + 1].split(',');
    expect(Number(actual)).toBe(Number(Number(written[2 + k]).toPrecision(4)));
  });

  test('each target has its metrics, which give those of the run', () => {
    const metrics = table('two', 'fit');
    expect(metrics.map(([name]) => name)).toEqual(['up', 'down']);
    const { test: whole } = JSON.parse(readFileSync(join(dir, 'two/manifest.json'), 'utf8'));
    const rms = Math.sqrt((Number(metrics[0][2]) ** 2 + Number(metrics[1][2]) ** 2) / 2);
    expect(rms / whole.rmse).toBeCloseTo(1, 2);
    const covered = metrics.map((row) => Number(row[4].replace(' %', '')) / 100);
    expect((covered[0] + covered[1]) / 2).toBeCloseTo(whole.coverage90, 2);
    expect(Number(metrics[0][2]) / whole['up.rmse']).toBeCloseTo(1, 3);
    // The command tells the same numbers.
    const evaluated = jsonOf(varpool(dir, 'evaluate', 'two', '--json'));
    expect(evaluated).toMatchObject(whole);
    const told = varpool(dir, 'evaluate', 'two').stdout;
    expect(told).toMatch(
      /\n *down +NLL \S+, RMSE \S+, mean absolute error \S+, coverage of the 90 % interval \S+ %/,
    );
  });
});

describe('of classes', () => {
  test('the confusion matrix counts the test rows, and its diagonal is what is right', () => {
    const { test: metrics } = JSON.parse(readFileSync(join(dir, 'flowers/manifest.json'), 'utf8'));
    const counts = table('flowers', 'confusion').map(([, ...cells]) => cells.map(Number));
    const all = counts.flat().reduce((sum, n) => sum + n, 0);
    expect(all).toBe(metrics.rows);
    expect(1 - (counts[0][0] + counts[1][1]) / all).toBeCloseTo(metrics.error, 10);
  });

  test('the least sure rows are sorted by their predictive entropy', () => {
    const entropies = table('flowers', 'least-sure').map((row) => Number(row[4]));
    expect(entropies).toHaveLength(12);
    expect(entropies).toEqual([...entropies].sort((a, b) => b - a));
  });
});

test('of a sweep: the settings of its table, the best in bold, the metric over what varies', () => {
  writeFileSync(
    join(dir, 'sweep.yaml'),
    'base: two.yaml\nvary: { training.epochs: [1, 30] }\nrepeat: { seeds: 2 }\n',
  );
  const ended = varpool(
    dir,
    'sweep',
    'sweep.yaml',
    '--set',
    'data.validation=10',
    '--out',
    'swept',
    '--quiet',
  );
  expect(ended.stdout).toMatch(/report → swept[\\/]report\.html\n$/);
  const { rows } = JSON.parse(readFileSync(join(dir, 'swept/table.json'), 'utf8'));
  const settings = table('swept', 'settings');
  expect(settings.map((row) => row[1])).toEqual(['1', '30']);
  const best = rows.findIndex((row: { best: boolean }) => row.best);
  expect(html('swept')).toContain(`<tr class="strong"><th scope="row">${best}</th>`);
  const [chart] = chartsOf('swept');
  expect(chart.points[0].x.map((x) => Number((10 ** x).toPrecision(3)))).toEqual([1, 30]);
  expect(chart.points[0].y[0]).toBeCloseTo(rows[0].validation.nll.mean, 4);
});
