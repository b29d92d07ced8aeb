// The classic four: `build`, `bayesianDense`, `klCost`, `elboLoss`, as plain functions without threads.
// Training and prediction with a model built here is the runtime's business (scheduler/).

import { ACTIVATIONS, type Activation } from '../backend/backend.ts';
import { log, logSumExp, softplus } from '../math/float64.ts';
import { type MatrixLike, type TensorLike, toFlat, toMatrix } from './matrix.ts';
import type { LayerSpec, Model } from './model.ts';

export type { Activation, Model };

/** A place in a network where the width is known: the input, or the output of a Bayesian dense layer. */
export interface Node {
  /** Width: the node has shape [B, units]. */
  readonly units: number;
  readonly layers: readonly LayerSpec[];
}

/**
 * The input of a network, shape [B, units].
 * @throws RangeError if units is not a positive integer
 */
export function input(units: number): Node {
  return { units: positiveInteger('input: units', units), layers: [] };
}

/**
 * A Bayesian dense layer y = activation(x·W + b), every weight and bias drawn as mu + softplus(rho)·noise, noise ~ N(0, 1)
 * (Blundell et al. 2015, §3.2).
 * @returns a node of shape [B, units]
 * @throws RangeError if units is not a positive integer; TypeError for an unknown activation
 */
export function bayesianDense(
  from: Node,
  units: number,
  options: { readonly name?: string; readonly activation?: Activation } = {},
): Node {
  const { name = 'bayesian_dense', activation = 'identity' } = options;
  knownActivation('bayesianDense', activation);
  const layer: LayerSpec = {
    name,
    inputSize: from.units,
    outputSize: positiveInteger('bayesianDense: units', units),
    activation,
  };
  return { units, layers: [...from.layers, layer] };
}

/**
 * The model that ends in a node.
 * @throws TypeError if the node is an input without layers; RangeError for a prior scale that is not positive
 */
export function toModel(node: Node, options: { readonly priorSigma?: number } = {}): Model {
  const { priorSigma = 1 } = options;
  if (node.layers.length === 0)
    throw new TypeError('toModel: expected at least one layer, got an input — add bayesianDense');
  return {
    inputSize: node.layers[0].inputSize,
    outputSize: node.units,
    layers: node.layers,
    priorSigma: positive('toModel: priorSigma', priorSigma),
  };
}

export interface BuildOptions {
  readonly inputSize: number;
  readonly hiddenSizes?: readonly number[];
  readonly outputSize: number;
  readonly activation?: Activation;
  /** Standard deviation of the N(0, priorSigma²) prior on every weight and bias. */
  readonly priorSigma?: number;
}

/**
 * A Bayesian multi-layer perceptron [B, inputSize] → [B, outputSize]: `hiddenSizes` layers with `activation`, then a linear one.
 * @throws RangeError for a size or priorSigma that is not positive; TypeError for an unknown activation
 */
export function build(options: BuildOptions): Model {
  const { inputSize, hiddenSizes = [256, 128], outputSize, activation = 'relu', priorSigma = 1 } = options;
  knownActivation('build', activation);
  let node = input(positiveInteger('build: inputSize', inputSize));
  for (const [l, units] of hiddenSizes.entries()) {
    positiveInteger(`build: hiddenSizes[${l}]`, units);
    node = bayesianDense(node, units, { name: `bayesian_dense_${l}`, activation });
  }
  node = bayesianDense(node, positiveInteger('build: outputSize', outputSize), { name: 'output' });
  return toModel(node, { priorSigma: positive('build: priorSigma', priorSigma) });
}

/**
 * KL(N(mu, sigma²) ‖ N(0, priorSigma²)) summed over all elements, sigma = softplus(rho), in nats:
 * Σ log(priorSigma/sigma) + (sigma² + mu²)/(2·priorSigma²) − ½ (Kingma & Welling 2014, appendix B).
 * @param mu any shape
 * @param rho the same shape
 * @throws RangeError if the shapes differ or priorSigma is not positive
 */
export function klCost(
  mu: MatrixLike,
  rho: MatrixLike,
  options: { readonly priorSigma?: number } = {},
): number {
  const { priorSigma = 1 } = options;
  positive('klCost: priorSigma', priorSigma);
  const m = toFlat(mu, 'klCost: mu');
  const r = toFlat(rho, 'klCost: rho');
  if (m.shape.length !== r.shape.length || m.shape.some((size, axis) => size !== r.shape[axis])) {
    throw new RangeError(
      `klCost: expected rho of shape [${m.shape.join(', ')}] like mu, got [${r.shape.join(', ')}] — pass one rho per mu`,
    );
  }
  let kl = 0;
  for (let i = 0; i < m.data.length; i++) {
    const sigma = softplus(r.data[i]);
    kl +=
      log(priorSigma / sigma) + (sigma * sigma + m.data[i] * m.data[i]) / (2 * priorSigma * priorSigma) - 0.5;
  }
  return kl;
}

