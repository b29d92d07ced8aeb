// The single kernels that are measured: plain data that crosses to a thread, made there into one call on operands of its own.

import type { Arena } from '../backend/arena.ts';
import { GemmStart, type Kernels, LANES, UPDATE_SCALARS } from '../backend/backend.ts';
import type { Work } from './networks.ts';

/** One product [m, k]·[k, n], A transposed or not; n is a multiple of 16. */
export interface GemmWork {
  readonly kind: 'gemm';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
}

/** An elementwise kernel over `rows` rows of 16. */
export interface RowsWork {
  readonly kind: 'normals' | 'perturb' | 'optimizer' | 'multiply' | 'copy';
  readonly rows: number;
}

export type KernelWork = GemmWork | RowsWork;

/** Arrays of `rows` rows each kernel touches, and float operations an element (functions count as one; see networks.ts). */
const ROWS: Record<RowsWork['kind'], { arrays: number; traffic: number; flops: number }> = {
  normals: { arrays: 1, traffic: 1, flops: 5 },
  perturb: { arrays: 4, traffic: 4, flops: 10 },
  // Six arrays of state read and written, gradient and noise read.
  optimizer: { arrays: 8, traffic: 14, flops: 37 },
  // In place: what is written was read before, so no memory moves that is not counted.
  multiply: { arrays: 2, traffic: 3, flops: 1 },
  copy: { arrays: 2, traffic: 2, flops: 0 },
};

const ROW = LANES * 4;
const panels = (n: number) => Math.ceil(n / LANES);
/** A line between arrays, so that they do not all start in the same cache set. */
const GAP = 64 * 9;

/** Bytes a thread's region must have for it. */
export function regionBytes(work: KernelWork): number {
  if (work.kind === 'gemm') {
    const { m, n, k } = work;
    const floats = panels(n) * LANES * (m + k) + Math.max(panels(m) * k, panels(k) * m) * LANES;
    return floats * 4 + 4 * GAP;
  }
  return ROWS[work.kind].arrays * (work.rows * ROW + GAP) + ROW;
}

/** Float operations and bytes of one call, every operand touched once. */
export function kernelCost(work: KernelWork): Work {
  if (work.kind === 'gemm') {
    const { m, n, k } = work;
    return { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) };
  }
  const { traffic, flops } = ROWS[work.kind];
  return { flops: flops * work.rows * LANES, bytes: traffic * work.rows * ROW };
}

export function workName(work: KernelWork): string {
  if (work.kind === 'gemm') return `${work.m}×${work.n}×${work.k}${work.transposeA ? ' Aᵀ' : ''}`;
  const elements = String(work.rows * LANES);
  return work.kind === 'multiply' || work.kind === 'copy' ? `${work.kind} ${elements}` : elements;
}

/** Fills floats with values between ½ and 1 of either sign (0) or one: none special, none that grows when used again and again. */
function fill(floats: Float32Array, sign: 1 | -1 | 0): void {
  const pattern = Math.min(floats.length, 4096);
  for (let i = 0; i < pattern; i++) {
    const value = 0.5 + ((i * 7919) % 1024) / 2048;
    floats[i] = sign === 0 ? (i & 1 ? value : -value) : sign * value;
  }
  for (let done = pattern; done < floats.length; done *= 2) floats.copyWithin(done, 0, done);
}

/** Writes operands into the region at `base` and returns the call. */
export function prepareKernel(work: KernelWork, kernels: Kernels, arena: Arena, base: number): () => void {
  let end = base;
  const place = (count: number, sign: 1 | -1 | 0 = 0) => {
    const at = end;
    end = at + Math.ceil((count * 4) / 64) * 64 + GAP;
    fill(arena.floats(at, count), sign);
    return at;
  };
  if (work.kind === 'gemm') return gemm(work, kernels, place);
  const { rows } = work;
  const floats = (sign?: 1 | -1 | 0) => place(rows * LANES, sign);
  switch (work.kind) {
    case 'normals': {
      const out = floats();
      return () => kernels.normal_f32(out, rows, 1, 2, 3, 0, 5, 0);
    }
    case 'perturb': {
      const [w, noise, mu, rho] = [floats(), floats(), floats(), floats(-1)];
      return () => kernels.perturb_f32(w, noise, mu, rho, rows, LANES, 1, 2, 3, 0, 5, 0);
    }
    case 'optimizer':
      return optimizer(rows, kernels, arena, floats, () => place(LANES));
    case 'multiply': {
      const [a, b] = [floats(), floats()];
      arena.floats(b, rows * LANES).fill(1); // Else a would vanish.
      return () => kernels.multiply_f32(a, a, b, rows);
    }
    case 'copy': {
      const [out, x] = [floats(), floats()];
      return () => kernels.activate_f32(out, 0, x, rows, 0); // identity
    }
  }
}

function gemm(work: GemmWork, kernels: Kernels, place: (count: number) => number): () => void {
  const { m, n, k, transposeA } = work;
  const columns = panels(n);
  const aRows = transposeA ? k : m;
  const a = place((transposeA ? panels(m) * k : panels(k) * m) * LANES);
  const b = place(columns * LANES * k);
  const out = place(columns * LANES * m);
  const { zero } = GemmStart;
  return () => kernels.gemm_f32(out, m, a, aRows, transposeA ? 1 : 0, b, k, m, columns, k, zero, 0);
}

/** Adam as a step calls it: fused with the noise, all lanes. The step size is tiny, so that nothing drifts over many calls. */
function optimizer(
  rows: number,
  kernels: Kernels,
  arena: Arena,
  floats: (sign?: 1 | -1 | 0) => number,
  line: () => number,
): () => void {
  const [mu, rho, mMu, vMu] = [floats(), floats(-1), floats(), floats(1)];
  const [mRho, vRho, gradient, noise] = [floats(), floats(1), floats(), floats()];
  const scalars = line();
  const c = arena.floats(scalars, LANES);
  c[UPDATE_SCALARS.klScale] = 1e-5;
  c[UPDATE_SCALARS.klPrecision] = 1e-5;
  c[UPDATE_SCALARS.stepSize] = 1e-9;
  c[UPDATE_SCALARS.beta1] = 0.9;
  c[UPDATE_SCALARS.oneMinusBeta1] = 0.1;
  c[UPDATE_SCALARS.beta2] = 0.999;
  c[UPDATE_SCALARS.oneMinusBeta2] = 0.001;
  c[UPDATE_SCALARS.vScale] = 1;
  c[UPDATE_SCALARS.eps] = 1e-8;
  return () => {
    kernels.adam_f32(mu, rho, mMu, vMu, mRho, vRho, gradient, 0, noise, rows, LANES, scalars);
  };
}
