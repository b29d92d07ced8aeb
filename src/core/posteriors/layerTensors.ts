// The tensors of a layer by the parameters that a family has: one order for files and states, and nothing where there is no parameter.

import type { LayerPosterior } from '../posterior.ts';
import { createFamily, type FamilySpec } from './index.ts';
import type { ParameterName } from './posteriorFamily.ts';

export type TensorName = 'weight' | 'bias';

/** Tensors of a layer with their parameters, in the order of files. */
export function tensorParameters(family: FamilySpec | undefined): (readonly [TensorName, ParameterName])[] {
  const { parameters } = createFamily(family);
  return (['weight', 'bias'] as const).flatMap((tensor) =>
    parameters.map((parameter) => [tensor, parameter] as const),
  );
}

/** A layer whose tensors `take` gives, asked for in the order of files; of a parameter that the family has not, none. */
export function layerTensors(
  family: FamilySpec | undefined,
  take: (tensor: TensorName, parameter: ParameterName) => Float32Array,
): Pick<LayerPosterior, 'weight' | 'bias'> {
  const none = (): Record<ParameterName, Float32Array> => ({
    mu: new Float32Array(0),
    rho: new Float32Array(0),
  });
  const layer = { weight: none(), bias: none() };
  for (const [tensor, parameter] of tensorParameters(family))
    layer[tensor][parameter] = take(tensor, parameter);
  return layer;
}
