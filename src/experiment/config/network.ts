// The network of a config: which of the two ways to say it was taken, and the model it comes to once the data are known.

import { build, networkFields } from '../../core/bayesian.ts';
import { layerShape } from '../../core/layers/index.ts';
import { networkProblem } from '../../core/limits.ts';
import type { Activation, LayerSpec, Model } from '../../core/model.ts';
import type { PriorSpec } from '../../core/priors/index.ts';
import { type ResolvableLayer, resolveLayers } from '../../core/sequential.ts';
import { ConfigError } from '../../errors.ts';
import { mismatch, oneLine } from '../../messages.ts';
import type { ParsedConfig } from './schema.ts';

/** Hidden dense layers of one activation. */
export interface PerceptronConfig {
  readonly hiddenSizes: readonly number[];
  readonly activation: Activation;
  /** Of each layer with weights, in place of the one prior. */
  readonly priors?: readonly PriorSpec[];
}

/** Layers of any kind; the outputs are a dense layer behind them. */
export interface LayersConfig {
  /** Default: as many features as there are, in a row. */
  readonly inputShape?: readonly number[];
  readonly layers: readonly ResolvableLayer[];
  readonly priors?: readonly PriorSpec[];
}

export type ModelConfig = PerceptronConfig | LayersConfig;

/** The name of the last layer, which gives the outputs. */
const OUTPUT = 'output';

/** @throws ConfigError where the network is said in both ways, or cannot be whatever the data */
export function resolveModel(model: ParsedConfig['model'], file: string): ModelConfig {
  const { layers, inputShape, hiddenSizes, activation } = model;
  const priors = model.priors === undefined ? {} : { priors: model.priors };
  if (layers !== undefined) {
    for (const other of ['hiddenSizes', 'activation'] as const)
      if (model[other] !== undefined)
        throw problem(
          `${file}: model`,
          'layers, or hiddenSizes and activation',
          `layers and ${other}`,
          `leave ${other} out`,
        );
    return {
      ...(inputShape === undefined ? {} : { inputShape }),
      layers: layers as unknown as ResolvableLayer[],
      ...priors,
    };
  }
  if (inputShape !== undefined)
    throw problem(
      `${file}: model.inputShape`,
      'layers with it',
      'none',
      'name model.layers, or leave it out',
    );
  const sizes = hiddenSizes ?? networkFields.hiddenSizes.parse(undefined);
  const found = networkProblem([1, ...sizes, 1]);
  if (found !== null)
    throw problem(`${file}: model.hiddenSizes`, found.expected, found.got, 'use fewer or smaller layers');
  return {
    hiddenSizes: sizes,
    activation: activation ?? networkFields.activation.parse(undefined),
    ...priors,
  };
}

/**
 * The network from `inputs` features to `outputs` outputs.
 * @throws ConfigError, naming the field, where its layers do not fit them or each other
 */
export function networkOf(
  config: ModelConfig,
  inputs: number,
  outputs: number,
  prior: PriorSpec,
  where: string,
): Model {
  if (!('layers' in config)) {
    const { hiddenSizes, activation } = config;
    const found = networkProblem([inputs, ...hiddenSizes, outputs]);
    if (found !== null)
      throw problem(`${where}: model.hiddenSizes`, found.expected, found.got, 'use fewer or smaller layers');
    const model = build({ inputSize: inputs, hiddenSizes, outputSize: outputs, activation, prior });
    return { ...model, layers: withPriors(model.layers, config.priors, where) };
  }
  const { inputShape = [inputs], layers } = config;
  const size = inputShape.reduce((product, n) => product * n, 1);
  if (size !== inputs) {
    const got = `[${inputShape.join(', ')}], which is ${size}`;
    throw problem(`${where}: model.inputShape`, `sizes of ${inputs} features in all`, got, 'correct it');
  }
  const last = { kind: 'dense', name: OUTPUT, activation: 'identity', units: outputs } as ResolvableLayer;
  return {
    inputSize: inputs,
    outputSize: outputs,
    layers: withPriors(resolved(where, inputShape, [...layers, last]), config.priors, where),
    prior,
  };
}

/** Each layer with weights with its own of the priors, where there are some. */
function withPriors(
  layers: readonly LayerSpec[],
  priors: readonly PriorSpec[] | undefined,
  where: string,
): readonly LayerSpec[] {
  if (priors === undefined) return layers;
  const at = `${where}: model.priors`;
  const weighted = layers.filter((layer) => layerShape(layer).O > 0);
  const own = weighted.find((layer) => layer.prior !== undefined);
  if (own !== undefined)
    throw problem(at, 'no prior of a layer next to it', `one of ${own.name}`, 'keep one of the two');
  if (priors.length !== weighted.length) {
    const names = weighted.map(({ name }) => name).join(', ');
    throw problem(at, `${weighted.length} priors, of ${names}`, `${priors.length}`, 'give one for each');
  }
  return layers.map((layer) => {
    const n = weighted.indexOf(layer);
    return n < 0 ? layer : { ...layer, prior: priors[n] };
  });
}

function resolved(
  where: string,
  inputShape: readonly number[],
  layers: readonly ResolvableLayer[],
): LayerSpec[] {
  try {
    return resolveLayers(`${where}: model`, inputShape, layers);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConfigError(oneLine(cause.message.replace(`${where}: model: `, `${where}: model.`)), { cause });
  }
}

/** What people read of a network: `hidden layers 50, 50`, or `layers dense, conv2d`. */
export function describeModel(config: ModelConfig): string {
  if ('layers' in config) return `layers ${config.layers.map(({ kind }) => kind).join(', ')}`;
  return `hidden layers ${config.hiddenSizes.join(', ') || 'none'}`;
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}
