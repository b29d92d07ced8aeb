// What a matrix product in float32 may come to, whatever the order of its sums and with or without fused products:
// for each element of the output a test of the value.

import { GemmStart, type Kernels, LANES } from '../../src/backend/backend.ts';

const EPS = 2 ** -24;
const MAX = 3.4028234e38;
/** A factor, product or sum below this may be taken as zero, as TensorFlow has the processor do. */
const TINY = 2 ** -126;

/** Tests of out[m, n] by float index, for a call with these arguments on memory as it is before the call. */
export function gemmBounds(
  f32: Float32Array,
  args: Parameters<Kernels['gemm_f32']>,
): Map<number, (got: number) => boolean> {
  const [out, outRows, a, aRows, transposeA, b, bRows, m, panels, k, start, bias] = args;
  const at = (base: number, stride: number, row: number, column: number) =>
    base / 4 + (Math.floor(column / LANES) * stride + row) * LANES + (column % LANES);
  const tests = new Map<number, (got: number) => boolean>();
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < panels * LANES; column++) {
      const index = at(out, outRows, row, column);
      const first =
        start === GemmStart.bias ? f32[at(bias, aRows, 0, row)] : start === GemmStart.zero ? 0 : f32[index];
      // In doubles the products are exact, and the sum as good as exact.
      let sum = first;
      let size = Math.abs(first);
      let lost = 0;
      for (let i = 0; i < k; i++) {
        const left = f32[transposeA ? at(a, aRows, i, row) : at(a, aRows, row, i)];
        const right = f32[at(b, bRows, i, column)];
        sum += left * right;
        size += Math.abs(left * right);
        if (Math.min(Math.abs(left), Math.abs(right)) < TINY) lost += Math.abs(left * right);
      }
      tests.set(index, within(sum, size, lost, k + 1));
    }
  }
  return tests;
}

/** Higham 2002, §3.1: n sums and products, in any order, err by at most about n·eps·Σ|a||b|; twice that is allowed. */
function within(sum: number, size: number, lost: number, n: number): (got: number) => boolean {
  // A NaN among the products, or infinities of both signs, are NaN in any order.
  if (Number.isNaN(sum)) return (got) => Number.isNaN(got);
  // One infinity stays, unless a partial sum overflowed to the other; sums that may overflow depend on the order.
  if (size === Number.POSITIVE_INFINITY) return (got) => got === sum || Number.isNaN(got);
  if (size > MAX) return () => true;
  return (got) => Math.abs(got - sum) <= lost + 2 * n * (EPS * size + TINY);
}
