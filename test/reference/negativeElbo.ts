// The whole model once more in plain float64: forward, likelihood and KL for given noise, row-major, no panels, no batches
// of anything. Shares no code with src/: what src/core computes in float32 is compared with this.

export type TwinActivation = 'identity' | 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu';

/** weight [I, O] row-major, bias [O]; also used for noise, where rho is absent. */
export interface TwinTensors {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

export interface TwinLayer {
  readonly I: number;
  readonly O: number;
  readonly activation: TwinActivation;
  readonly mu: TwinTensors;
  readonly rho: TwinTensors;
}

export interface TwinProblem {
  readonly layers: readonly TwinLayer[];
  readonly likelihood:
    | 'categorical'
    | 'bernoulli'
    | 'gaussian'
    | 'heteroscedastic'
    | 'negativeBinomial'
    | 'poisson'
    | 'studentT';
  /** studentT: degrees of freedom. */
  readonly df: number | null;
  /** gaussian, studentT: scale per output. */
  readonly scale: Float64Array | null;
  /** Learned: scale = softplus(rawScale); then `scale` is not read. */
  readonly rawScale: Float64Array | null;
  readonly priorSigma: number;
  readonly klWeight: number;
  /** N */
  readonly rowCount: number;
}

export interface TwinBatch {
  readonly rows: number;
  /** [rows, I] */
  readonly x: Float64Array;
  /** [rows] class numbers or [rows, K] values */
  readonly y: Float64Array;
}

export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** 2/√π·exp(−x²)·Σ 2^n·x^(2n+1)/(2n+1)!!: every term has the sign of x, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export function activate(kind: TwinActivation, x: number): number {
  switch (kind) {
    case 'identity':
      return x;
    case 'relu':
      return x > 0 ? x : 0;
    case 'tanh':
      return Math.tanh(x);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'gelu':
      return x * 0.5 * (1 + erf(x / Math.SQRT2));
    case 'silu':
      return x / (1 + Math.exp(-x));
  }
}

/** w = mu + softplus(rho)·noise */
export function drawnWeights(mu: Float64Array, rho: Float64Array, noise: Float64Array): Float64Array {
  return mu.map((m, i) => m + softplus(rho[i]) * noise[i]);
}

/** y = activation(x·W + b): [rows, I] → [rows, O] */
export function dense(
  x: Float64Array,
  rows: number,
  layer: Pick<TwinLayer, 'I' | 'O' | 'activation'>,
  w: TwinTensors,
): Float64Array {
  const { I, O } = layer;
  const y = new Float64Array(rows * O);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < O; o++) {
      let z = w.bias[o];
      for (let i = 0; i < I; i++) z += x[r * I + i] * w.weight[i * O + o];
      y[r * O + o] = activate(layer.activation, z);
    }
  }
  return y;
}

/** Network outputs [rows, K] under one draw of noise; null noise uses every mu. */
export function forward(
  layers: readonly TwinLayer[],
  x: Float64Array,
  rows: number,
  noise: readonly TwinTensors[] | null,
): Float64Array {
  let y = x;
  for (const [l, layer] of layers.entries()) {
    const w =
      noise === null
        ? layer.mu
        : {
            weight: drawnWeights(layer.mu.weight, layer.rho.weight, noise[l].weight),
            bias: drawnWeights(layer.mu.bias, layer.rho.bias, noise[l].bias),
          };
    y = dense(y, rows, layer, w);
  }
  return y;
}

