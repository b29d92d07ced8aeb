// The layers there are, by the names users call them.

import type { Activation } from '../../backend/backend.ts';
import type { Spec } from '../../options/kinds.ts';
import type { PriorInput } from '../priors/index.ts';
import { add } from './add.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import type { LayerKind, LayerShape, LayerSpecBase } from './layer.ts';

export const LAYERS = { dense, add, conv2d } as const;

type Layers = typeof LAYERS;

/** A layer of a model, complete: what files hold and workers compute from. */
export type LayerSpec = { [Kind in keyof Layers]: Parameters<Layers[Kind]['shape']>[0] }[keyof Layers];

/** What may be said of a layer of any kind. */
export interface LayerInputBase {
  /** What the layer is called; `<kind>_<number>` where there is none. */
  readonly name?: string;
  /** Default: identity. */
  readonly activation?: Activation;
  /** Names of the layers it reads, `input` for the network's; default: the layer before. */
  readonly inputs?: readonly string[];
  /** Prior of its weights and biases; default: the model's. */
  readonly prior?: PriorInput;
}

/** A layer as a user writes it: its kind and options, those with a default may be left out. */
export type LayerInput = Spec<Layers> & LayerInputBase;

/** The kind of a layer that names none, in files and in models of `build`; it is never written down. */
export const DEFAULT_LAYER = 'dense';

/** The kind of a layer's spec. */
export function layerKind({ kind = DEFAULT_LAYER }: Pick<LayerSpecBase, 'kind'>): LayerKind<LayerSpecBase> {
  return LAYERS[kind as keyof Layers] as unknown as LayerKind<LayerSpecBase>;
}

/** Sizes of a layer. */
export function layerShape(spec: LayerSpec): LayerShape {
  return layerKind(spec).shape(spec);
}