export interface ElboLossOptions {
  /** Multiplier of the KL term; 1 / number of minibatches makes the sum over an epoch the negative ELBO. */
  readonly beta?: number;
  /** `mse`: mean squared error over all elements. `crossEntropy`: mean over rows of −log softmax(predictions)[target]. */
  readonly lossFn?: 'mse' | 'crossEntropy';
}

/**
 * reconstruction + beta·kl, a scalar to minimize.
 * @param predictions [B, K]: values for `mse`, logits for `crossEntropy`
 * @param targets [B, K] values (for `crossEntropy`: class probabilities, one-hot or soft), or [B] class numbers for `crossEntropy`
 * @param kl nats, as from klCost; a tensor of one number will do
 * @throws RangeError if shapes do not fit or a class number is none; TypeError for an unknown lossFn
 */
export function elboLoss(
  predictions: MatrixLike,
  targets: MatrixLike,
  kl: number | TensorLike,
  options: ElboLossOptions = {},
): number {
  const { beta = 1, lossFn = 'mse' } = options;
  const p = toMatrix(predictions, 'elboLoss: predictions');
  const t = toMatrix(targets, 'elboLoss: targets');
  if (p.rows === 0)
    throw new RangeError('elboLoss: expected at least one row, got none — pass a non-empty batch');
  const nats = scalar(kl);
  if (!Number.isFinite(beta) || beta < 0)
    throw new RangeError(`elboLoss: expected beta ≥ 0, got ${beta} — use 1 for the ELBO`);
  if (lossFn === 'mse') return meanSquaredError(p, t) + beta * nats;
  if (lossFn === 'crossEntropy') return crossEntropy(p, t) + beta * nats;
  throw new TypeError(
    `elboLoss: expected lossFn 'mse' or 'crossEntropy', got ${String(lossFn)} — use one of these`,
  );
}

function scalar(kl: number | TensorLike): number {
  const { data, shape } = typeof kl === 'number' ? { data: [kl], shape: [] } : toFlat(kl, 'elboLoss: kl');
  if (data.length !== 1)
    throw new TypeError(`elboLoss: expected kl as one number, got shape [${shape.join(', ')}] — use klCost`);
  if (Number.isNaN(data[0])) throw new TypeError('elboLoss: expected kl as a number, got NaN — use klCost');
  return data[0];
}

type Rows = ReturnType<typeof toMatrix>;

function meanSquaredError(p: Rows, t: Rows): number {
  sameShape(p, t);
  let sum = 0;
  for (let i = 0; i < p.data.length; i++) {
    const error = p.data[i] - t.data[i];
    sum += error * error;
  }
  return sum / p.data.length;
}

function crossEntropy(p: Rows, t: Rows): number {
  const labels = t.columns === 1 && p.columns > 1;
  if (!labels || t.rows !== p.rows) sameShape(p, t);
  let sum = 0;
  for (let b = 0; b < p.rows; b++) {
    const logits = p.data.subarray(b * p.columns, (b + 1) * p.columns);
    const normalizer = logSumExp(logits);
    if (labels) {
      const label = t.data[b];
      if (!Number.isInteger(label) || label < 0 || label >= p.columns) {
        throw new RangeError(
          `elboLoss: expected class numbers 0 to ${p.columns - 1}, got ${label} in row ${b} — number the classes from 0`,
        );
      }
      sum += normalizer - logits[label];
    } else {
      for (let k = 0; k < p.columns; k++) sum += t.data[b * p.columns + k] * (normalizer - logits[k]);
    }
  }
  return sum / p.rows;
}

function sameShape(p: Rows, t: Rows): void {
  if (p.rows !== t.rows || p.columns !== t.columns) {
    throw new RangeError(
      `elboLoss: expected targets of shape [${p.rows}, ${p.columns}] like predictions, got [${t.rows}, ${t.columns}] — match the shapes`,
    );
  }
}

function knownActivation(where: string, activation: Activation): void {
  if (!ACTIVATIONS.includes(activation)) {
    throw new TypeError(
      `${where}: expected activation ${ACTIVATIONS.join(', ')}, got ${String(activation)} — use one of these`,
    );
  }
}

function positiveInteger(where: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${where}: expected a positive integer, got ${String(value)} — sizes count units`);
  }
  return value;
}

function positive(where: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0) || value === Number.POSITIVE_INFINITY) {
    throw new RangeError(
      `${where}: expected a positive number, got ${String(value)} — it is a standard deviation`,
    );
  }
  return value;
}
