// The layers there are, by kind.

import { add } from './add.ts';
import { dense } from './dense.ts';
import type { LayerKind, LayerSpecBase } from './layer.ts';

export const LAYERS = { dense, add } as const;

type Layers = typeof LAYERS;

/** A layer of a model: the options of one of the members. */
export type LayerSpec = { [Kind in keyof Layers]: Parameters<Layers[Kind]['shape']>[0] }[keyof Layers];

/** The kind of a layer's spec; one that names none is dense. */
export function layerKind({ kind = 'dense' }: LayerSpecBase): LayerKind<LayerSpecBase> {
  return LAYERS[kind as keyof typeof LAYERS] as LayerKind<LayerSpecBase>;
}
