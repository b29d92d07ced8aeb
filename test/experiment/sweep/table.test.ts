// The table against numbers worked out by hand, and its CSV against a reader that is not ours.

import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import type { Sweep, SweepCell } from '../../../src/experiment/sweep/cells.ts';
import type { CellResult } from '../../../src/experiment/sweep/directory.ts';
import { cellsCsv, sweepTable, tableCsv } from '../../../src/experiment/sweep/table.ts';

/** Cells of settings with a validation NLL each; null is a cell that diverged, undefined one that has not run. */
function made(nlls: (number | null | undefined)[][], mode: 'min' | 'max' = 'min') {
  const settings = nlls.map((_, s) => ({
    'training.optimizer.learningRate': (s + 1) / 10,
    'model.name': `a "b", ${s}`,
  }));
  const cells = nlls.flatMap((repeats, setting) =>
    repeats.map((_, split): SweepCell => {
      const values = settings[setting];
      return { setting, values, seed: 's', split, config: {} as never, name: `${setting}/${split}` };
    }),
  );
  const flat = nlls.flat();
  const results = new Map<SweepCell, CellResult>();
  for (const [i, cell] of cells.entries()) {
    const nll = flat[i];
    if (nll === undefined) continue;
    const metrics = nll === null ? null : { rows: 9, draws: 2, nll, rmse: 2 * nll };
    results.set(cell, {
      key: `k${i}`,
      setting: cell.values,
      seed: 's',
      split: cell.split,
      status: nll === null ? 'diverged' : 'finished',
      run: `cells/k${i}`,
      posteriorDigest: null,
      validation: metrics,
      test: metrics && { ...metrics, nll: -metrics.nll },
      epochs: 3,
      epochKept: 3,
      seconds: i,
      error: nll === null ? 'it, "diverged"' : null,
    });
  }
  const sweep: Sweep = {
    reads: [],
    set: {},
    file: 'f',
    settings,
    cells,
    select: { metric: 'validation.nll', mode },
  };
  return { sweep, results };
}
const bestOf = (...args: Parameters<typeof made>) => {
  const { sweep, results } = made(...args);
  return sweepTable(sweep, results).rows.findIndex(({ best }) => best);
};

describe('the table', () => {
  test('has means over the repeats with the standard error of the mean', () => {
    const { sweep, results } = made([[1, 2, 6], [4]]);
    const [first, second] = sweepTable(sweep, results).rows;
    // Deviations −2, −1, 3: variance 14/2, divided by 3 repeats.
    expect(first.validation.nll).toEqual({ mean: 3, standardError: Math.sqrt(7) / Math.sqrt(3), count: 3 });
    expect(first.test.nll.mean).toBe(-3);
    expect(Object.keys(first.validation)).toEqual(['nll', 'rmse']);
    expect(second.validation.nll).toEqual({ mean: 4, standardError: null, count: 1 });
    expect(second.seconds).toBe(3);
  });

  test.each<[string, (number | null | undefined)[][], 'min' | 'max', number]>([
    [
      'least mean',
      [
        [3, 3],
        [1, 4],
        [5, 5],
      ],
      'min',
      1,
    ],
    [
      'greatest mean',
      [
        [3, 3],
        [1, 4],
        [5, 5],
      ],
      'max',
      2,
    ],
    [
      'the first of equals',
      [
        [3, 3],
        [2, 4],
      ],
      'min',
      0,
    ],
    [
      'none that has diverged, though its others are better',
      [
        [3, 3],
        [1, null],
      ],
      'min',
      0,
    ],
    [
      'among those that have diverged when all have',
      [
        [3, null],
        [1, null],
      ],
      'min',
      1,
    ],
    [
      'none that is not complete',
      [
        [3, 3],
        [1, undefined],
      ],
      'min',
      0,
    ],
    ['no cell when nothing finished', [[null, null]], 'min', -1],
  ])('marks the %s', (_, nlls, mode, best) => {
    expect(bestOf(nlls, mode)).toBe(best);
  });

  test('counts what finished and what failed', () => {
    const { sweep, results } = made([[1, null, undefined]]);
    expect(sweepTable(sweep, results).rows[0]).toMatchObject({ cells: 3, finished: 1, failed: 1 });
  });
});

test('CSV reads back', () => {
  const { sweep, results } = made([
    [1, 2, 6],
    [4, null, undefined],
  ]);
  const table = sweepTable(sweep, results);
  const rows = parse(tableCsv(table), { columns: true }) as Record<string, string>[];
  expect(rows.map((row) => [row['model.name'], row.best, row.finished, row.failed])).toEqual([
    ['a "b", 0', '1', '3', '0'],
    ['a "b", 1', '0', '1', '1'],
  ]);
  expect(Number(rows[0]['validation.nll.standardError'])).toBe(table.rows[0].validation.nll.standardError);
  expect(rows[1]['validation.nll.standardError']).toBe('');
  const cells = parse(cellsCsv(table.fields, sweep, results), { columns: true }) as Record<string, string>[];
  expect(cells.map((cell) => cell.status)).toEqual([
    'finished',
    'finished',
    'finished',
    'finished',
    'diverged',
    'not run',
  ]);
  expect(cells[4].error).toBe('it, "diverged"');
  expect(cells.map((cell) => cell['test.nll'])).toEqual(['-1', '-2', '-6', '-4', '', '']);
});
