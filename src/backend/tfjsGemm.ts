// The matrix product through TensorFlow.js: panels to row-major and back, one matMul, every tensor disposed. Which
// TensorFlow.js that is and how it was loaded is tfjsPackage.node.ts.

import type { Arena } from './arena.ts';
import { GemmStart, type Kernels, LANES } from './backend.ts';

/** A tf.Tensor, as far as is needed here. */
export interface TfjsTensor {
  dataSync(): unknown;
  dispose(): void;
}

/** What is called of TensorFlow.js: every build of it since 1.0 has this. */
export interface Tfjs {
  tensor2d(values: Float32Array, shape: [number, number], dtype: 'float32'): TfjsTensor;
  matMul(a: never, b: never, transposeA: boolean): TfjsTensor;
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
    // A's last panel is taken whole. Its lanes beyond m become rows of the product that nobody reads; those beyond k
    // are cleared and meet rows of B that are cleared.
    const K = transposeA ? k : wholePanels(k);
    const [rowsA, columnsA] = transposeA ? [k, wholePanels(m)] : [m, K];
    const A = left.take(rowsA * columnsA);
    const B = right.take(K * panels * LANES);
    toRows(left.f64, f64, a, rowsA, aRows, columnsA / LANES);
    toRows(right.f64, f64, b, k, bRows, panels);
    if (K > k) {
      for (let row = 0; row < m; row++) A.fill(0, row * K + k, (row + 1) * K);
      B.fill(0, k * panels * LANES);
    }
    const product =
      k === 0
        ? new Float32Array(m * panels * LANES)
        : multiply(tf, A, [rowsA, columnsA], B, [K, panels * LANES], transposeA === 1);
    if (start === GemmStart.zero) {
      fromRows(f64, out, outRows, product, m, panels);
      return;
    }
    for (let row = 0, i = 0; row < m; row++) {
      const first = start === GemmStart.bias ? f32[(bias >>> 2) + lane(row, aRows)] : 0;
      for (let p = 0; p < panels; p++) {
        const to = (out >>> 2) + (p * outRows + row) * LANES;
        for (let l = 0; l < LANES; l++, i++)
          f32[to + l] = product[i] + (start === GemmStart.bias ? first : f32[to + l]);
      }
    }
  };
}

/** A·B or Aᵀ·B, row-major. No `tidy`: it would search the result for tensors, number by number. */
function multiply(
  tf: Tfjs,
  A: Float32Array,
  shapeA: [number, number],
  B: Float32Array,
  shapeB: [number, number],
  transposeA: boolean,
): Float32Array {
  const tensors: TfjsTensor[] = [];
  try {
    tensors.push(tf.tensor2d(A, shapeA, 'float32'), tf.tensor2d(B, shapeB, 'float32'));
    tensors.push(tf.matMul(tensors[0] as never, tensors[1] as never, transposeA));
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
