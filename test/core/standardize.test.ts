// Standardization: the moments it learns, the values it writes, columns that never vary.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { learnStandardization, standardizeInto } from '../../src/core/standardize.ts';

const matrix = (rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  columns: rows[0].length,
});

test('loc and scale are mean and standard deviation with divisor N', () => {
  const { loc, scale } = learnStandardization(
    matrix([
      [1, 10],
      [2, 10],
      [3, 40],
    ]),
  );
  expect([...loc]).toEqual([2, 20]);
  expect(scale[0]).toBeCloseTo(Math.sqrt(2 / 3), 15);
  expect(scale[1]).toBeCloseTo(Math.sqrt(200), 13);
});

test('a constant column is moved to 0 and not scaled', () => {
  const table = matrix([
    [5, 1],
    [5, 2],
  ]);
  const by = learnStandardization(table);
  expect([...by.scale]).toEqual([1, 0.5]);
  const out = new Float32Array(4);
  standardizeInto(out, table.data, 2, by);
  expect([...out]).toEqual([0, -1, 0, 1]);
});

test('standardized columns have mean 0 and deviation 1, whatever their units', () => {
  const cell = fc.float({ min: -1000, max: 1000, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 2, maxLength: 40 }), (rows) => {
      const table = matrix(rows);
      const by = learnStandardization(table);
      const out = new Float32Array(table.data.length);
      standardizeInto(out, table.data, 3, by);
      for (let c = 0; c < 3; c++) {
        const column = rows.map((_, r) => out[r * 3 + c]);
        const mean = column.reduce((sum, value) => sum + value, 0) / rows.length;
        const deviation = Math.sqrt(
          column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows.length,
        );
        // float64 moments of numbers of size |loc| leave 1e-16·|loc| / scale in the mean; float32 output leaves 1e-7.
        const slack = 1e-6 + (1e-14 * Math.abs(by.loc[c])) / by.scale[c];
        expect(Math.abs(mean)).toBeLessThan(slack);
        const constant = rows.every((row) => Math.fround(row[c]) === Math.fround(rows[0][c]));
        if (!constant) expect(Math.abs(deviation - 1)).toBeLessThan(1e-5 + slack);
      }
    }),
  );
});

test('a constant column that is no exact sum still gets scale 1', () => {
  for (const value of [0.1, 1 / 3, 1e-3, 12345.678]) {
    const { scale } = learnStandardization(matrix(Array.from({ length: 1001 }, () => [value])));
    expect(scale[0]).toBe(1);
  }
});

test('null copies, and out may be x', () => {
  const x = Float32Array.of(1, 2, 3, 4);
  const out = new Float32Array(4);
  standardizeInto(out, x, 2, null);
  expect(out).toEqual(x);
  standardizeInto(x, x, 2, { loc: Float64Array.of(1, 2), scale: Float64Array.of(2, 4) });
  expect([...x]).toEqual([0, 0, 1, 0.5]);
});
