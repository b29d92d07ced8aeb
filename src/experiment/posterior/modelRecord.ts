// A model as saved files hold it: a schema made of what each kind of layer and prior says it saves. A gaussian prior is written as its
// standard deviation and a dense layer without its kind, as they were when there were no others.

import * as z from 'zod';
import { ACTIVATIONS } from '../../backend/backend.ts';
import { DEFAULT_LAYER, LAYERS, type LayerSpec, layerKind } from '../../core/layers/index.ts';
import type { Model } from '../../core/model.ts';
import { PRIORS } from '../../core/priors/index.ts';
import * as fields from '../../options/fields.ts';
import { type Member, oneOfKind } from '../../options/kinds.ts';

const SIZE = 'a whole number of at least 1';
const positiveSize = z.number({ error: SIZE }).int({ error: SIZE }).min(1, { error: SIZE });
const positive = z.number({ error: 'a number above 0' }).gt(0, { error: 'a number above 0' });
const prior = oneOfKind(PRIORS, 'Prior.');
const NUMBER = 'the number of an earlier layer, or -1';

const base = {
  name: z.string({ error: 'a string' }),
  inputSize: positiveSize,
  outputSize: positiveSize,
  activation: z.enum(ACTIVATIONS, { error: ACTIVATIONS.join(', ') }),
  inputs: z
    .array(z.number({ error: NUMBER }).int({ error: NUMBER }).min(-1, { error: NUMBER }), {
      error: 'a list of numbers of layers',
    })
    .min(1, { error: 'a list of numbers of layers' })
    .optional(),
  prior: prior.optional(),
};

const kinds = Object.entries(LAYERS).map(([kind, { saved }]) => {
  const own = (saved as Member['options'])(fields);
  return z.strictObject({ kind: z.literal(kind), ...base, ...own }, { error: 'a layer' });
});

/** A layer; without a kind it is dense. */
const layer = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && !('kind' in value)
      ? { kind: DEFAULT_LAYER, ...value }
      : value,
  z.discriminatedUnion('kind', kinds as never, {
    error: ({ input }) =>
      typeof input === 'object' && input !== null
        ? `a layer of a kind known here: ${Object.keys(LAYERS).join(', ')}`
        : 'a layer',
  }),
);

/** A saved model, its layers each as it was before it was saved. */
export const modelSchema = z
  .strictObject(
    {
      inputSize: positiveSize,
      outputSize: positiveSize,
      priorSigma: positive.optional(),
      prior: prior.optional(),
      layers: z.array(layer, { error: 'a list of layers' }).min(1, { error: 'at least one layer' }),
    },
    { error: 'a model' },
  )
  .refine(({ prior, priorSigma }) => (prior === undefined) !== (priorSigma === undefined), {
    error: 'a prior',
    path: ['prior'],
  })
  .transform(
    ({ inputSize, outputSize, priorSigma, prior, layers }): Model => ({
      inputSize,
      outputSize,
      layers: (layers as LayerSpec[]).map(asIs),
      prior: prior ?? { kind: 'gaussian', sigma: priorSigma as number },
    }),
  );

/** Without what stands for an absence. */
function asIs(spec: LayerSpec): LayerSpec {
  const { kind, ...rest } = spec;
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return (kind === undefined || kind === DEFAULT_LAYER ? said : { kind, ...said }) as unknown as LayerSpec;
}

/** Only the fields of the format, in one order, whatever else the caller's object carries. */
export function plainModel({ inputSize, outputSize, prior, layers }: Model): object {
  return {
    inputSize,
    outputSize,
    ...(prior.kind === DEFAULT_PRIOR ? { priorSigma: prior.sigma } : { prior }),
    layers: layers.map(plainLayer),
  };
}

const DEFAULT_PRIOR = 'gaussian';

function plainLayer(spec: LayerSpec): object {
  const { name, inputSize, outputSize, activation, inputs, prior } = spec;
  const own = Object.keys((layerKind(spec).saved as Member['options'])(fields));
  const values = spec as unknown as Record<string, unknown>;
  return {
    ...(spec.kind === undefined || spec.kind === DEFAULT_LAYER ? {} : { kind: spec.kind }),
    name,
    inputSize,
    outputSize,
    activation,
    ...(inputs === undefined ? {} : { inputs }),
    ...(prior === undefined ? {} : { prior }),
    ...Object.fromEntries(own.map((key) => [key, values[key]])),
  };
}

/** What is wrong with the sizes of a model's layers, or null. */
export function modelProblem({ inputSize, outputSize, layers }: Model): {
  readonly at: string;
  readonly expected: string;
  readonly got: string;
} | null {
  for (const [n, { inputSize: own, inputs = [n - 1] }] of layers.entries()) {
    for (const input of inputs) {
      if (input >= n) return { at: `layers[${n}].inputs`, expected: 'earlier layers', got: `${input}` };
      const width = input < 0 ? inputSize : layers[input].outputSize;
      if (own !== width) return { at: `layers[${n}].inputSize`, expected: `${width}`, got: `${own}` };
    }
    const shape = layerKind(layers[n]).shape(layers[n]);
    if (shape.units !== layers[n].outputSize || shape.inputUnits !== own) {
      const [expected, got] = [`${shape.inputUnits} → ${shape.units}`, `${own} → ${layers[n].outputSize}`];
      return { at: `layers[${n}]`, expected, got };
    }
  }
  const last = layers[layers.length - 1].outputSize;
  return last === outputSize ? null : { at: 'outputSize', expected: `${last}`, got: `${outputSize}` };
}
