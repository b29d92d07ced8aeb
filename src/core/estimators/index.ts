// The estimators of training there are, by kind.

import { antithetic } from './antithetic.ts';
import type { Estimator } from './estimator.ts';
import { flipout } from './flipout.ts';
import { localReparameterization } from './localReparameterization.ts';
import { reparameterization } from './reparameterization.ts';

export const ESTIMATORS = { reparameterization, localReparameterization, flipout, antithetic } as const;

/** How training enters uncertain weights into a step. */
export type EstimatorSpec = { readonly kind: keyof typeof ESTIMATORS };

/** The estimator of a spec; reparameterization where there is none. */
export function estimatorKind(spec: EstimatorSpec | undefined): Estimator<unknown> {
  return ESTIMATORS[spec?.kind ?? 'reparameterization'] as Estimator<unknown>;
}
