// The matrix product through TensorFlow.js: panels to row-major and back, one matMul, every tensor disposed. Which
// TensorFlow.js that is and how it was loaded is tfjsPackage.node.ts.

import type { Arena } from '../arena.ts';
import { GemmStart, type Kernels, LANES } from '../backend.ts';

/** A tf.Tensor, as far as is needed here. */
export interface TfjsTensor {
  dataSync(): unknown;
  dispose(): void;
}

/** What is called of TensorFlow.js: every build of it since 1.0 has this. */
export interface Tfjs {
  tensor2d(values: Float32Array, shape: [number, number], dtype: 'float32'): TfjsTensor;
  matMul(a: never, b: never): TfjsTensor;
  memory(): { readonly numTensors: number };
}

/** A row of a panel in doubles: two floats are moved at a time, never computed with, so any bits pass. */
const DOUBLES = LANES / 2;

/** gemm_f32 by `tf` over an arena: the sums are made in whatever order and with whatever instructions `tf` has. */
export function tfjsGemm(tf: Tfjs, { f32, f64 }: Pick<Arena, 'f32' | 'f64'>): Kernels['gemm_f32'] {
  const left = new Scratch();
  const right = new Scratch();
  return (out, outRows, a, aRows, transposeA, b, bRows, m, panels, k, start, bias) => {
    if (m === 0 || panels === 0) return;
    const N = panels * LANES;
    // The last panel of A is taken whole. Its lanes beyond m become columns of the product that are never read; those
    // beyond k are cleared and meet rows of B that are cleared.
    const K = transposeA ? k : wholePanels(k);
    const M = transposeA ? wholePanels(m) : m;
    let product: Float32Array;
    if (k === 0) {
      product = new Float32Array(M * N);
    } else if (transposeA) {
      // (AᵀB)ᵀ = BᵀA: B is the smaller one to turn, and no operand is left to TensorFlow.js to turn: its WebAssembly
      // multiplies those in plain loops.
      const turned = left.take(N * K);
      const A = right.take(K * M);
      toColumns(turned, f32, b, k, bRows, panels);
      toRows(right.f64, f64, a, k, aRows, M / LANES);
      product = multiply(tf, turned, [N, K], A, [K, M]);
    } else {
      const A = left.take(M * K);
      const B = right.take(K * N);
      toRows(left.f64, f64, a, m, aRows, K / LANES);
      toRows(right.f64, f64, b, k, bRows, panels);
      if (K > k) {
        for (let row = 0; row < m; row++) A.fill(0, row * K + k, (row + 1) * K);
        B.fill(0, k * N);
      }
      product = multiply(tf, A, [M, K], B, [K, N]);
    }
    if (start === GemmStart.zero && !transposeA) {
      fromRows(f64, out, outRows, product, m, panels);
      return;
    }
    const [rowStep, columnStep] = transposeA ? [1, M] : [N, 1];
    for (let p = 0; p < panels; p++) {
      let to = (out >>> 2) + p * outRows * LANES;
      for (let row = 0; row < m; row++, to += LANES) {
        const first = start === GemmStart.bias ? f32[(bias >>> 2) + lane(row, aRows)] : 0;
        let from = row * rowStep + p * LANES * columnStep;
        for (let l = 0; l < LANES; l++, from += columnStep)
          f32[to + l] = product[from] + (start === GemmStart.accumulate ? f32[to + l] : first);
      }
    }
  };
}

/** A·B, row-major. No `tidy`: it would search the result for tensors, number by number. */
function multiply(
  tf: Tfjs,
  A: Float32Array,
  shapeA: [number, number],
  B: Float32Array,
  shapeB: [number, number],
): Float32Array {
  const tensors: TfjsTensor[] = [];
  try {
    tensors.push(tf.tensor2d(A, shapeA, 'float32'), tf.tensor2d(B, shapeB, 'float32'));
    tensors.push(tf.matMul(tensors[0] as never, tensors[1] as never));
    return tensors[2].dataSync() as Float32Array;
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}

/** Row-major memory that is used again by the next call. */
class Scratch {
  #floats = new Float32Array(0);
  f64 = new Float64Array(0);

  take(count: number): Float32Array {
    if (count > this.#floats.length) {
      this.#floats = new Float32Array(Math.max(count, 2 * this.#floats.length));
      this.f64 = new Float64Array(this.#floats.buffer);
    }
    return this.#floats.subarray(0, count);
  }
}

/** Panels [rows, 16·panels] of `stride` rows each at byte `at` → row-major `out`. */
function toRows(
  out: Float64Array,
  x: Float64Array,
  at: number,
  rows: number,
  stride: number,
  panels: number,
): void {
  for (let p = 0; p < panels; p++)
    moveRows(out, p * DOUBLES, panels * DOUBLES, x, at / 8 + p * stride * DOUBLES, DOUBLES, rows);
}

/** Panels [rows, 16·panels] of `stride` rows each at byte `at` → row-major `out` [16·panels, rows]. */
function toColumns(
  out: Float32Array,
  x: Float32Array,
  at: number,
  rows: number,
  stride: number,
  panels: number,
): void {
  for (let p = 0; p < panels; p++) {
    for (let row = 0, from = (at >>> 2) + p * stride * LANES; row < rows; row++) {
      for (let l = 0, to = p * LANES * rows + row; l < LANES; l++, to += rows) out[to] = x[from++];
    }
  }
}

/** Row-major `x` → panels [rows, 16·panels] of `stride` rows each at byte `at`. */
function fromRows(
  out: Float64Array,
  at: number,
  stride: number,
  x: Float32Array,
  rows: number,
  panels: number,
): void {
  const whole = x.byteOffset % 8 === 0 ? x : x.slice();
  const from = new Float64Array(whole.buffer, whole.byteOffset, whole.length / 2);
  for (let p = 0; p < panels; p++)
    moveRows(out, at / 8 + p * stride * DOUBLES, DOUBLES, from, p * DOUBLES, panels * DOUBLES, rows);
}

/** Moves rows of 16 floats; written out, for a loop of eight costs twice as much. */
function moveRows(
  out: Float64Array,
  to: number,
  toStep: number,
  x: Float64Array,
  from: number,
  fromStep: number,
  rows: number,
): void {
  for (let row = 0, o = to, i = from; row < rows; row++, o += toStep, i += fromStep) {
    out[o] = x[i];
    out[o + 1] = x[i + 1];
    out[o + 2] = x[i + 2];
    out[o + 3] = x[i + 3];
    out[o + 4] = x[i + 4];
    out[o + 5] = x[i + 5];
    out[o + 6] = x[i + 6];
    out[o + 7] = x[i + 7];
  }
}

function wholePanels(columns: number): number {
  return Math.ceil(columns / LANES) * LANES;
}

/** Where float `index` of a row vector lies in panels of `stride` rows. */
function lane(index: number, stride: number): number {
  return Math.floor(index / LANES) * stride * LANES + (index % LANES);
}
