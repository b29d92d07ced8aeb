// Kernels that compute nothing and count: calls, elements, float operations and bytes by name. What a step asks of a backend is the
// same for every backend, so it can be counted without any.

import {
  type ArgumentName,
  argumentsOf,
  type Backend,
  type BackendFactory,
  GemmStart,
  type KernelName,
  LANES,
  makeKernels,
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

/** `arrays` float32 arrays of `elements` elements touched, `flops` operations on each element. */
const each = (elements: number, arrays: number, flops: number): Cost => {
  return { elements, flops: flops * elements, bytes: 4 * arrays * elements };
};

/** The arguments of a call by their names in the table. */
type Named<K extends KernelName> = { readonly [A in ArgumentName<K>]: number };

/** What one call does, from its arguments; a kernel that no counted work calls may be left out. */
const COSTS: { readonly [K in KernelName]?: (call: Named<K>) => Cost } = {
  normal_f32: ({ rows }) => each(rows * LANES, 1, 5),
  perturb_f32: ({ noise, rows, lanes }) => each(rows * lanes, noise === 0 ? 3 : 4, 10),
  variance_f32: ({ rows }) => each(rows * LANES, 2, 4),
  // A normal 5, the root, and z from it 2; mean and variance read.
  marginal_f32: ({ units, panels }) => each(units * panels * LANES, 3, 8),
  gemm_f32: ({ m, panels, k, start }) => {
    const n = panels * LANES;
    const out = m * n * (start === GemmStart.accumulate ? 2 : 1);
    return { elements: m * n, flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + out) };
  },
  transpose_f32: ({ rows, columns }) => each(rows * columns, 2, 0),
  gather_f32: ({ columns, count }) => each(columns * count, 2, 0),
  activate_f32: ({ derivative, rows }) => each(rows * LANES, derivative === 0 ? 2 : 3, 1),
  multiply_f32: ({ rows }) => each(rows * LANES, 3, 1),
  sumrows_f32: ({ rows }) => each(rows * LANES, 1, 1),
  accumulate_f32: ({ rows, first }) => each(rows * LANES, first === 1 ? 4 : 6, first === 1 ? 1 : 3),
  // mu, rho and their moments read and written, gradient and noise (or gRho) read.
  adam_f32: ({ noise, rows, lanes }) => each(rows * lanes, 14, noise === 0 ? 36 : 37),
  sgd_f32: ({ noise, rows, lanes }) => each(rows * lanes, 10, noise === 0 ? 20 : 21),
  kl_f32: ({ rows }) => each(rows * LANES, 2, 10),
  sum_f32: ({ count }) => each(count, 1, 1),
  categorical_f32: ({ gradient, classes, rows }) => each(classes * rows, gradient === 0 ? 1 : 2, 5),
  bernoulli_f32: ({ gradient, outputs, rows }) => each(outputs * rows, gradient === 0 ? 2 : 3, 8),
  gaussian_f32: ({ gradient, scaleGradient, outputs, rows }) =>
    each(outputs * rows, 2 + (gradient === 0 ? 0 : 1) + (scaleGradient === 0 ? 0 : 1), 10),
  gaussian_heads_f32: ({ gradient, outputs, rows }) => each(outputs * rows, gradient === 0 ? 3 : 5, 30),
  student_t_f32: ({ gradient, scaleGradient, outputs, rows }) =>
    each(outputs * rows, 2 + (gradient === 0 ? 0 : 1) + (scaleGradient === 0 ? 0 : 1), 20),
  poisson_f32: ({ gradient, outputs, rows }) => each(outputs * rows, gradient === 0 ? 2 : 3, 6),
  negative_binomial_f32: ({ gradient, scaleGradient, outputs, rows }) =>
    each(outputs * rows, 2 + (gradient === 0 ? 0 : 1) + (scaleGradient === 0 ? 0 : 1), 120),
  exp_f32: ({ rows }) => each(rows * LANES, 2, 2),
  softplus_f32: ({ rows }) => each(rows * LANES, 2, 4),
  softmax_f32: ({ classes, panels }) => each(classes * panels * LANES, 2, 5),
  sigmoid_f32: ({ rows }) => each(rows * LANES, 2, 4),
  moments_f32: ({ rows, count }) => each(rows * LANES, count === 1 ? 3 : 5, count === 1 ? 0 : 6),
};

/** @throws Error for a kernel whose cost is not known, and for a call with more or fewer arguments than the table says */
function costOf(name: KernelName, values: readonly number[]): Cost {
  const cost = COSTS[name] as ((call: Record<string, number>) => Cost) | undefined;
  if (cost === undefined)
    throw new Error(`${name}: expected its cost, got none — add it to COSTS in countingKernels.ts`);
  const names = argumentsOf(name);
  if (values.length !== names.length)
    throw new Error(`${name}: expected ${names.length} arguments, got ${values.length} — see KERNELS`);
  return cost(Object.fromEntries(names.map((argument, i) => [argument.name, values[i]])));
}

/** Counts of all calls since the last `take`, by kernel. */
export class KernelCounter {
  #counts: Partial<Record<KernelName, Count>> = {};

  readonly kernels: Backend = {
    name: 'counting',
    ...makeKernels(
      (name) =>
        (...args: number[]) =>
          this.#add(name, args),
    ),
  };

  #add(name: KernelName, args: number[]): number {
    const cost = costOf(name, args);
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
  take(): Partial<Record<KernelName, Count>> {
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
