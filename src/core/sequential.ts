// Models of layers of any kind, one after the other or with connections past some of them.

import { ACTIVATIONS } from '../backend/backend.ts';
import { checkOptions } from '../options/check.ts';
import * as fields from '../options/fields.ts';
import { type Member, oneOfKind } from '../options/kinds.ts';
import { DEFAULT_LAYER, LAYERS, type LayerInput, type LayerSpec, layerKind } from './layers/index.ts';
import { MAX_LAYERS, MAX_PARAMETERS, MAX_UNITS } from './limits.ts';
import type { Model } from './model.ts';
import { parameterLayout } from './parameters.ts';
import { PRIORS, type PriorInput } from './priors/index.ts';

const { count, list, oneOf, section, text } = fields;

/** What may be said of a layer of any kind, besides its own options. */
const base = {
  name: text('a name', 'What the layer is called. Default: its kind and number.').optional(),
  activation: oneOf(ACTIVATIONS, 'Activation of the layer.').default('identity'),
  inputs: list(
    text('the name of a layer', 'A layer.'),
    'a list of names of layers',
    'Layers it reads, by name; input is that of the network. Default: the layer before.',
  ).optional(),
  prior: oneOfKind(PRIORS, 'Prior of its weights and biases. Default: that of the model.').optional(),
};

/** Every kind of layer as a member with the options all layers have. */
const KINDS = Object.fromEntries(
  Object.entries(LAYERS).map(([kind, { options }]): [string, Member] => [
    kind,
    { options: (of) => ({ ...base, ...(options as Member['options'])(of) }) },
  ]),
);

/** The layers of a network in their order; a config has the field too. */
export const layersField = list(
  oneOfKind(KINDS, 'A layer.'),
  'a list of layers',
  'Layers, each a map with kind and options, from the input to the output.',
);

/** The shape of a row; a config has the field too. */
export const shapeField = list(
  count('Size.', MAX_UNITS),
  'a list of sizes',
  'Shape of a row of features, channels last: [28, 28, 1] for images of one channel.',
);
const sequentialOptions = section({
  inputShape: shapeField,
  layers: layersField,
  prior: oneOfKind(PRIORS, 'Prior of every weight and bias.').default({
    kind: 'gaussian',
    sigma: 1,
  } as never),
});

export interface SequentialOptions {
  /** Shape of a row of data, channels last: [784], or [28, 28, 1] for images of one channel, pixels row by row. */
  readonly inputShape: readonly number[];
  readonly layers: readonly LayerInput[];
  /** Default: gaussian with a standard deviation of 1. */
  readonly prior?: PriorInput;
}

/**
 * A network of layers, each reading the one before it or those it names.
 * @returns a model [B, inputShape] → [B, units of the last layer]; rows are flat, as everywhere
 * @throws TypeError or RangeError, naming the layer, for options that are unknown or do not fit its input
 * @example
 * sequential({
 *   inputShape: [28, 28, 1],
 *   layers: [
 *     { kind: 'dense', units: 100, activation: 'relu', name: 'first' },
 *     { kind: 'dense', units: 100, activation: 'relu', name: 'second' },
 *     { kind: 'add', inputs: ['first', 'second'] },
 *     { kind: 'dense', units: 10 },
 *   ],
 * });
 */
export function sequential(options: SequentialOptions): Model {
  const { inputShape, layers, prior } = checkOptions('sequential', sequentialOptions, options);
  const specs = resolveLayers('sequential', inputShape, layers as unknown as ResolvableLayer[]);
  const model = {
    inputSize: size(inputShape),
    outputSize: specs.at(-1)?.outputSize ?? 0,
    layers: specs,
    prior,
  };
  return model as Model;
}

/** A layer whose options were checked. */
export type ResolvableLayer = { readonly kind: string } & Pick<LayerSpec, 'activation'> & {
    readonly name?: string | undefined;
    readonly inputs?: readonly string[] | undefined;
    readonly prior?: LayerSpec['prior'] | undefined;
  };

/**
 * Complete specs of layers from what a user said of them.
 * @throws RangeError naming the layer that does not fit
 */
