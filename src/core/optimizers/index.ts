// The optimizers there are, by the names users call them.

import type { Spec } from '../../options/kinds.ts';
import { adam, adamOptions } from './adam.ts';
import { adamW, adamWOptions } from './adamW.ts';
import { ivon, ivonOptions } from './ivon.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd, sgdOptions } from './sgd.ts';

export const OPTIMIZERS = {
  adam: { options: adamOptions, create: adam },
  adamW: { options: adamWOptions, create: adamW },
  ivon: { options: ivonOptions, create: ivon },
  sgd: { options: sgdOptions, create: sgd },
} as const;

/** An optimizer with its options; those with a default may be left out. */
export type OptimizerSpec = Spec<typeof OPTIMIZERS>;

/** As a training problem holds it. */
export type OptimizerSettings = OptimizerSpec & { readonly learningRate: number };

export function createOptimizer(spec: OptimizerSpec): Optimizer {
  const { create } = OPTIMIZERS[spec.kind];
  return (create as (options: OptimizerSpec) => Optimizer)(spec);
}