function logSumExp(z: Float64Array): number {
  const max = Math.max(...z);
  return max + Math.log(z.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

const NORMALIZERS = new Map<number, number>();

/** log ∫ (1 + z²/df)^(−(df + 1)/2) dz, with z = sqrt(df)·tan(angle): log(sqrt(df)·∫ cos(angle)^(df − 1)),
 * by 20,000 midpoints of a, angle = a + sin(2a)/2. */
export function tLogNormalizer(df: number): number {
  const known = NORMALIZERS.get(df);
  if (known !== undefined) return known;
  const n = 20_000;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    // The substitution flattens the ends, where a small df leaves a branch point.
    const a = (Math.PI * (i + 0.5)) / n - Math.PI / 2;
    const angle = a + Math.sin(2 * a) / 2;
    sum += Math.cos(angle) ** (df - 1) * (1 + Math.cos(2 * a));
  }
  const value = Math.log((Math.sqrt(df) * sum * Math.PI) / n);
  NORMALIZERS.set(df, value);
  return value;
}

/** −log p(y_r | outputs_r) of row r. */
function rowLoss(problem: TwinProblem, outputs: Float64Array, batch: TwinBatch, r: number): number {
  const width = outputs.length / batch.rows;
  const z = outputs.subarray(r * width, (r + 1) * width);
  const K = problem.likelihood === 'heteroscedastic' ? width / 2 : width;
  if (problem.likelihood === 'categorical') return logSumExp(z) - z[batch.y[r]];
  let loss = 0;
  for (let k = 0; k < K; k++) {
    const target = batch.y[r * K + k];
    if (problem.likelihood === 'bernoulli') {
      loss += softplus(z[k]) - target * z[k];
    } else if (problem.likelihood === 'poisson') {
      // Without log(target!), which the loss of a step leaves out.
      loss += Math.exp(z[k]) - target * z[k];
    } else if (problem.likelihood === 'negativeBinomial') {
      const dispersion = problem.rawScale === null ? problem.scale![k] : softplus(problem.rawScale[k]);
      loss += (target + 1 / dispersion) * Math.log1p(dispersion * Math.exp(z[k])) - target * z[k];
      for (let n = 0; n < target; n++) loss -= Math.log1p(dispersion * n);
    } else if (problem.likelihood === 'heteroscedastic') {
      const scale = softplus(z[K + k]) + 2 ** -20;
      loss += Math.log(scale) + 0.5 * ((target - z[k]) / scale) ** 2 + 0.5 * Math.log(2 * Math.PI);
    } else {
      const scale = problem.rawScale === null ? problem.scale![k] : softplus(problem.rawScale[k]);
      const square = ((target - z[k]) / scale) ** 2;
      const { df } = problem;
      loss += Math.log(scale);
      if (df === null) loss += 0.5 * square + 0.5 * Math.log(2 * Math.PI);
      else loss += ((df + 1) / 2) * Math.log(1 + square / df) + tLogNormalizer(df);
    }
  }
  return loss;
}

/** Σ log(priorSigma/sigma) + (sigma² + mu²)/(2·priorSigma²) − ½ over every weight and bias, in nats. */
export function klOf(layers: readonly TwinLayer[], priorSigma: number): number {
  let kl = 0;
  for (const { mu, rho } of layers) {
    for (const part of ['weight', 'bias'] as const) {
      for (let i = 0; i < mu[part].length; i++) {
        const sigma = softplus(rho[part][i]);
        kl += Math.log(priorSigma / sigma) + (sigma ** 2 + mu[part][i] ** 2) / (2 * priorSigma ** 2) - 0.5;
      }
    }
  }
  return kl;
}

/** nll: mean over rows and draws of −log likelihood; objective = nll + klWeight·kl/N. noise[draw][layer] */
export function negativeElbo(
  problem: TwinProblem,
  batch: TwinBatch,
  noise: ReadonlyArray<readonly TwinTensors[]>,
): { nll: number; kl: number; objective: number } {
  let nll = 0;
  for (const draw of noise) {
    const outputs = forward(problem.layers, batch.x, batch.rows, draw);
    for (let r = 0; r < batch.rows; r++) nll += rowLoss(problem, outputs, batch, r);
  }
  nll /= batch.rows * noise.length;
  const kl = klOf(problem.layers, problem.priorSigma);
  return { nll, kl, objective: nll + (problem.klWeight * kl) / problem.rowCount };
}

/** df/dx of every element of `x` by (f(x + h) − f(x − h)) / 2h; x is changed in place and put back. */
export function centralDifferences(f: () => number, x: Float64Array, h: number): Float64Array {
  return Float64Array.from(x, (value, i) => {
    x[i] = value + h;
    const up = f();
    x[i] = value - h;
    const down = f();
    x[i] = value;
    return (up - down) / (2 * h);
  });
}
