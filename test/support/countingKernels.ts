// Kernels that compute nothing and count: calls, elements, float operations and bytes by name. What a step asks of a backend is the
// same for every backend, so it can be counted without any.

import type { Kernels } from '../../src/backend/backend.ts';
import {
  type Backend,
  type BackendFactory,
  GemmStart,
  KERNEL_NAMES,
  LANES,
} from '../../src/backend/backend.ts';

export interface Cost {
  readonly elements: number;
  /** Float operations; a function such as exp or sqrt counts as one. */
  readonly flops: number;
  /** Bytes of the operands, each read or written once a call. */
  readonly bytes: number;
}

export interface Count extends Cost {
  readonly calls: number;
}

/** `arrays` float32 arrays of so many elements touched, `flops` operations on each element. */
const each = (elements: number, arrays: number, flops: number): Cost => {
  return { elements, flops: flops * elements, bytes: 4 * arrays * elements };
};

/** What one call does, from its arguments. */
export const COSTS: { readonly [K in keyof Kernels]: (...args: Parameters<Kernels[K]>) => Cost } = {
  normal_f32: (_out, rows) => each(rows * LANES, 1, 5),
  perturb_f32: (_w, noise, _mu, _rho, rows) => each(rows * LANES, noise === 0 ? 3 : 4, 10),
  variance_f32: (_out, _rho, rows) => each(rows * LANES, 2, 4),
  // A normal 5, the root, and z from it 2; mean and variance read.
  marginal_f32: (_z, _mean, _variance, units, panels) => each(units * panels * LANES, 3, 8),
  gemm_f32: (_out, _outRows, _a, _aRows, _transposeA, _b, _bRows, m, panels, k, start) => {
    const n = panels * LANES;
    const out = m * n * (start === GemmStart.accumulate ? 2 : 1);
    return { elements: m * n, flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + out) };
  },
  transpose_f32: (_out, _outRows, _x, _xRows, rows, columns) => each(rows * columns, 2, 0),
  gather_f32: (_out, _outRows, _x, columns, _index, count) => each(columns * count, 2, 0),
  activate_f32: (_y, derivative, _x, rows) => each(rows * LANES, derivative === 0 ? 2 : 3, 1),
  multiply_f32: (_out, _a, _b, rows) => each(rows * LANES, 3, 1),
  sumrows_f32: (_out, _x, rows) => each(rows * LANES, 1, 1),
  accumulate_f32: (_gMu, _gRho, _dW, _noise, rows, first) =>
    each(rows * LANES, first === 1 ? 4 : 6, first === 1 ? 1 : 3),
  // mu, rho and their moments read and written, gradient and noise (or gRho) read.
  adam_f32: (_mu, _rho, _mMu, _vMu, _mRho, _vRho, _gMu, _gRho, noise, rows) =>
    each(rows * LANES, 14, noise === 0 ? 36 : 37),
  sgd_f32: (_mu, _rho, _mMu, _mRho, _gMu, _gRho, noise, rows) =>
    each(rows * LANES, 10, noise === 0 ? 20 : 21),
  kl_f32: (_out, _mu, _rho, rows) => each(rows * LANES, 2, 10),
  sum_f32: (_out, _x, count) => each(count, 1, 1),
  categorical_f32: (_loss, gradient, _logits, _labels, classes, _stride, rows) =>
    each(classes * rows, gradient === 0 ? 1 : 2, 5),
  bernoulli_f32: (_loss, gradient, _logits, _targets, outputs, _stride, rows) =>
    each(outputs * rows, gradient === 0 ? 2 : 3, 8),
  gaussian_f32: (
    _loss,
    gradient,
    scaleGradient,
    _mean,
    _targets,
    _inverse,
    _logScale,
    outputs,
    _stride,
    rows,
  ) => each(outputs * rows, 2 + (gradient === 0 ? 0 : 1) + (scaleGradient === 0 ? 0 : 1), 10),
  softmax_f32: (_p, _entropy, _logits, classes, _stride, panels) => each(classes * panels * LANES, 2, 5),
  sigmoid_f32: (_p, _entropy, _logits, rows) => each(rows * LANES, 2, 4),
  moments_f32: (_mean, _m2, _x, rows, count) => each(rows * LANES, count === 1 ? 3 : 5, count === 1 ? 0 : 6),
};

/** Counts of all calls since the last `take`, by kernel. */
export class KernelCounter {
  #counts: Partial<Record<keyof Kernels, Count>> = {};

  readonly kernels: Backend = {
    name: 'counting',
    ...(Object.fromEntries(
      KERNEL_NAMES.map((name) => [name, (...args: number[]) => this.#add(name, args)]),
    ) as unknown as Kernels),
  };

  #add(name: keyof Kernels, args: number[]): number {
    const cost = (COSTS[name] as (...args: number[]) => Cost)(...args);
    const { calls, elements, flops, bytes } = this.#counts[name] ?? {
      calls: 0,
      elements: 0,
      flops: 0,
      bytes: 0,
    };
    this.#counts[name] = {
      calls: calls + 1,
      elements: elements + cost.elements,
      flops: flops + cost.flops,
      bytes: bytes + cost.bytes,
    };
    return 0;
  }

  /** The counts so far, which begin again at nothing. */
  take(): Partial<Record<keyof Kernels, Count>> {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }

  /** A backend that is this counter. */
  get factory(): BackendFactory {
    return {
      name: 'counting',
      reproducible: false,
      available: () => ({ ok: true }),
      compile: async () => null,
      create: () => this.kernels,
    };
  }
}
