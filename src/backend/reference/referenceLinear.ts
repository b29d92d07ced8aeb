// Reference kernels without any probability in them: products, layouts, sums, activations. Plain loops in
// float32.

import {
  expNonPositive,
  fma,
  gelu,
  inverseOnePlus,
  relu,
  sigmoidFrom,
  tanhFrom,
} from '../../math/float32.ts';
import { ACTIVATIONS, GemmStart, type Kernels, LANES } from '../backend.ts';

const f = Math.fround;

/** The arena as the reference kernels see it. */
export interface Views {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
}

/** Index of element (row, column) of a matrix in panels that begins at byte `at`. */
export function element(at: number, stride: number, row: number, column: number): number {
  return (at >>> 2) + Math.floor(column / LANES) * stride * LANES + row * LANES + (column % LANES);
}

/** Sum of 16 lanes by the one tree: lane l with lane l + 8, then l + 4, l + 2, l + 1. */
export function fold(lanes: Float32Array): number {
  const sum = Float32Array.from(lanes);
  for (let half = LANES / 2; half >= 1; half /= 2) for (let l = 0; l < half; l++) sum[l] += sum[l + half];
  return sum[0];
}

/** f(x) and f′(x) of an activation by its number. */
export function activation(number: number, x: number): { y: number; derivative: number } {
  switch (ACTIVATIONS[number]) {
    case 'relu':
      return { y: relu(x), derivative: x > 0 ? 1 : 0 };
    case 'tanh': {
      const t = expNonPositive(f(Math.abs(x) * -2));
      const inverse = inverseOnePlus(t);
      return { y: tanhFrom(x, t, inverse), derivative: f(f(f(t * 4) * inverse) * inverse) };
    }
    case 'sigmoid': {
      const t = expNonPositive(-Math.abs(x));
      const inverse = inverseOnePlus(t);
      return { y: sigmoidFrom(x, t, inverse), derivative: f(f(t * inverse) * inverse) };
    }
    case 'gelu':
      return gelu(x);
    case 'silu': {
      // Clamped where sigmoid has reached 0 or 1, so that no Infinity meets a 0.
      const low = Math.max(x, -104);
      const inside = Math.min(low, 104);
      const t = expNonPositive(-Math.abs(inside));
      const inverse = inverseOnePlus(t);
      const s = sigmoidFrom(inside, t, inverse);
      const rest = inside < 0 ? inverse : f(t * inverse);
      return { y: f(low * s), derivative: f(s + f(f(inside * s) * rest)) };
    }
    default:
      return { y: x, derivative: 1 };
  }
}

export function linearKernels({ f32, i32 }: Views) {
  return {
    gemm_f32(out, outRows, a, aRows, transposeA, b, bRows, m, panels, k, start, bias) {
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < panels * LANES; column++) {
          const at = element(out, outRows, row, column);
          let sum = 0;
          if (start === GemmStart.accumulate) sum = f32[at];
          if (start === GemmStart.bias) sum = f32[element(bias, aRows, 0, row)];
          for (let i = 0; i < k; i++) {
            const left = f32[transposeA ? element(a, aRows, i, row) : element(a, aRows, row, i)];
            sum = fma(left, f32[element(b, bRows, i, column)], sum);
          }
          f32[at] = sum;
        }
      }
    },

    transpose_f32(out, outRows, x, xRows, rows, columns) {
      const lanes = Math.ceil(rows / LANES) * LANES;
      for (let c = 0; c < columns; c++) {
        for (let r = 0; r < lanes; r++) {
          f32[element(out, outRows, c, r)] = r < rows ? f32[element(x, xRows, r, c)] : 0;
        }
      }
    },

    gather_f32(out, outRows, x, columns, index, count) {
      const lanes = Math.ceil(count / LANES) * LANES;
      for (let c = 0; c < columns; c++) {
        for (let j = 0; j < lanes; j++) {
          f32[element(out, outRows, c, j)] =
            j < count ? f32[(x >>> 2) + i32[(index >>> 2) + j] * columns + c] : 0;
        }
      }
    },

    activate_f32(y, derivative, x, rows, number) {
      for (let i = 0; i < rows * LANES; i++) {
        const result = activation(number, f32[(x >>> 2) + i]);
        f32[(y >>> 2) + i] = result.y;
        if (derivative) f32[(derivative >>> 2) + i] = result.derivative;
      }
    },

    clear_f32(out, rows) {
      f32.fill(0, out >>> 2, (out >>> 2) + rows * LANES);
    },

    add_f32(out, a, b, rows) {
      for (let i = 0; i < rows * LANES; i++) f32[(out >>> 2) + i] = f32[(a >>> 2) + i] + f32[(b >>> 2) + i];
    },

    multiply_f32(out, a, b, rows) {
      for (let i = 0; i < rows * LANES; i++) f32[(out >>> 2) + i] = f32[(a >>> 2) + i] * f32[(b >>> 2) + i];
    },

    sumrows_f32(out, x, rows, start) {
      for (let l = 0; l < LANES; l++) {
        let sum = start ? f32[(out >>> 2) + l] : 0;
        for (let r = 0; r < rows; r++) sum = f(sum + f32[(x >>> 2) + r * LANES + l]);
        f32[(out >>> 2) + l] = sum;
      }
    },

    sum_f32(out, x, count) {
      const lanes = new Float32Array(LANES);
      for (let i = 0; i < count; i++) lanes[i % LANES] += f32[(x >>> 2) + i];
      f32[out >>> 2] = fold(lanes);
    },

    accumulate_f32(gMu, gRho, dW, noise, rows, first) {
      for (let i = 0; i < rows * LANES; i++) {
        const g = f32[(dW >>> 2) + i];
        const gNoise = f(g * f32[(noise >>> 2) + i]);
        f32[(gMu >>> 2) + i] = first ? g : f32[(gMu >>> 2) + i] + g;
        f32[(gRho >>> 2) + i] = first ? gNoise : f32[(gRho >>> 2) + i] + gNoise;
      }
    },

    moments_f32(mean, m2, x, rows, count) {
      for (let i = 0; i < rows * LANES; i++) {
        const value = f32[(x >>> 2) + i];
        if (count === 1) {
          f32[(mean >>> 2) + i] = value;
          f32[(m2 >>> 2) + i] = 0;
          continue;
        }
        const before = f32[(mean >>> 2) + i];
        const delta = f(value - before);
        const now = f(before + f(delta / f(count)));
        f32[(mean >>> 2) + i] = now;
        f32[(m2 >>> 2) + i] += f(delta * f(value - now));
      }
    },
  } satisfies Partial<Kernels>;
}
