// The table of kernels: name, arguments, result and meaning of each, to the bit, and nothing else. Backends, the contract suite,
// the counts and the check of the C files read it. `reference.ts` is the definition in plain loops.

// Addresses are byte offsets into the arena (one shared WebAssembly.Memory), multiples of 64.
// A matrix [R, C] lives in *panels* of 16 columns: ceil(C / 16) panels, each `rows` × 16 floats with
// rows >= R, so element (r, c) is float  floor(c / 16)·rows·16 + r·16 + (c mod 16).  A vector of 16 lanes is
// a whole cache line and a whole AVX-512 register, and every elementwise kernel is one loop over rows.
// Arithmetic is float32, one rounding an operation, in the order the formulas are written; fma(a, b, c) = a·b + c is one
// operation where it is written so, and nowhere else. A NaN is a NaN, its payload is not part of the contract. Functions
// are those of math/float32.ts.

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
  keep: 9, // what decay_f32 leaves of a parameter
} as const;

/**
 * Kinds of arguments: a byte offset into the arena, a count, any uint32 (keys, places in an address of noise, numbers of
 * things), 0 or 1, a GemmStart, a float32. Two kinds are told apart because they alone differ between steps of training that are alike
 * (core/training/stepLists.ts): `step` is a word that grows from step to step by the same amount, `cursor` a byte offset that goes
 * through the row order of an epoch.
 */
export type Kind = 'address' | 'size' | 'word' | 'flag' | 'start' | 'f32' | 'step' | 'cursor';

/** Arguments in order, as names behind their kind: 'address out x' is two addresses. u32 results are sets of bits. */
interface Declaration {
  readonly args: ReadonlyArray<`${Kind} ${string}`>;
  readonly result: 'void' | 'u32';
}

