// The comparison's summary: from made-up timings to ratios, distances and verdicts that can be worked out by hand.

import { describe, expect, test } from 'vitest';
import { spread } from '../../src/bench/statistics.ts';

interface Row {
  row: string;
  value: number | null;
  spread: [number, number] | null;
  floorMet: boolean | null;
  wantMet: boolean | null;
}
interface Entrant {
  case: string;
  kind: string;
  variant: string;
  times: number[];
}
const { summary, summaryTable, caseTables } = (await import(
  new URL('../../bench/compare/summary.mjs', import.meta.url).href
)) as {
  summary(results: object[], allocations: object | null): Row[];
  summaryTable(rows: Row[]): string;
  caseTables(results: object[]): string;
};

const BIG = '784-1200-1200-10';
const entrant = (
  name: string,
  kind: string,
  variant: string,
  times: number[],
  more: object = {},
): Entrant => {
  return Object.assign({ case: name, kind, variant, times, ms: spread(times) }, more);
};
const find = (rows: Row[], text: string) => rows.find(({ row }) => row.includes(text))!;

const results = [
  entrant(`step ${BIG}`, 'jax', 'jit', [30, 40, 50]),
  entrant(`step ${BIG}`, 'varpool', 'native 2', [10, 10, 10], { work: { flops: 1e9, bytes: 1e8 } }),
  entrant(`step ${BIG}`, 'varpool', 'native 1', [17, 17, 17]),
  entrant(`step ${BIG}`, 'varpool', 'wasm 2', [40, 40, 40], { work: { flops: 1e9, bytes: 1e8 } }),
  entrant('epoch 13-50-1', 'jax', 'scan', [8, 8, 8]),
  entrant('epoch 13-50-1', 'varpool', 'native 1', [4, 4, 4]),
  entrant('epoch 13-50-1', 'varpool', 'wasm 1', [2, 2, 2]),
  entrant('gemm 512×512×512', 'openblas', 'sgemm', [1, 1, 1]),
  entrant('gemm 512×512×512', 'varpool', 'native 1', [1.25, 1.25, 1.25]),
  entrant('normals', 'varpool', 'native 1', [0.5, 0.6, 0.7], { elements: 1e6 }),
  // 200 GFLOP/s and 50 GB/s on two threads.
  entrant('limit 256×256×256', 'varpool', 'native 2', [1, 1, 1], { work: { flops: 2e8, bytes: 1 } }),
  entrant('limit 128×128×128', 'varpool', 'native 2', [1, 1, 1], { work: { flops: 1e8, bytes: 1 } }),
  entrant('limit copy 1000', 'varpool', 'native 2', [1, 1, 1], { work: { flops: 0, bytes: 5e7 } }),
];

describe('summary', () => {
  const rows = summary(results, { 'a wasm': { bytes: 300, arrays: 0 }, 'b wasm': { bytes: 500, arrays: 0 } });

  test('ratios are of medians, with the middle half of the ratios of rounds', () => {
    expect(find(rows, `step ${BIG}: JAX jit ÷ native`)).toMatchObject({
      value: 4,
      spread: [3.5, 4.5],
      floorMet: true,
      wantMet: true,
    });
    expect(find(rows, `step ${BIG}: JAX jit ÷ wasm`)).toMatchObject({ value: 1, floorMet: false });
    expect(find(rows, `${BIG}, native: one worker ÷ two`)).toMatchObject({ value: 1.7, floorMet: false });
  });

  test('small networks are compared with the faster backend', () => {
    expect(find(rows, 'whole epochs')).toMatchObject({ value: 4, floorMet: true, wantMet: true });
  });

  test('products are compared by speed, normals by time', () => {
    expect(find(rows, 'gemm 512')).toMatchObject({ value: 0.8, floorMet: false });
    expect(find(rows, 'normal, per element: native').value).toBeCloseTo(0.6, 12);
    expect(find(rows, 'normal, per element: native')).toMatchObject({ floorMet: true, wantMet: false });
  });

  test('the roofline is of the best product and the best stream of the same threads', () => {
    // 1 GFLOP / 200 GFLOP/s + 0.1 GB / 50 GB/s = 5 ms + 2 ms.
    expect(find(rows, `${BIG}, native, two workers: measured ÷ roofline`).value).toBeCloseTo(10 / 7, 12);
    expect(find(rows, `${BIG}, wasm, two workers: measured ÷ roofline`).value).toBeNull();
  });

  test('allocations are those of the worst step', () => {
    expect(find(rows, 'arrays made')).toMatchObject({ value: 0, floorMet: true });
    expect(find(rows, 'bytes allocated')).toMatchObject({ value: 500, wantMet: false });
  });

  test('what was not measured is neither kept nor missed', () => {
    expect(find(rows, 'draw of 128 rows')).toMatchObject({ value: null, floorMet: null, wantMet: null });
    expect(summaryTable(rows)).toContain('not measured');
    expect(summaryTable(summary([], null)).split('\n').length).toBe(rows.length + 3);
  });
});

test('a table a case, the fastest first, with what it took relative to each backend', () => {
  const text = caseTables(results);
  expect(text).not.toContain('limit');
  const [, , native, one] = text.split('\n');
  expect(native).toMatch(/varpool native, workers: 2 +10\.0 ms .* 1\.00 +0\.25$/);
  expect(one).toMatch(/varpool native, workers: 1 +17\.0 ms/);
  expect(text).toMatch(/jax, jit +40\.0 ms +30\.0 ms – 50\.0 ms +4\.00 +1\.00/);
});