export function resolveLayers(
  where: string,
  inputShape: readonly number[],
  layers: readonly ResolvableLayer[],
): LayerSpec[] {
  if (layers.length === 0 || layers.length > MAX_LAYERS) {
    throw new RangeError(
      `${where}: layers: expected 1 to ${MAX_LAYERS} layers, got ${layers.length} — say what the network is`,
    );
  }
  const names: string[] = [];
  const shapes: (readonly number[])[] = [];
  const read = new Set<number>();
  const specs = layers.map((layer, l) => {
    const at = `${where}: layers[${l}]`;
    const { kind, name = `${kind}_${l}`, activation, inputs: wanted, prior, ...own } = layer;
    if (name === 'input' || names.includes(name))
      throw new RangeError(`${at}: name: expected a name of its own, got ${cut(name)} — choose another`);
    const inputs = wanted?.map((from) => numberOf(at, from, names)) ?? [l - 1];
    for (const input of inputs) read.add(input);
    const [first, ...others] = inputs.map((input) => (input < 0 ? inputShape : shapes[input]));
    const { outputShape, own: ownSpec } = resolved(at, kind, own, first, others);
    names.push(name);
    shapes.push(outputShape);
    return {
      ...(kind === DEFAULT_LAYER ? {} : { kind }),
      name,
      inputSize: size(first),
      outputSize: size(outputShape),
      activation,
      ...(wanted === undefined ? {} : { inputs }),
      ...(prior === undefined ? {} : { prior }),
      ...ownSpec,
    } as LayerSpec;
  });
  const unread = specs.findIndex((_, l) => l < specs.length - 1 && !read.has(l));
  if (unread >= 0) {
    throw new RangeError(
      `${where}: layers[${unread}]: expected a layer that another reads, got none for ${cut(names[unread])} — name it among the inputs of a later one, or leave it out`,
    );
  }
  checkParameters(where, specs, size(inputShape));
  return specs;
}

/** A name as a message repeats it. */
function cut(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}

function numberOf(at: string, name: string, names: readonly string[]): number {
  if (name === 'input') return -1;
  const found = names.indexOf(name);
  if (found >= 0) return found;
  throw new RangeError(
    `${at}: inputs: expected input or an earlier layer${names.length > 0 ? ` (${names.slice(-5).map(cut).join(', ')})` : ''}, got ${cut(name)} — name one that stands before it`,
  );
}

function resolved(
  at: string,
  kind: string,
  own: object,
  first: readonly number[],
  others: readonly (readonly number[])[],
) {
  const member = layerKind({ kind });
  const needed = member.weightless === undefined ? 1 : 2;
  const count = 1 + others.length;
  if (needed === 1 ? count !== 1 : count < needed) {
    const expected = needed === 1 ? 'one input' : `at least ${needed} inputs`;
    throw new RangeError(`${at}: inputs: expected ${expected}, got ${count} — name the layers ${kind} reads`);
  }
  const other = others.find((shape) => shape.join() !== first.join());
  if (other !== undefined) {
    throw new RangeError(
      `${at}: inputs: expected layers of one shape, got [${first.join(', ')}] and [${other.join(', ')}] — make their sizes equal`,
    );
  }
  try {
    return member.resolve(own as never, first);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new RangeError(`${at}: ${cause.message}`, { cause });
  }
}

function checkParameters(where: string, layers: readonly LayerSpec[], inputSize: number): void {
  const prior = { kind: 'gaussian', sigma: 1 } as const;
  const wide = layers.find(({ outputSize }) => outputSize > MAX_UNITS);
  if (wide !== undefined) {
    throw new RangeError(
      `${where}: expected at most ${MAX_UNITS} units a layer, got ${wide.outputSize} in ${cut(wide.name)} — use smaller layers`,
    );
  }
  const { size: parameters } = parameterLayout({
    inputSize,
    outputSize: layers[layers.length - 1].outputSize,
    layers,
    prior,
  });
  if (parameters > MAX_PARAMETERS) {
    throw new RangeError(
      `${where}: expected at most ${MAX_PARAMETERS} weights and biases, got ${parameters} — use fewer or smaller layers`,
    );
  }
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
