// The record of kernels every backend fills in, and nothing else: what each one computes, to the bit.
// `reference.ts` is the definition in plain loops; `test/backend/contract.test.ts` holds all to it.

// Pointers are byte offsets into the arena (one shared WebAssembly.Memory), multiples of 64.
// A matrix [R, C] lives in *panels* of 16 columns: ceil(C / 16) panels, each `rows` × 16 floats with
// rows >= R, so element (r, c) is float  floor(c / 16)·rows·16 + r·16 + (c mod 16).  A vector of 16 lanes is
// a whole cache line and a whole AVX-512 register, and every elementwise kernel is one loop over rows.
// Arithmetic is float32, one rounding an operation, in the order the formulas are written; fma(a, b, c) = a·b + c is one
// operation where it is written so, and nowhere else. A NaN is a NaN, its payload is not part of the contract. Functions
// are those of random/float32.ts.

import type { Arena } from './arena.ts';

/** Columns of a panel. */
export const LANES = 16;

/** What `gemm_f32` starts each output element from. */
export const GemmStart = { zero: 0, accumulate: 1, bias: 2 } as const;
export type GemmStart = (typeof GemmStart)[keyof typeof GemmStart];

/** The order is the number the kernels know an activation by. */
export const ACTIVATIONS = ['identity', 'relu', 'tanh', 'sigmoid', 'gelu', 'silu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/**
 * Floats of the block `adam_f32` and `sgd_f32` read their scalars from, in this order. `klScale` is
 * klWeight / N; `klPrecision` is klScale / priorSigma²; the others are used as written in the kernels' formulas.
 */
export const UPDATE_SCALARS = {
  klScale: 0,
  klPrecision: 1,
  stepSize: 2, // adam: learningRate / (1 − beta1^t); sgd: learningRate
  beta1: 3, // sgd: momentum
  oneMinusBeta1: 4,
  beta2: 5,
  oneMinusBeta2: 6,
  vScale: 7, // 1 / sqrt(1 − beta2^t)
  eps: 8,
} as const;

export interface Kernels {
  /**
   * Standard normal noise of addresses firstRow·16 … (firstRow + rows)·16 − 1 of a stream (random/stream.ts),
   * out[r·16 + l] = normal(key, step, draw, stream, (firstRow + r)·16 + l). firstRow is a multiple of 4.
   */
  normal_f32(
    out: number,
    rows: number,
    key0: number,
    key1: number,
    step: number,
    draw: number,
    stream: number,
    firstRow: number,
  ): void;

  /** w = fma(softplus(rho), noise, mu), noise as in normal_f32; writes `w`, and `noise` unless that pointer is 0. [rows, 16] */
  perturb_f32(
    w: number,
    noise: number,
    mu: number,
    rho: number,
    rows: number,
    key0: number,
    key1: number,
    step: number,
    draw: number,
    stream: number,
    firstRow: number,
  ): void;

  /** out = softplus(rho)², the variances of the weights; out may be rho. [rows, 16] */
  variance_f32(out: number, rho: number, rows: number): void;

  /**
   * z = fma(sqrt(variance), noise, mean), the noise that of units and rows of data instead of weights; z may be mean or variance.
   * All are [units, 16·panels] in panels of `units` rows.
   *
   * Lanes are rows of data and, where `width` (1, 2, 4, 8 or 16) is less than 16, draws: lane l of panel p stands for
   * row = firstRow + p·width + (l mod width) and drawOf = draw + floor(l / width), all modulo 2^32. The noise of unit u in it is
   * normal(key, row, drawOf, stream, 16·u): the place of the step in the address is the row's.
   */
  marginal_f32(
    z: number,
    mean: number,
    variance: number,
    units: number,
    panels: number,
    key0: number,
    key1: number,
    firstRow: number,
    width: number,
    draw: number,
    stream: number,
  ): void;

  /**
   * out = start + A·B, every element adding its products for k = 0, 1, …, K − 1 one at a time, in that order:
   * sum = fma(a(m, k), b(k, n), sum).
   *
   * out [M, 16·panels] in panels of outRows rows; b [K, 16·panels] in panels of bRows rows;
   * a is A [M, K] in panels (of 16 k's), aRows rows each, or, with transposeA = 1, Aᵀ [K, M] in panels (of 16 m's).
   * start: 0 zero; 1 what `out` holds; 2 bias: element (m, n) starts from float m of the row vector at `bias`,
   * a row of panels of aRows rows: bias[floor(m / 16)·aRows·16 + (m mod 16)].
   */
  gemm_f32(
    out: number,
    outRows: number,
    a: number,
    aRows: number,
    transposeA: 0 | 1,
    b: number,
    bRows: number,
    m: number,
    panels: number,
    k: number,
    start: GemmStart,
    bias: number,
  ): void;

  /** outᵀ = x: x [rows, columns] in panels of xRows rows → out [columns, rows] in panels of outRows rows; lanes ≥ rows of out's last panel become 0. */
  transpose_f32(out: number, outRows: number, x: number, xRows: number, rows: number, columns: number): void;

  /**
   * Rows of a row-major table, transposed: out(c, j) = x[index[j]·columns + c] for j < count, 0 for the lanes
   * beyond, out [columns, count] in panels of outRows rows. index: int32, x: float32 [*, columns] (any 4-byte alignment).
   */
  gather_f32(out: number, outRows: number, x: number, columns: number, index: number, count: number): void;

  /**
   * y = f(x) and, unless `derivative` is 0, derivative = f′(x); y may be x. [rows, 16]
   *
   * `activation` is the index in ACTIVATIONS. relu′(0) = 0; gelu is x·Φ(x), silu x·sigmoid(x); tanh′ = 4t/(1 + t)² and
   * sigmoid′ = t/(1 + t)² from t = exp(−2|x|) and exp(−|x|), so derivatives keep their relative accuracy far out.
   */
  activate_f32(y: number, derivative: number, x: number, rows: number, activation: number): void;

  /** out = a·b, elementwise; out may be a or b. [rows, 16] */
  multiply_f32(out: number, a: number, b: number, rows: number): void;

  /** Column sums: out[l] = Σ_r x[r·16 + l] for r = 0, 1, … one at a time, from 0 (start 0) or from out (start 1). [rows, 16] → [16] */
  sumrows_f32(out: number, x: number, rows: number, start: 0 | 1): void;

  /** Gradients of a further draw: gMu += dW, gRho += dW·noise; with first = 1 written (gMu = dW, gRho = dW·noise). [rows, 16] */
  accumulate_f32(gMu: number, gRho: number, dW: number, noise: number, rows: number, first: 0 | 1): void;

  /**
   * Adam (Kingma & Ba 2015) on mu and rho with the gradient of klScale·KL(N(mu, sigma²) ‖ N(0, priorSigma²)) added. [rows, 16]
   *
   * gSigma = gRho, or gMu·noise where `noise` is not 0 (then gRho is not read);
   * sigma = softplus(rho);  ratio = sigmoid(rho)/sigma = (rho < 0 ? t : 1)/((t + 1)·sigma) with t = exp(−|rho|);
   * gradMu = fma(mu, klPrecision, gMu);  gradRho = fma(fma(sigma, klPrecision, gSigma), ratio·sigma, ratio·(−klScale)),
   * which is (gSigma + klScale·(sigma/priorSigma² − 1/sigma))·sigmoid(rho);
   * m = fma(m, beta1, grad·oneMinusBeta1);  v = fma(v, beta2, (grad·grad)·oneMinusBeta2);
   * parameter −= (m·stepSize) / fma(sqrt(v), vScale, eps).
   * Only lanes < `lanes` change. Returns a bit set: 1 if any new mu, 2 if any new rho, is NaN or infinite (in those lanes), else 0.
   */
  adam_f32(
    mu: number,
    rho: number,
    mMu: number,
    vMu: number,
    mRho: number,
    vRho: number,
    gMu: number,
    gRho: number,
    noise: number,
    rows: number,
    lanes: number,
    scalars: number,
  ): number;

  /** The same gradients, momentum SGD: m = fma(m, beta1, grad); parameter = fma(m, −stepSize, parameter). */
  sgd_f32(
    mu: number,
    rho: number,
    mMu: number,
    mRho: number,
    gMu: number,
    gRho: number,
    noise: number,
    rows: number,
    lanes: number,
    scalars: number,
  ): number;

  /**
   * Σ KL(N(mu, sigma²) ‖ N(0, priorSigma²)) over lanes < `lanes`, one float to `out`; each element is
   * (logPriorSigma − log sigma) + fma(fma(sigma, sigma, mu·mu), halfPriorPrecision, −½), added row by row in 16 lanes, then
   * folded 8, 4, 2, 1 (lane l with lane l + 8, …).
   */
  kl_f32(
    out: number,
    mu: number,
    rho: number,
    rows: number,
    lanes: number,
    logPriorSigma: number,
    halfPriorPrecision: number,
  ): void;

  /** Σ x over count floats (contiguous): element i adds to lane i mod 16 in order, lanes fold 8, 4, 2, 1; one float to `out`. Any count ≥ 0. */
  sum_f32(out: number, x: number, count: number): void;

  // Likelihoods. Lanes are rows of data. Inputs [K, 16·panels] in panels of `stride` rows; loss [16] per panel, contiguous
  // panels. Data row j = 16·panel + lane counts if j < rows; beyond, loss and gradients are 0. gradient 0 = not wanted;
  // gradient may be the input. Gradients are d(loss)/d(input)·scale.

  /**
   * loss = logsumexp(logits) − logits[label], as log Σ exp(logit − max) + (max − logits[label]); gradient
   * (softmax − onehot)·scale. labels: int32 per data row, from 0 to classes − 1; classes ≥ 1.
   */
  categorical_f32(
    loss: number,
    gradient: number,
    logits: number,
    labels: number,
    classes: number,
    stride: number,
    rows: number,
    scale: number,
  ): void;

  /**
   * loss = Σ_k softplus(logit) − target·logit, as (max(logit, 0) − target·logit) + log1p(exp(−|logit|)), which keeps small
   * losses; gradient (sigmoid − target)·scale. targets [K, rows] panels of `stride` rows.
   */
  bernoulli_f32(
    loss: number,
    gradient: number,
    logits: number,
    targets: number,
    outputs: number,
    stride: number,
    rows: number,
    scale: number,
  ): void;

  /**
   * loss = Σ_k ½·((target − mean)·inverse_k)² + logScale_k + ½ log 2π with inverse_k = 1 / scale_k read from `inverse`, logScale
   * from `logScale` (float32 [K] each); gradient (mean − target)·inverse²·scale; scaleGradient, unless 0, [K, rows] panels of `stride`
   * rows: (1 − ((target − mean)·inverse_k)²)·inverse_k·scale, the derivative with respect to scale_k.
   */
  gaussian_f32(
    loss: number,
    gradient: number,
    scaleGradient: number,
    mean: number,
    targets: number,
    inverse: number,
    logScale: number,
    outputs: number,
    stride: number,
    rows: number,
    scale: number,
  ): void;

  // Predictive statistics.

  /**
   * probabilities = softmax over the `classes` ≥ 1 rows of each lane (may be in place); entropy [16] per panel in nats, never
   * negative, unless 0.
   */
  softmax_f32(
    probabilities: number,
    entropy: number,
    logits: number,
    classes: number,
    stride: number,
    panels: number,
  ): void;

  /** probabilities = sigmoid(logits) (may be in place); entropy [K, …] of each Bernoulli in nats, same layout, unless 0. */
  sigmoid_f32(probabilities: number, entropy: number, logits: number, rows: number): void;

  /** Welford: draw number `count` (1, 2, …) of x into running mean and m2 (sum of squared deviations); count 1 writes mean = x, m2 = 0. [rows, 16] */
  moments_f32(mean: number, m2: number, x: number, rows: number, count: number): void;
}

/** Every kernel of the contract, by name: what a module must export. */
export const KERNEL_NAMES = [
  'normal_f32',
  'perturb_f32',
  'variance_f32',
  'marginal_f32',
  'gemm_f32',
  'transpose_f32',
  'gather_f32',
  'activate_f32',
  'multiply_f32',
  'sumrows_f32',
  'accumulate_f32',
  'adam_f32',
  'sgd_f32',
  'kl_f32',
  'sum_f32',
  'categorical_f32',
  'bernoulli_f32',
  'gaussian_f32',
  'softmax_f32',
  'sigmoid_f32',
  'moments_f32',
] as const satisfies ReadonlyArray<keyof Kernels>;

/** A set of kernels over one arena, ready to call from the thread that made it. */
export interface Backend extends Kernels {
  readonly name: string;
}

/** Makes backends of one kind; `available` says why not, when not. */
export interface BackendFactory {
  readonly name: string;
  /** Whether its results are those of the reference, to the bit, whatever the machine and the number of workers. */
  readonly reproducible: boolean;
  /** `note`, where there is one, says more about what was found. */
  available(): { ok: true; note?: string } | { ok: false; reason: string };
  /** Code compiled once on the main thread and handed to every worker, where the backend needs any (a WebAssembly.Module). */
  compile(): Promise<unknown>;
  /**
   * What a thread that computes must await before `create`, where the backend has code that loads asynchronously; undefined when
   * there is nothing to wait for (any more).
   */
  load?(compiled: unknown): Promise<void> | undefined;
  /** `thread` picks the stack this instance uses in the arena: 0, 1, … below `Arena.threads`. */
  create(arena: Arena, compiled: unknown, thread: number): Backend;
}
