// Standardization: the moments it learns, the values it writes, columns that never vary.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstBeyondFloat32, learnStandardization, standardizeInto } from '../../src/core/standardize.ts';

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

const wide = (values: readonly number[]) => ({
  data: Float64Array.from(values),
  rows: values.length,
  columns: 1,
});
const standardized = (values: readonly number[]) => {
  const table = wide(values);
  const out = new Float32Array(values.length);
  standardizeInto(out, table.data, 1, learnStandardization(table));
  return [...out];
};

test('an offset or a unit does not change what a column becomes', () => {
  const plain = Array.from({ length: 600 }, (_, i) => i);
  const wanted = standardized(plain);
  expect(new Set(wanted).size).toBe(600);
  for (const offset of [1_700_000_000, -(2 ** 50), 2 ** 49]) {
    standardized(plain.map((value) => offset + value)).forEach((value, i) => {
      expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(2 ** -23);
    });
  }
  for (const unit of [2 ** -1040, 2 ** -500, 2 ** 500, 2 ** 1014])
    expect(standardized(plain.map((value) => unit * value))).toEqual(wanted);
  for (const unit of [1e-300, 1e-23, 1e23, 1e300]) {
    standardized(plain.map((value) => unit * value)).forEach((value, i) => {
      expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(2 ** -23);
    });
  }
});

test('a constant column of any number becomes 0', () => {
  for (const value of [0, 0.1, -1 / 3, 1_700_000_000.1, 5e-324, Number.MAX_VALUE])
    expect(standardized(Array.from({ length: 1001 }, () => value)).every((x) => x === 0)).toBe(true);
});

test('both ends of float64 in one column', () => {
  expect(standardized([-Number.MAX_VALUE, Number.MAX_VALUE, 0])).toEqual(
    [-Math.sqrt(1.5), Math.sqrt(1.5), 0].map(Math.fround),
  );
  expect(standardized([0, 5e-324])).toEqual([0, 0]);
});

test('what float32 cannot hold in the units it is held in is found', () => {
  const by = { loc: Float64Array.of(1e300, 0), scale: Float64Array.of(1e299, 1) };
  const table = (...data: number[]) => ({ data: Float64Array.from(data), rows: data.length / 2, columns: 2 });
  expect(firstBeyondFloat32(table(1.5e300, 1, -1e300, -3e38), by)).toBe(-1);
  expect(firstBeyondFloat32(table(1.5e300, 1, 1e300, 4e38), by)).toBe(3);
  expect(firstBeyondFloat32(table(1, 2, -4e38, 2), null)).toBe(2);
  expect(firstBeyondFloat32({ data: Float32Array.of(1, 3e38), rows: 1, columns: 2 }, null)).toBe(-1);
});

test('null copies, and out may be x', () => {
  const x = Float32Array.of(1, 2, 3, 4);
  const out = new Float32Array(4);
  standardizeInto(out, x, 2, null);
  expect(out).toEqual(x);
  standardizeInto(x, x, 2, { loc: Float64Array.of(1, 2), scale: Float64Array.of(2, 4) });
  expect([...x]).toEqual([0, 0, 1, 0.5]);
});
