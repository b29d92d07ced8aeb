// The classic four: `build`, `bayesianDense`, `klCost`, `elboLoss`, as plain functions without threads.
// Training and prediction with a model built here is the runtime's business (scheduler/).

import { ACTIVATIONS, type Activation } from '../backend/backend.ts';
import { log, logSumExp, softplus } from '../math/float64.ts';
import { describeValue } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import * as fields from '../options/fields.ts';
import { oneOfKind } from '../options/kinds.ts';
import { readable } from '../options/readable.ts';
import { checkModel } from './arguments.ts';
import { MAX_UNITS, networkProblem } from './limits.ts';
import { type MatrixLike, type TensorLike, toFlat, toMatrix } from './matrix.ts';
import type { LayerSpec, Model } from './model.ts';
import { PRIORS, type PriorInput, type PriorSpec } from './priors/index.ts';

export type { Activation, Model };

const { count, list, nonNegative, oneOf, section, text } = fields;

const { sigma: priorSigma } = PRIORS.gaussian.options(fields);
const units = count('Units.', MAX_UNITS);

/** The part of a network that data do not decide; the config has it too. */
export const networkFields = {
  hiddenSizes: list(
    count('Units of a hidden layer.', MAX_UNITS),
    'a list of whole numbers of at least 1',
    'Units of each hidden layer; an empty list is a linear model.',
  ).default([256, 128]),
  activation: oneOf(ACTIVATIONS, 'Activation of the hidden layers.').default('relu'),
};

/** The prior of a network: its kind, or the scale of a Gaussian one. */
const modelPrior = {
  prior: oneOfKind(PRIORS, 'Prior of every weight and bias.').optional(),
  priorSigma: priorSigma.unwrap().optional(),
};
const buildOptions = section({ inputSize: units, outputSize: units, ...networkFields, ...modelPrior });
const modelOptions = section(modelPrior);
const priorOptions = section({ priorSigma });
const denseOptions = section({
  name: text('a name', 'What the layer is called.').default('bayesian_dense'),
  activation: oneOf(ACTIVATIONS, 'Activation of the layer.').default('identity'),
});
const lossOptions = section({
  beta: nonNegative('Multiplier of the KL term.').default(1),
  lossFn: oneOf(['mse', 'crossEntropy'], 'Reconstruction error.').default('mse'),
});

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
  return { units: checkedUnits('input', units), layers: [] };
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
  const { name, activation } = checkOptions('bayesianDense', denseOptions, options);
  const before = checkedNode('bayesianDense', from);
  const outputSize = checkedUnits('bayesianDense', units);
  const layers = [...before.layers, { name, inputSize: before.units, outputSize, activation }];
  checkSizes('bayesianDense', layers);
  return { units, layers };
}

/**
 * The model that ends in a node.
 * @throws TypeError if the node is an input without layers; RangeError for a prior scale that is not positive
 */
export function toModel(node: Node, options: PriorOptions = {}): Model {
  const prior = priorOf('toModel', checkOptions('toModel', modelOptions, options));
  const { units: outputSize, layers } = checkedNode('toModel', node);
  if (layers.length === 0)
    throw new TypeError('toModel: expected at least one layer, got an input — add bayesianDense');
  return { inputSize: layers[0].inputSize, outputSize, layers, prior };
}

export interface PriorOptions {
  /** Prior of every weight and bias; default gaussian with a standard deviation of 1. */
  readonly prior?: PriorInput;
  /** Standard deviation of a gaussian prior, in place of `prior`. */
  readonly priorSigma?: number;
}

export interface BuildOptions extends PriorOptions {
  readonly inputSize: number;
  readonly hiddenSizes?: readonly number[];
  readonly outputSize: number;
  readonly activation?: Activation;
}

/** @throws TypeError where a prior is given in both ways */
function priorOf(
  where: string,
  { prior, priorSigma }: { readonly prior?: PriorSpec | undefined; readonly priorSigma?: number | undefined },
): PriorSpec {
  if (prior !== undefined && priorSigma !== undefined)
    throw new TypeError(`${where}: expected prior or priorSigma, got both — leave priorSigma out`);
  return prior ?? { kind: 'gaussian', sigma: priorSigma ?? 1 };
}

/**
 * A Bayesian multi-layer perceptron [B, inputSize] → [B, outputSize]: `hiddenSizes` layers with `activation`, then a linear one.
 * @throws RangeError for a size or priorSigma that is not positive; TypeError for an unknown activation
 */
export function build(options: BuildOptions): Model {
  const checked = checkOptions('build', buildOptions, options);
  const { inputSize, hiddenSizes, outputSize, activation } = checked;
  const layers = hiddenSizes.map((units, l): LayerSpec => {
    const from = l === 0 ? inputSize : hiddenSizes[l - 1];
    return { name: `bayesian_dense_${l}`, inputSize: from, outputSize: units, activation };
  });
  const last = hiddenSizes.at(-1) ?? inputSize;
  layers.push({ name: 'output', inputSize: last, outputSize, activation: 'identity' });
  checkSizes('build', layers);
  return { inputSize, outputSize, layers, prior: priorOf('build', checked) };
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
  const { priorSigma } = checkOptions('klCost', priorOptions, options);
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
  const { beta, lossFn } = checkOptions('elboLoss', lossOptions, options);
  const p = toMatrix(predictions, 'elboLoss: predictions');
  const t = toMatrix(targets, 'elboLoss: targets');
  if (p.rows === 0)
    throw new RangeError('elboLoss: expected at least one row, got none — pass a non-empty batch');
  const nats = scalar(kl);
  return (lossFn === 'mse' ? meanSquaredError(p, t) : crossEntropy(p, t)) + beta * nats;
}

function scalar(kl: number | TensorLike): number {
  const { data, shape } = typeof kl === 'number' ? { data: [kl], shape: [] } : toFlat(kl, 'elboLoss: kl');
  if (data.length !== 1)
    throw new TypeError(`elboLoss: expected kl as one number, got shape [${shape.join(', ')}] — use klCost`);
  if (!Number.isFinite(data[0]))
    throw new TypeError(`elboLoss: expected kl as a finite number, got ${data[0]} — use klCost`);
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

function checkedUnits(where: string, value: unknown): number {
  if (units.safeParse(value).success) return value as number;
  const Mistake = typeof value === 'number' ? RangeError : TypeError;
  throw new Mistake(
    `${where}: units: expected a whole number from 1 to ${MAX_UNITS}, got ${describeValue(value)} — units are the width of a layer`,
  );
}

function checkedNode(where: string, node: unknown): Node {
  return readable(where, () => {
    if (typeof node !== 'object' || node === null || !('units' in node) || !('layers' in node)) {
      throw new TypeError(
        `${where}: expected a node, got ${describeValue(node)} — start with input(units), then bayesianDense`,
      );
    }
    const { units, layers } = node as Node;
    if (Array.isArray(layers) && layers.length === 0) return { units: checkedUnits(where, units), layers };
    const inputSize = (layers as readonly (LayerSpec | undefined)[])?.[0]?.inputSize;
    const model = checkModel(where, { inputSize, outputSize: units, layers, prior: 'gaussian' });
    return { units: model.outputSize, layers: model.layers };
  });
}

function checkSizes(where: string, layers: readonly LayerSpec[]): void {
  const problem = networkProblem([layers[0].inputSize, ...layers.map(({ outputSize }) => outputSize)]);
  if (problem !== null)
    throw new RangeError(
      `${where}: expected ${problem.expected}, got ${problem.got} — use fewer or smaller layers`,
    );
}