export const KERNELS = {
  /**
   * Standard normal noise of addresses firstRow·16 … (firstRow + rows)·16 − 1 of a stream (random/stream.ts),
   * out[r·16 + l] = normal(key, step, draw, stream, (firstRow + r)·16 + l). firstRow is a multiple of 4.
   */
  normal_f32: {
    args: ['address out', 'size rows', 'word key0 key1', 'step step', 'word draw stream firstRow'],
    result: 'void',
  },

  /**
   * w = fma(softplus(rho), noise, mu), noise as in normal_f32; writes lanes < `lanes` of `w`, and of `noise` unless that pointer is 0.
   * [rows, 16]
   */
  perturb_f32: {
    args: [
      'address w noise mu rho',
      'size rows lanes',
      'word key0 key1',
      'step step',
      'word draw stream firstRow',
    ],
    result: 'void',
  },

  /** The draw opposite to one of perturb_f32: opposite = −noise, w = fma(softplus(rho), opposite, mu). [rows, 16] */
  mirror_f32: { args: ['address w opposite mu rho noise', 'size rows'], result: 'void' },

  /** out = softplus(rho)², the variances of the weights; out may be rho. [rows, 16] */
  variance_f32: { args: ['address out rho', 'size rows'], result: 'void' },

  /**
   * z = fma(sqrt(variance), noise, mean), the noise that of units and rows of data instead of weights; z may be mean or variance.
   * All are [units, 16·panels] in panels of `units` rows.
   *
   * Lanes are rows of data and, where `width` (1, 2, 4, 8 or 16) is less than 16, draws: lane l of panel p stands for
   * row = firstRow + rowStep·(p·width + (l mod width)) and drawOf = draw + floor(l / width), all modulo 2^32. The noise of unit u in
   * it is normal(key, row, drawOf, stream, 16·u): the place of the step in the address is the row's. rowStep is 0 or 1; with 0 all
   * rows have the noise of firstRow.
   */
  marginal_f32: {
    args: [
      'address z mean variance',
      'size units panels',
      'word key0 key1 firstRow',
      'flag rowStep',
      'size width',
      'word draw stream',
    ],
    result: 'void',
  },

  /**
   * z and d(z)/d(variance) of drawn pre-activations: z = fma(s, noise, mean), slope = noise/(s·2), 0 where s is, with s = sqrt(variance). z
   * may be mean, slope may be variance. All are [units, 16·panels] in panels of `units` rows; the noise of unit u in lane l of panel p is
   * normal(key, firstRow + 16·p + l, draw, stream, 16·u), rows modulo 2^32.
   */
  local_f32: {
    args: [
      'address z slope mean variance',
      'size units panels',
      'word key0 key1 firstRow',
      'step draw',
      'word stream',
    ],
    result: 'void',
  },

  /**
   * out = x, negated where the highest bit of a random word is set: of row r, lane l it is word (firstRow + r) mod 4 of the Philox block
   * floor((firstRow + r) / 4)·16 + l at (step, draw, stream), as in stream.ts; out may be x. [rows, 16]
   */
  flip_f32: {
    args: ['address out x', 'size rows', 'word key0 key1', 'step step', 'word draw stream firstRow'],
    result: 'void',
  },

  /**
   * out = x·scale, 0 where a random word is below `threshold`: of unit u in lane l of panel p it is that of row
   * (firstPanel + p)·channels + u mod channels, lane l, as in flip_f32; out may be x. Panels of [units, 16].
   */
  drop_inputs_f32: {
    args: [
      'address out x',
      'size units panels channels',
      'word key0 key1',
      'step step',
      'word draw stream firstPanel threshold',
      'f32 scale',
    ],
    result: 'void',
  },

  /**
   * out = w·scale, 0 where a random word is below `threshold`, for `panels` panels of `rows` rows of one layer: of row r ≥ 1 it is word
   * (c >>> 4) & 3 of the Philox block (c >>> 6)·16 + (c & 15) at (0, draw, stream), c = (r − 1) mod channels. Row 0, the bias, is w. out
   * may be w. [panels, rows, 16]
   */
  drop_weights_f32: {
    args: [
      'address out w',
      'size rows panels channels',
      'word key0 key1',
      'word draw stream threshold',
      'f32 scale',
    ],
    result: 'void',
  },

  /** out = gVariance·(softplus(rho)·2), the gradient of sigma from that of sigma²; out may be gVariance. [rows, 16] */
  sigma_gradient_f32: { args: ['address out gVariance rho', 'size rows'], result: 'void' },

  /** out = 0. [rows, 16] */
  clear_f32: { args: ['address out', 'size rows'], result: 'void' },

  /**
   * out = start + A·B, every element adding its products for k = 0, 1, …, K − 1 one at a time, in that order:
   * sum = fma(a(m, k), b(k, n), sum).
   *
   * out [M, 16·panels] in panels of outRows rows; b [K, 16·panels] in panels of bRows rows;
   * a is A [M, K] in panels (of 16 k's), aRows rows each, or, with transposeA = 1, Aᵀ [K, M] in panels (of 16 m's).
   * start: 0 zero; 1 what `out` holds; 2 bias: element (m, n) starts from float m of the row vector at `bias`,
   * a row of panels of aRows rows: bias[floor(m / 16)·aRows·16 + (m mod 16)].
   */
  gemm_f32: {
    args: [
      'address out',
      'size outRows',
      'address a',
      'size aRows',
      'flag transposeA',
      'address b',
      'size bRows m panels k',
      'start start',
      'address bias',
    ],
    result: 'void',
  },

  /** outᵀ = x: x [rows, columns] in panels of xRows rows → out [columns, rows] in panels of outRows rows; lanes ≥ rows of out's last panel become 0. */
  transpose_f32: {
    args: ['address out', 'size outRows', 'address x', 'size xRows rows columns'],
    result: 'void',
  },

  /**
   * Rows of a row-major table, transposed: out(c, j) = x[index[j]·columns + c] for j < count, 0 for the lanes
   * beyond, out [columns, count] in panels of outRows rows. index: int32, x: float32 [*, columns] (any 4-byte alignment).
   */
  gather_f32: {
    args: ['address out', 'size outRows', 'address x', 'size columns', 'cursor index', 'size count'],
    result: 'void',
  },

  /**
   * y = f(x) and, unless `derivative` is 0, derivative = f′(x); y may be x. [rows, 16]
   *
   * `activation` is the index in ACTIVATIONS. relu′(0) = 0; gelu is x·Φ(x), silu x·sigmoid(x); tanh′ = 4t/(1 + t)² and
   * sigmoid′ = t/(1 + t)² from t = exp(−2|x|) and exp(−|x|), so derivatives keep their relative accuracy far out.
   */
  activate_f32: { args: ['address y derivative x', 'size rows', 'word activation'], result: 'void' },

  /** out = a·b, elementwise; out may be a or b. [rows, 16] */
  multiply_f32: { args: ['address out a b', 'size rows'], result: 'void' },

  /** out = a + b, elementwise; out may be a or b. [rows, 16] */
  add_f32: { args: ['address out a b', 'size rows'], result: 'void' },

  /** Column sums: out[l] = Σ_r x[r·16 + l] for r = 0, 1, … one at a time, from 0 (start 0) or from out (start 1). [rows, 16] → [16] */
  sumrows_f32: { args: ['address out x', 'size rows', 'flag start'], result: 'void' },

  /** Gradients of a further draw: gMu += dW, gRho += dW·noise; with first = 1 written (gMu = dW, gRho = dW·noise). [rows, 16] */
  accumulate_f32: { args: ['address gMu gRho dW noise', 'size rows', 'flag first'], result: 'void' },

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
  adam_f32: {
    args: ['address mu rho mMu vMu mRho vRho gMu gRho noise', 'size rows lanes', 'address scalars'],
    result: 'u32',
  },

  /** The same gradients, momentum SGD: m = fma(m, beta1, grad); parameter = fma(m, −stepSize, parameter). */
  sgd_f32: {
    args: ['address mu rho mMu mRho gMu gRho noise', 'size rows lanes', 'address scalars'],
    result: 'u32',
  },

  /** gradMu and gradRho as adam_f32 makes them, for an optimizer that has no kernel of its own for both; may be gMu and gSigma. [rows, 16] */
  kl_gradient_f32: {
    args: ['address gradMu gradRho mu rho gMu gSigma noise', 'size rows', 'address scalars'],
    result: 'void',
  },

  /** The step of adam_f32 for parameters of one kind by a gradient that is complete; returns 1 if any of them is not finite. [rows, 16] */
  adam_step_f32: {
    args: ['address parameter m v gradient', 'size rows lanes', 'address scalars'],
    result: 'u32',
  },

  /** The step of sgd_f32, as adam_step_f32. */
  sgd_step_f32: {
    args: ['address parameter m gradient', 'size rows lanes', 'address scalars'],
    result: 'u32',
  },

  /** parameter = parameter·keep, keep of the scalars. [rows, 16] */
  decay_f32: { args: ['address parameter', 'size rows', 'address scalars'], result: 'void' },

  /**
   * IVON (Shen et al. 2024, algorithm 1) on mu and rho, lambda = 1/klScale, delta = klPrecision; eps is 1 at the first step, else 0, and
   * vScale 1 / (1 − beta1^t). [rows, 16]
   *
   * gSigma = gRho, or gMu·noise where `noise` is not 0; sigma = softplus(rho); curvature = gSigma/sigma;
   * before = h, or klScale/(sigma·sigma) − delta at the first step; apart = before − curvature;
   * h = fma(before, beta2, curvature·oneMinusBeta2) + ((apart·apart)/(before + delta))·((oneMinusBeta2·oneMinusBeta2)·½);
   * g = fma(g, beta1, gMu·oneMinusBeta1);  mu −= (fma(mu, delta, g·vScale)·stepSize)/(h + delta);
   * rho = log(exp(s) − 1), s = sqrt(klScale/(h + delta)): for s < 1 log(s) + fma(s², P(s²), s·½), else s + log(1 − exp(−s)).
   * Lanes and result as adam_f32.
   */
  ivon_f32: {
    args: ['address mu rho g h gMu gRho noise', 'size rows lanes', 'address scalars'],
    result: 'u32',
  },

  /**
   * Σ KL(N(mu, sigma²) ‖ N(0, priorSigma²)) over lanes < `lanes`, one float to `out`; each element is
   * (logPriorSigma − log sigma) + fma(fma(sigma, sigma, mu·mu), halfPriorPrecision, −½), added row by row in 16 lanes, then
   * folded 8, 4, 2, 1 (lane l with lane l + 8, …).
   */
  kl_f32: {
    args: ['address out mu rho', 'size rows lanes', 'f32 logPriorSigma halfPriorPrecision'],
    result: 'void',
  },

  /** Σ x² over lanes < `lanes`, one float to `out`, added and folded as in kl_f32. [rows, 16] */
  squares_f32: { args: ['address out x', 'size rows lanes'], result: 'void' },

  /** out = fma(x, factor, out). [rows, 16] */
  add_scaled_f32: { args: ['address out x', 'size rows', 'f32 factor'], result: 'void' },

  /** out += factor·sign(x), sign(±0) = 0; of NaN, NaN. [rows, 16] */
  add_sign_f32: { args: ['address out x', 'size rows', 'f32 factor'], result: 'void' },

  /**
   * dW += factor·w·(first·precision1 + second·precision2): −factor·d/dw log p(w) of a mixture of two normals about 0. [rows, 16]
   *
   * The components' shares in the density at w are second = sigmoid(d), first = sigmoid(−d),
   * d = fma(w·w, −(precision2 − precision1)·½, logRatio); the sum of the two is fma(first, precision1, second·precision2), and
   * dW = fma(w·sum, factor, dW). logRatio is the log of the second's density over the first's at 0.
   */
  mixture_gradient_f32: {
    args: ['address dW w', 'size rows', 'f32 logRatio precision1 precision2 factor'],
    result: 'void',
  },

  /**
   * out += scale·Σ log p(w) over lanes < `lanes`, one float, added and folded as in kl_f32: log p(w) = max(first, second) +
   * log1p(exp(−|second − first|)) with first = fma(w·w, −precision1·½, logFirst), second likewise. [rows, 16]
   */
  mixture_density_f32: {
    args: ['address out w', 'size rows lanes', 'f32 logFirst logSecond precision1 precision2 scale'],
    result: 'void',
  },

  /**
   * gMu += factor·(2Φ(z) − 1), gSigma += factor·2φ(z), z = mu/sigma within ±15: factor·∂/∂(mu, sigma) of E|w|, w ~ N(mu, sigma²). As
   * gMu = fma(fma(Φ, 2, −1), factor, gMu) and gSigma = fma(bell·√(2/π), factor, gSigma), bell = exp(−z²/2). [rows, 16]
   */
  laplace_gradient_f32: { args: ['address gMu gSigma mu rho', 'size rows', 'f32 factor'], result: 'void' },

  /**
   * out += scale·Σ E|w| over lanes < `lanes`, one float, added and folded as in kl_f32; E|w| =
   * fma(mu, fma(Φ, 2, −1), sigma·(bell·√(2/π))), Φ and bell as in laplace_gradient_f32. [rows, 16]
   */
  laplace_absolute_f32: { args: ['address out mu rho', 'size rows lanes', 'f32 scale'], result: 'void' },

  /** Σ E[w²] = Σ fma(sigma, sigma, mu·mu) over lanes < `lanes`, one float to `out`, added and folded as in kl_f32. [rows, 16] */
  second_moment_f32: { args: ['address out mu rho', 'size rows lanes'], result: 'void' },

  /** Σ x over count floats (contiguous): element i adds to lane i mod 16 in order, lanes fold 8, 4, 2, 1; one float to `out`. Any count ≥ 0. */
  sum_f32: { args: ['address out x', 'size count'], result: 'void' },

  // Likelihoods. Lanes are rows of data. Inputs [K, 16·panels] in panels of `stride` rows; loss [16] per panel, contiguous
  // panels. Data row j = 16·panel + lane counts if j < rows; beyond, loss and gradients are 0. gradient 0 = not wanted;
  // gradient may be the input. Gradients are d(loss)/d(input)·scale.

  /**
   * loss = logsumexp(logits) − logits[label], as log Σ exp(logit − max) + (max − logits[label]); gradient
   * (softmax − onehot)·scale. labels: int32 per data row, from 0 to classes − 1; classes ≥ 1.
   */
  categorical_f32: {
    args: ['address loss gradient logits labels', 'size classes stride rows', 'f32 scale'],
    result: 'void',
  },

  /**
   * loss = Σ_k softplus(logit) − target·logit, as (max(logit, 0) − target·logit) + log1p(exp(−|logit|)), which keeps small
   * losses; gradient (sigmoid − target)·scale. targets [K, rows] panels of `stride` rows.
   */
  bernoulli_f32: {
    args: ['address loss gradient logits targets', 'size outputs stride rows', 'f32 scale'],
    result: 'void',
  },

  /**
   * loss = Σ_k ½·((target − mean)·inverse_k)² + logScale_k + ½ log 2π with inverse_k = 1 / scale_k read from `inverse`, logScale
   * from `logScale` (float32 [K] each); gradient (mean − target)·inverse²·scale; scaleGradient, unless 0, [K, rows] panels of `stride`
   * rows: (1 − ((target − mean)·inverse_k)²)·inverse_k·scale, the derivative with respect to scale_k.
   */
  gaussian_f32: {
    args: [
      'address loss gradient scaleGradient mean targets inverse logScale',
      'size outputs stride rows',
      'f32 scale',
    ],
    result: 'void',
  },

  /**
   * loss = Σ_k log1p(q)·power + (logScale_k + normalizer) with z = (mean − target)·inverse_k, q = z²·inverseDf; with r = 1/(q + 1):
   * gradient ((z·inverse)·(r·((power + power)·inverseDf)))·scale; scaleGradient (((1 − z²)·r)·inverse)·scale. log1p is that of all q ≥ 0;
   * the rest as in gaussian_f32. power is (df + 1)/2, inverseDf 1/df, normalizer ½·log(df·π) − log(Γ((df + 1)/2)/Γ(df/2)).
   */
  student_t_f32: {
    args: [
      'address loss gradient scaleGradient mean targets inverse logScale',
      'size outputs stride rows',
      'f32 inverseDf power normalizer scale',
    ],
    result: 'void',
  },

  /**
   * As gaussian_f32 with a scale for each row: heads [2·outputs, rows], rows k the means and rows outputs + k what scale = softplus(raw) + floor
   * is made of. loss = Σ_k ½·z² + (log scale + ½ log 2π), z = (mean − target)·inverse, inverse = 1 / scale; gradient, like heads, (z·inverse)·scale
   * and (((1 − z²)·inverse)·sigmoid(raw))·scale. targets [outputs, rows], panels of `outputs` rows.
   */
  gaussian_heads_f32: {
    args: ['address loss gradient heads targets', 'size outputs stride rows', 'f32 floor scale'],
    result: 'void',
  },

  /**
   * loss = Σ_k rate − target·x, rate = exp(x), which leaves out log(target!); gradient (rate − target)·scale. exp(x) of x > 0 is
   * 1/exp(−x). targets [K, rows] panels of `stride` rows.
   */
  poisson_f32: {
    args: ['address loss gradient logRates targets', 'size outputs stride rows', 'f32 scale'],
    result: 'void',
  },

  /**
   * Counts of mean exp(y) and variance mean + mean²/r, r = inverse_k between 2^-20 and 2^20, alpha = 1/r: loss = Σ_k (n + r)·log1p(alpha·mean) −
   * n·y − rising, which leaves out log(n!); rising = Σ_{j<n} log(1 + alpha·j) by Stirling's series at r + 8. Gradient ((mean − n)/(1 +
   * alpha·mean))·scale; scaleGradient, unless 0, with respect to alpha: (r·(r·(ψ(n + r) − ψ(r) − log1p(alpha·mean)) + gradient / scale))·scale,
   * ψ likewise. Every operation is in `reference/referenceOutputs.ts`; the rest as in gaussian_f32.
   */
  negative_binomial_f32: {
    args: [
      'address loss gradient scaleGradient logMeans targets inverse',
      'size outputs stride rows',
      'f32 scale',
    ],
    result: 'void',
  },

  // Predictive statistics.

  /** out = exp(x), of x > 0 as 1/exp(−x); out may be x. [rows, 16] */
  exp_f32: { args: ['address out x', 'size rows'], result: 'void' },

  /** out = softplus(x) + floor; out may be x. [rows, 16] */
  softplus_f32: { args: ['address out x', 'size rows', 'f32 floor'], result: 'void' },

  /**
   * probabilities = softmax over the `classes` ≥ 1 rows of each lane (may be in place); entropy [16] per panel in nats, never
   * negative, unless 0.
   */
  softmax_f32: {
    args: ['address probabilities entropy logits', 'size classes stride panels'],
    result: 'void',
  },

  /** probabilities = sigmoid(logits) (may be in place); entropy [K, …] of each Bernoulli in nats, same layout, unless 0. */
  sigmoid_f32: { args: ['address probabilities entropy logits', 'size rows'], result: 'void' },

  /** Welford: draw number `count` (1, 2, …) of x into running mean and m2 (sum of squared deviations); count 1 writes mean = x, m2 = 0. [rows, 16] */
  moments_f32: { args: ['address mean m2 x', 'size rows count'], result: 'void' },
} as const satisfies Readonly<Record<string, Declaration>>;
