// The priors there are, by kind.

import { gaussian } from './gaussian.ts';
import type { Prior, PriorKind } from './prior.ts';

export const PRIORS = { gaussian } as const;

type Priors = typeof PRIORS;

/** A prior on every weight and bias of a layer: the options of one of the members. */
export type PriorSpec = { [Kind in keyof Priors]: Parameters<Priors[Kind]>[0] }[keyof Priors];

export function createPrior(spec: PriorSpec): Prior {
  return (PRIORS[spec.kind] as PriorKind<PriorSpec>)(spec);
}
